/** The worker engine that outbox, inbox and encryption share. */
export { type CommitBounds } from './commit-pipeline.ts';
export { KeyDirectory, type ScheduleSource } from './key-directory.ts';
export { notifiedKeys, repliedReferences, speaksToSomebody } from './notified.ts';
export type {
  PolicyContext,
  PolicyVerdict,
  RolePolicy,
  ServedUsers,
  StoredForReading,
} from './role-policy.ts';
export {
  type RecordVerifier,
  RoleWorker,
  type RoleWorkerDeps,
  type WorkerEvents,
} from './role-worker.ts';
