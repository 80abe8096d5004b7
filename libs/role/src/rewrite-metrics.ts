/** What writing segment files again brought, as metrics. */
import type { RoleName } from '@mosaic-cluster/bus';
import type { Metrics } from '@mosaic-cluster/runtime';
import type { Rewritten } from '@mosaic-cluster/store';

/** What a rewriter counts by. */
export interface RewriteEvents {
  rewritten(done: Rewritten): void;
  failed(): void;
}

/** Defines the metrics. @returns what is counted for a role */
export function defineRewriteMetrics(
  metrics: Metrics,
  names: readonly RoleName[],
): (role: RoleName) => RewriteEvents {
  const { segments, bytes, failures } = metrics.define({
    segments: {
      type: 'counter',
      name: 'mosaic_segments_rewritten_total',
      help: 'Segment files that were written again without records that were removed or replaced.',
      labels: { role: names },
    },
    bytes: {
      type: 'counter',
      name: 'mosaic_segments_reclaimed_bytes_total',
      help: 'Bytes by which segment files got smaller because they were written again.',
      labels: { role: names },
    },
    failures: {
      type: 'counter',
      name: 'mosaic_segments_rewrite_failures_total',
      help: 'Segment files that could not be written again; they stay as they are.',
      remedy:
        'The log says why: damage, which mosaic-admin verify tells more of, or no room on the disk.',
      labels: { role: names },
    },
  });
  return (role) => ({
    rewritten: ({ bytesBefore, bytesAfter }) => {
      segments.with({ role }).increment();
      bytes.with({ role }).increment(bytesBefore - bytesAfter);
    },
    failed: () => failures.with({ role }).increment(),
  });
}
