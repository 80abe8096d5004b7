/** How much waits for a moderator, as a metric. */
import type { GaugeHandle, Lifecycle, Metrics } from '@mosaic-cluster/runtime';
import { type RecordIndex, RepeatedWork } from '@mosaic-cluster/store';

/** Most that are counted: whoever has more needs no exact figure. */
const COUNTED_MAX = 1000;
/** Between two counts. */
const COUNT_MS = 30_000;

/** Defines the metric. */
export function defineModerationMetrics(metrics: Metrics): GaugeHandle {
  const { waiting } = metrics.define({
    waiting: {
      type: 'gauge',
      name: 'mosaic_moderation_waiting_records',
      help: `Records that wait for a moderator, counted up to ${COUNTED_MAX}.`,
      remedy: 'Decide on them: mosaic-admin moderation list, approve, reject.',
    },
  });
  return waiting;
}

/** Counts now and then what an inbox holds for a moderator, until the lifecycle ends. */
export function watchModeration(
  index: Pick<RecordIndex, 'scan'>,
  metrics: Metrics,
  lifecycle: Lifecycle,
): void {
  const waiting = defineModerationMetrics(metrics);
  const counting = new RepeatedWork();
  lifecycle.add('moderation figures', { close: async () => counting.close() });
  const count = async (): Promise<void> => {
    const held = await index.scan({ path: 'held' }, { limit: COUNTED_MAX });
    waiting.set(held.length);
  };
  // Where the index is away its own metrics say so, and the figure stays as it was.
  void count().catch(() => undefined);
  counting.every(COUNT_MS, count);
}
