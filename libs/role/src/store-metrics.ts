/** How what a role keeps stands, as metrics. */
import type { RoleName } from '@mosaic-cluster/bus';
import type { Metrics } from '@mosaic-cluster/runtime';
import type { MeasuredRole } from './role-metrics.ts';

/** Defines the metrics of the stores of roles. */
export function defineStoreMetrics(
  metrics: Metrics,
  names: readonly RoleName[],
): (role: MeasuredRole) => void {
  const labels = { role: names } as const;
  const { waiting, writable, behind, hits, misses, cached } = metrics.define({
    waiting: {
      type: 'gauge',
      name: 'mosaic_role_commit_waiting_records',
      help: 'Records that wait for a commit.',
      remedy: 'Where it stays high, commits are slower than submissions come: see their times.',
      labels,
    },
    writable: {
      type: 'gauge',
      name: 'mosaic_segment_log_writable',
      help: 'Whether a role takes records: 1, or 0 where its store is full or failing; NaN where the process does not play it.',
      remedy: 'The log says why: no space, no permission, or the object store is away.',
      labels,
    },
    behind: {
      type: 'gauge',
      name: 'mosaic_role_index_behind',
      help: 'Whether records are in the log that could not be indexed yet: 1 or 0. They are tried again every second, and nothing is stored meanwhile.',
      remedy: 'The index has no room or is away: see Redis, or the disk.',
      labels,
    },
    hits: {
      type: 'counter',
      name: 'mosaic_segment_cache_hits_total',
      help: 'Looks for a stored record that found it in memory.',
      labels,
    },
    misses: {
      type: 'counter',
      name: 'mosaic_segment_cache_misses_total',
      help: 'Stored records that had to be fetched from files or the object store.',
      remedy: 'Where most looks miss and queries are slow, raise MOSAIC_CACHE_BYTES.',
      labels,
    },
    cached: {
      type: 'gauge',
      name: 'mosaic_segment_cache_bytes',
      help: 'Memory that cached records take.',
      labels,
    },
  });
  // Whoever plays no such role has no figure to be alarmed by.
  for (const role of names) writable.with({ role }).set(Number.NaN);
  return ({ role, log, worker }) => {
    writable.with({ role }).readFrom(() => (log.state.writable ? 1 : 0));
    waiting.with({ role }).readFrom(() => worker.waiting);
    behind.with({ role }).readFrom(() => (worker.isBehind ? 1 : 0));
    hits.with({ role }).readFrom(() => log.cacheFigures.hits);
    misses.with({ role }).readFrom(() => log.cacheFigures.misses);
    cached.with({ role }).readFrom(() => log.cachedBytes);
  };
}
