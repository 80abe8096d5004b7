/** What the workers of all roles are made of: settings, stores, and the worker on the bus. */
export { startWorker, type WorkerRole } from './start-worker.ts';
export { type WorkerConfig, workerProblems, workerSettings } from './worker-settings.ts';
