/** The embedded server. */
export { settings, type StandaloneConfig } from './config.ts';
export { startServer, type StandaloneServer } from './server.ts';
