/** The worker engine that outbox, inbox and encryption share. */
export { COMMIT_BOUNDS, type CommitBounds } from './commit-limits.ts';
export {
  type CompactedRole,
  COMPACTION_GRACE_MS,
  compactRole,
  type CompactRoleOptions,
} from './compaction/compact-role.ts';
export { type CompactionRun, CompactionRuns } from './compaction/compaction-runs.ts';
export { defineRewriteMetrics, type RewriteEvents } from './rewrite-metrics.ts';
export { SegmentRewriter, type SegmentRewriterOptions } from './compaction/segment-rewriter.ts';
export {
  IndexKeeper,
  type IndexKeeperEvents,
  type IndexKeeperOptions,
  type IndexState,
} from './index-keeper.ts';
export { KeyDirectory, type KeyDirectoryOptions } from './key-directory.ts';
export {
  type Decision,
  DECIDED_BY_BYTES_MAX,
  decidedRecords,
  type DecisionDetails,
  type DecisionLookup,
  DECISIONS_COLLECTION,
  ModerationDecisions,
} from './moderation-decisions.ts';
export {
  type DecisionOutcome,
  type HeldPage,
  type HeldRequest,
  type ModeratedRecord,
  Moderator,
  type ModeratorDeps,
} from './moderator.ts';
export { notifiedKeys, repliedReferences } from './notified.ts';
export { notifiedPaths } from './query-plan.ts';
export type { PendingSchedules } from './pending-schedules.ts';
export {
  rebuildIndex,
  type RebuildOptions,
  type RebuildProgress,
  type RebuildResult,
} from './rebuild.ts';
export {
  type NewUser,
  type RegisteredUser,
  RegisteredUsers,
  servedUsers,
  type ServedUsersOptions,
  USER_ADDED_BY_BYTES_MAX,
  USER_NOTE_BYTES_MAX,
  USERS_COLLECTION,
} from './registered-users.ts';
export type {
  AuthorLookup,
  PolicyContext,
  PolicyVerdict,
  RolePolicy,
  ServedUsers,
  StoredForReading,
} from './role-policy.ts';
export { RemovalFollower, type RemovalFollowerOptions } from './removal-follower.ts';
export {
  type NewRemoval,
  type RecordPlace,
  type Removal,
  type RemovalNote,
  REMOVED_BY_BYTES_MAX,
  REMOVED_COLLECTION,
  REMOVED_REASON_BYTES_MAX,
  type Restoration,
} from './removal-facts.ts';
export {
  NOTHING_REMOVED,
  type RemovalLookup,
  removedRecords,
  RemovedRecords,
} from './removed-records.ts';
export {
  type NewRestoration,
  restoredRecords,
  RestoredRecords,
  restoreRecords,
} from './restored-records.ts';
export type { HookVerdict } from './hook/hook-message.ts';
export {
  HOOK_ANSWERS,
  HOOK_FALLBACKS,
  type HookAnswerName,
  type HookEvents,
  type HookFallback,
  type HookQuestion,
  openPolicyHook,
  PolicyHook,
  type PolicyHookOptions,
} from './hook/policy-hook.ts';
export { openConfiguredHook } from './hook/open-configured-hook.ts';
export {
  ACCEPT_RULES,
  type AcceptBounds,
  type AcceptRule,
  type AcceptRules,
} from './rules/accept-rules.ts';
export type { KindSet } from './rules/kind-set.ts';
export { parseAcceptRules } from './rules/parse-accept-rules.ts';
export { type MeasureRole } from './measured-role.ts';
export { watchModeration } from './moderation-metrics.ts';
export { openVerifier } from './open-verifier.ts';
export { measureVerifier, type WatchedVerifier } from './verifier-metrics.ts';
export { defineRoleMetrics, type MeasuredRole, type RoleMetrics } from './role-metrics.ts';
export {
  hookCommand,
  type RoleConfig,
  roleProblems,
  roleRules,
  roleSettings,
} from './role-settings.ts';
export { isNotWhole, type ScheduleSource } from './schedule-sources.ts';
export { RequestWatcher, type RequestWatcherOptions } from './request-watch.ts';
export { RoleWorker } from './role-worker.ts';
export type {
  RecordVerifier,
  RefusedBy,
  RoleWorkerDeps,
  WorkerEvents,
} from './role-worker-deps.ts';
