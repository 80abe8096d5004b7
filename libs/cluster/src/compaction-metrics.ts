/** What the last compaction of a role came to, as metrics of its workers. */
import type { CompactionRun, CompactionRuns } from '@mosaic-cluster/role';
import type { Metrics } from '@mosaic-cluster/runtime';
import { RepeatedWork } from '@mosaic-cluster/store';

const SIZES = ['tiny', 'small', 'medium', 'large'] as const;
/** Between two looks at what is noted. */
const LOOK_MS = 60_000;

/** Tells a run. */
export type TellRun = (run: CompactionRun) => void;

/** Defines the metrics. */
export function defineCompactionMetrics(metrics: Metrics): TellRun {
  const { at, segments, freed, damages } = metrics.define({
    at: {
      type: 'gauge',
      name: 'mosaic_compaction_last_run_timestamp_seconds',
      help: 'When mosaic-admin compact last came to its end for this role; 0: never, as far as is known.',
      remedy:
        'More than a day or two ago where it should run every night: see the log of its Job. Until it runs, segments pile up, and making the index anew takes longer.',
    },
    segments: {
      type: 'gauge',
      name: 'mosaic_compaction_segments',
      help: 'Segments that it left, by size: tiny up to 64 KiB, small up to 1 MiB, medium up to 16 MiB, large. It goes on joining what is not large; what is a day or two old is tiny where records trickle in.',
      labels: { size: SIZES },
    },
    freed: {
      type: 'gauge',
      name: 'mosaic_compaction_freed_bytes',
      help: 'Bytes of the segments that it deleted, less those that it wrote: below zero where it joined much and what it joined is deleted a day later.',
    },
    damages: {
      type: 'gauge',
      name: 'mosaic_compaction_damaged_segments',
      help: 'Segments and joins that it could not read. They stay as they are.',
      remedy: 'mosaic-admin verify says more. Restore them from a backup.',
    },
  });
  return ({ atMs, sizes, freedBytes, damages: found }) => {
    at.set(atMs / 1000);
    for (const size of SIZES) segments.with({ size }).set(sizes[size]);
    freed.set(freedBytes);
    damages.set(found);
  };
}

/** Looks now and then what is noted of a role, until it is closed. */
export function watchCompaction(
  role: string,
  runs: Pick<CompactionRuns, 'last'>,
  tell: TellRun,
): { close(): Promise<void> } {
  const look = async (): Promise<void> => {
    const run = await runs.last(role);
    if (run !== undefined) tell(run);
  };
  const work = new RepeatedWork();
  void look().catch(() => undefined);
  work.every(LOOK_MS, look);
  return { close: async () => work.close() };
}
