/** Starts a server and waits to be killed, for the test of what happens then. */
import { startRedis } from './redis-server.ts';

const server = await startRedis();
console.log(server.pid);
setInterval(() => {}, 1_000);
