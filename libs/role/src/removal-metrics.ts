/** Whether what operators removed and put back could be carried out, as a metric. */
import type { RoleName } from '@mosaic-cluster/bus';
import type { Metrics } from '@mosaic-cluster/runtime';

/** What of a follower is measured. */
export interface MeasuredFollower {
  readonly unreadable: number;
}

/** Defines the metric. @returns has it ask the follower of a role */
export function defineRemovalMetrics(
  metrics: Metrics,
  names: readonly RoleName[],
): (role: RoleName, follower: MeasuredFollower) => void {
  const { unreadable } = metrics.define({
    unreadable: {
      type: 'gauge',
      name: 'mosaic_removals_unreadable_records',
      help: 'Records that an operator removed or put back, and whose bytes cannot be read, so that the index is as it was for them. They are tried again every ten minutes.',
      remedy:
        'The log names them, and the damage. Restore the segment from a backup; else make the index anew.',
      labels: { role: names },
    },
  });
  return (role, follower) => unreadable.with({ role }).readFrom(() => follower.unreadable);
}
