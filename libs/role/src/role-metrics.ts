/** What role workers do and can do as metrics, for whichever process they are part of. */
import { ROLE_NAMES, type RoleName } from '@mosaic-cluster/bus';
import { RESULT, type ResultCode, resultName } from '@mosaic-cluster/protocol';
import type { Metrics } from '@mosaic-cluster/runtime';
import type { CacheFigures, LogState } from '@mosaic-cluster/store';
import { defineHookMetrics } from './hook/hook-metrics.ts';
import { defineCommitMetrics } from './commit-metrics.ts';
import { defineRequestMetrics, type MeasureRole } from './measured-role.ts';
import { defineRemovalMetrics, type MeasuredFollower } from './removal-metrics.ts';
import { defineStoreMetrics } from './store-metrics.ts';
import type { HookEvents, PolicyHook } from './hook/policy-hook.ts';
import type { WorkerEvents } from './role-worker-deps.ts';
import { ACCEPT_RULES } from './rules/accept-rules.ts';

/** A role at work, as far as its metrics go. */
export interface MeasuredRole {
  readonly role: RoleName;
  readonly log: {
    readonly state: LogState;
    readonly cachedBytes: number;
    readonly cacheFigures: CacheFigures;
  };
  readonly worker: { readonly waiting: number; readonly isBehind: boolean };
}

/** The metrics of the roles of one process. */
export interface RoleMetrics {
  /** What a worker's events are counted by; give them to the worker. */
  events(role: RoleName): Pick<WorkerEvents, keyof Omit<WorkerEvents, 'failed'>>;
  /** What the answers of the policy hook are counted by. */
  readonly hookEvents: HookEvents;
  /** Has the gauges ask a hook. */
  watchHook(hook: Pick<PolicyHook, 'waiting' | 'restarts'>): void;
  /** A role's service that is measured: what goes on the bus. */
  readonly measure: MeasureRole;
  /** Has the gauges ask a role that is at work. */
  watch(role: MeasuredRole): void;
  /** Has the gauges ask who follows what operators remove in a role. */
  watchRemovals(role: RoleName, follower: MeasuredFollower): void;
}

const RESULTS: readonly string[] = Object.values(RESULT).map(nameOf);

/**
 * Defines the metrics of roles in a process.
 *
 * @param names the roles that the process may play
 */
export function defineRoleMetrics(
  metrics: Metrics,
  names: readonly RoleName[] = ROLE_NAMES,
): RoleMetrics {
  const measure = defineRequestMetrics(metrics, names);
  const commitEvents = defineCommitMetrics(metrics, names);
  const watchStore = defineStoreMetrics(metrics, names);
  const { judged, refused } = metrics.define({
    judged: {
      type: 'counter',
      name: 'mosaic_role_submission_results_total',
      help: 'Submissions that a role judged, by result.',
      remedy:
        'temporary_error: see the failures of commits. too_fast: too much waits for a commit, or an author is over a budget.',
      labels: { role: names, result: RESULTS },
    },
    refused: {
      type: 'counter',
      name: 'mosaic_role_refusals_total',
      help: "Records that were refused though they are in order: by an accept rule, their author's budget (rate) or the policy hook.",
      labels: { role: names, by: [...ACCEPT_RULES, 'rate', 'hook'] },
    },
  });
  return {
    ...defineHookMetrics(metrics),
    events: (role) => {
      const byResult = new Map<ResultCode, { increment(): void }>(
        Object.values(RESULT).map((code) => [code, judged.with({ role, result: nameOf(code) })]),
      );
      return {
        ...commitEvents(role),
        submitted: (result) => byResult.get(result)?.increment(),
        refused: (by) => refused.with({ role, by }).increment(),
      };
    },
    measure,
    watch: watchStore,
    watchRemovals: defineRemovalMetrics(metrics, names),
  };
}

function nameOf(code: ResultCode): string {
  return resultName(code)?.toLowerCase() ?? String(code);
}
