/** What a worker does with the record indexes on Redis and how long that takes, as metrics. */
import { LATENCY_BUCKETS, type Metrics, timed } from '@mosaic-cluster/runtime';
import type { RecordIndex } from '@mosaic-cluster/store';

const OPERATIONS = ['add', 'restore', 'remove', 'release', 'lookup', 'scan'] as const;

type Operation = (typeof OPERATIONS)[number];

/** Defines the metrics of the indexes of a process; what is given measures one. */
export function measureIndex(metrics: Metrics): (index: RecordIndex) => RecordIndex {
  const labels = { operation: OPERATIONS } as const;
  const { seconds, failures } = metrics.define({
    seconds: {
      type: 'histogram',
      name: 'mosaic_index_operation_duration_seconds',
      help: 'Operations on record indexes, by operation: each is one or more requests to Redis.',
      remedy:
        'See the requests to Redis. A slow restore is a rebuild, which gives way to the rest.',
      labels,
      buckets: LATENCY_BUCKETS,
    },
    failures: {
      type: 'counter',
      name: 'mosaic_index_operation_failures_total',
      help: 'Operations on record indexes that failed.',
      remedy: 'See the failures of Redis; the log has the reason.',
      labels,
    },
  });
  return (index) => {
    const measured = <T>(operation: Operation, work: () => Promise<T>): Promise<T> =>
      timed(seconds.with({ operation }), failures.with({ operation }), work);
    return {
      isShared: index.isShared,
      add: (additions, appliedTo) => measured('add', () => index.add(additions, appliedTo)),
      restore: (additions) => measured('restore', () => index.restore(additions)),
      remove: (records) => measured('remove', () => index.remove(records)),
      release: (ids) => measured('release', () => index.release(ids)),
      lookup: (ids) => measured('lookup', () => index.lookup(ids)),
      scan: (path, range) => measured('scan', () => index.scan(path, range)),
      appliedTo: () => index.appliedTo(),
      markWhole: (appliedTo) => index.markWhole(appliedTo),
      claimRebuild: (options) => index.claimRebuild(options),
      count: () => index.count(),
      close: () => index.close(),
    };
  };
}
