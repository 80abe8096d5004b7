/**
 * Brings everything that a cluster's segments hold into its indexes on Redis, while all workers go on
 * serving. A lease keeps a second run, and a worker that does the same by itself, from the same role.
 */
import { interruptedError } from '@mosaic-cluster/client/command';
import { compareBytes, MosaicError } from '@mosaic-cluster/protocol';
import { KeyDirectory, rebuildIndex, type RebuildProgress } from '@mosaic-cluster/role';
import { isLogStart, type SegmentDamage } from '@mosaic-cluster/store';
import type { ClusterHolding } from '../place/holding.ts';
import { removeDangling } from './dangling.ts';
import { passingDamage } from './log-views.ts';
import { DAMAGES_MAX, type Reindexed, type ReindexedRole } from './reindex-result.ts';

/** What to do, and whom to tell. */
export interface ReindexClusterOptions {
  readonly holding: ClusterHolding;
  /** Reads all of the log, whatever an interrupted run has done. */
  readonly isFresh: boolean;
  /** Leaves out what is damaged in the segments; else damage ends it. */
  readonly skipsDamage: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (role: string, progress: RebuildProgress) => void;
  /** Told of how many entries were looked at, of about how many, to find those that lead nowhere. */
  readonly onEntries: (role: string, done: number, total: number) => void;
}

/**
 * Takes out what leads nowhere and brings the indexes up to the segments, or goes on with a run that was interrupted.
 *
 * @throws MosaicError `closed` (`interrupted`), `corrupt` (`segment`, `index-ahead`), `conflict` (`reindex-running`,
 *   `rebuild-lost`), `unavailable`
 */
export async function reindexCluster(options: ReindexClusterOptions): Promise<Reindexed> {
  const { holding, isFresh, skipsDamage, signal, onProgress, onEntries } = options;
  const damages: SegmentDamage[] = [];
  const roles: Record<string, ReindexedRole> = {};
  for (const each of holding.roles) {
    const { role, index, log } = each;
    assertReaches(each);
    let removed = 0;
    const keep = (damage: SegmentDamage): void => {
      if (damages.length < DAMAGES_MAX) damages.push(damage);
    };
    try {
      const result = await rebuildIndex({
        index,
        log: skipsDamage ? passingDamage(log, keep) : log,
        directory: new KeyDirectory(holding.scheduleSources),
        removed: holding.removedIn(role),
        isFresh,
        signal,
        prepare: async (claim) => {
          const told = (done: number, total: number): void => onEntries(role, done, total);
          removed = await removeDangling({ index, log, signal, onProgress: told }, claim);
        },
        onProgress: (progress) => onProgress(role, progress),
      });
      if (result === undefined) throw running(role);
      const { records, added, elapsedMs, isResumed } = result;
      roles[role] = { records, added, removed, seconds: elapsedMs / 1000, isResumed };
    } catch (error) {
      if (signal.aborted) throw interruptedError();
      throw error;
    }
  }
  return { roles, isInPlace: true, bytes: undefined, damages };
}

/**
 * Against a bucket that is not the one, or not all of it, everything would lead nowhere.
 *
 * @throws MosaicError `corrupt` (`index-ahead`)
 */
export function assertReaches({ role, log, appliedBefore }: ClusterHolding['roles'][number]): void {
  const { end } = log;
  const isReached = end !== undefined && appliedBefore !== undefined;
  if (isLogStart(appliedBefore) || (isReached && compareBytes(appliedBefore, end) <= 0)) return;
  const message = `the index of ${role} has followed the log further than the segments in the object store reach: nothing was changed. Check that it is the right store, and restore what is missing; where that is lost for good, delete the index's keys in Redis and make it anew`;
  throw new MosaicError('corrupt', 'index-ahead', message);
}

function running(role: string): MosaicError {
  const message = `the index of ${role} is being made anew already, by a worker or by another mosaic-admin reindex: wait for it. Workers do so by themselves unless MOSAIC_REINDEX=off`;
  return new MosaicError('conflict', 'reindex-running', message);
}
