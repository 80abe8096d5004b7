/** What role workers do and can do as metrics, for whichever process they are part of. */
import { ROLE_NAMES, type RoleName } from '@mosaic-cluster/bus';
import { RESULT, type ResultCode, resultName } from '@mosaic-cluster/protocol';
import type { Metrics } from '@mosaic-cluster/runtime';
import type { LogState } from '@mosaic-cluster/store';
import { defineHookMetrics } from './hook/hook-metrics.ts';
import type { HookEvents, PolicyHook } from './hook/policy-hook.ts';
import type { WorkerEvents } from './role-worker-deps.ts';
import { ACCEPT_RULES } from './rules/accept-rules.ts';

/** A role at work, as far as its metrics go. */
export interface MeasuredRole {
  readonly role: RoleName;
  readonly log: { readonly state: LogState };
  readonly worker: { readonly waiting: number };
}

/** The metrics of the roles of one process. */
export interface RoleMetrics {
  /** What a worker's events are counted by; give them to the worker. */
  events(role: RoleName): Pick<WorkerEvents, 'submitted' | 'refused' | 'committed'>;
  /** What the answers of the policy hook are counted by. */
  readonly hookEvents: HookEvents;
  /** Has the gauges ask a hook. */
  watchHook(hook: Pick<PolicyHook, 'waiting' | 'restarts'>): void;
  /** Has the gauges ask a role that is at work. */
  watch(role: MeasuredRole): void;
}

const RESULTS: readonly string[] = Object.values(RESULT).map(nameOf);

/** Defines the metrics of roles in a process. */
export function defineRoleMetrics(metrics: Metrics): RoleMetrics {
  const labels = { role: ROLE_NAMES } as const;
  const { judged, refused, commits, records, bytes, waiting, writable } = metrics.define({
    judged: {
      type: 'counter',
      name: 'mosaic_role_submission_results_total',
      help: 'Submissions that a role judged, by result.',
      labels: { ...labels, result: RESULTS },
    },
    refused: {
      type: 'counter',
      name: 'mosaic_role_refusals_total',
      help: "Records that were refused though they are in order: by an accept rule, their author's budget (rate) or the policy hook.",
      labels: { ...labels, by: [...ACCEPT_RULES, 'rate', 'hook'] },
    },
    commits: {
      type: 'counter',
      name: 'mosaic_role_commits_total',
      help: 'Group commits: one append to the log and one addition to the index each.',
      labels,
    },
    records: {
      type: 'counter',
      name: 'mosaic_role_committed_records_total',
      help: 'Records that commits brought.',
      labels,
    },
    bytes: {
      type: 'counter',
      name: 'mosaic_role_committed_bytes_total',
      help: 'Bytes of the records that commits brought.',
      labels,
    },
    waiting: {
      type: 'gauge',
      name: 'mosaic_role_commit_waiting_records',
      help: 'Records that wait for a commit.',
      labels,
    },
    writable: {
      type: 'gauge',
      name: 'mosaic_segment_log_writable',
      help: 'Whether a role takes records: 1, or 0 where its store is full or failing.',
      labels,
    },
  });
  return {
    ...defineHookMetrics(metrics),
    events: (role) => {
      const byResult = new Map<ResultCode, { increment(): void }>(
        Object.values(RESULT).map((code) => [code, judged.with({ role, result: nameOf(code) })]),
      );
      const [ofCommits, ofRecords, ofBytes] = [commits, records, bytes].map((each) =>
        each.with({ role }),
      );
      return {
        submitted: (result) => byResult.get(result)?.increment(),
        refused: (by) => refused.with({ role, by }).increment(),
        committed: (count, size) => {
          ofCommits?.increment();
          ofRecords?.increment(count);
          ofBytes?.increment(size);
        },
      };
    },
    watch: ({ role, log, worker }) => {
      writable.with({ role }).readFrom(() => (log.state.writable ? 1 : 0));
      waiting.with({ role }).readFrom(() => worker.waiting);
    },
  };
}

function nameOf(code: ResultCode): string {
  return resultName(code)?.toLowerCase() ?? String(code);
}
