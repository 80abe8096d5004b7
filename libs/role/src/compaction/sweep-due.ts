/** Whether all segments of a role have to be looked through for what was removed since the last time. */
import type { Sweep } from '@mosaic-cluster/store';
import type { RemovedRecords } from '../removed-records.ts';

/**
 * Whether something was removed that the last sweep did not take out, and that is to go by now.
 *
 * @param untilMs what was removed later is kept for a while; milliseconds since 1970
 * @throws MosaicError as `Registry.list`
 */
export async function hasLeavingRemovals(
  removed: Pick<RemovedRecords, 'list'>,
  last: Sweep | undefined,
  untilMs: number,
): Promise<boolean> {
  for (let after: Uint8Array | undefined; ; ) {
    const { removals, hasMore } = await removed.list(after);
    const isDue = removals.some(
      ({ removedAtMs }) => removedAtMs < untilMs && removedAtMs >= (last?.untilMs ?? 0),
    );
    if (isDue) return true;
    after = removals.at(-1)?.id;
    if (!hasMore || after === undefined) return false;
  }
}
