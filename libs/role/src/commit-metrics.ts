/** How the group commits of roles go, as metrics. */
import type { RoleName } from '@mosaic-cluster/bus';
import { BATCH_BUCKETS, LATENCY_BUCKETS, type Metrics } from '@mosaic-cluster/runtime';
import type { WorkerEvents } from './role-worker-deps.ts';

/** What a pipeline's events are counted by. */
export type CommitEvents = Required<
  Pick<WorkerEvents, 'committed' | 'appended' | 'indexed' | 'commitFailed'>
>;

const STEPS = ['append', 'index'] as const;

/** Defines the metrics of the commits of roles. */
export function defineCommitMetrics(
  metrics: Metrics,
  names: readonly RoleName[],
): (role: RoleName) => CommitEvents {
  const labels = { role: names } as const;
  const { commits, records, bytes, batch, append, index, failures } = metrics.define({
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
    batch: {
      type: 'histogram',
      name: 'mosaic_role_commit_records',
      help: 'Records of one group commit.',
      labels,
      buckets: BATCH_BUCKETS,
    },
    append: {
      type: 'histogram',
      name: 'mosaic_role_append_duration_seconds',
      help: 'From the begin of a group commit to its being durable: a sync of a file, or a PUT.',
      remedy:
        'It is the disk or the object store that is slow: see the requests to the object store.',
      labels,
      buckets: LATENCY_BUCKETS,
    },
    index: {
      type: 'histogram',
      name: 'mosaic_role_indexing_duration_seconds',
      help: 'From there until all of it is found.',
      remedy: 'See the calls of Redis; in the embedded server, CPU and disk.',
      labels,
      buckets: LATENCY_BUCKETS,
    },
    failures: {
      type: 'counter',
      name: 'mosaic_role_commit_failures_total',
      help: 'Group commits that failed, by step; their submitters were told to try again.',
      remedy:
        'append: the object store, or the disk; index: Redis. The log of the worker has the reason.',
      labels: { ...labels, step: STEPS },
    },
  });
  return (role) => {
    const [ofCommits, ofRecords, ofBytes] = [commits, records, bytes].map((it) =>
      it.with({ role }),
    );
    const [ofBatch, ofAppend, ofIndex] = [batch, append, index].map((it) => it.with({ role }));
    return {
      committed: (count, size) => {
        ofCommits?.increment();
        ofRecords?.increment(count);
        ofBytes?.increment(size);
      },
      appended: (count, seconds) => {
        ofBatch?.observe(count);
        ofAppend?.observe(seconds);
      },
      indexed: (seconds) => ofIndex?.observe(seconds),
      commitFailed: (step) => failures.with({ role, step }).increment(),
    };
  };
}
