/** Compacts the roles of a cluster, one after the other; what keeps one from it does not keep the others. */
import { interruptedError } from '@mosaic-cluster/client/command';
import { isMosaicError } from '@mosaic-cluster/protocol';
import {
  type CompactedRole,
  compactRole,
  type CompactRoleOptions,
  KeyDirectory,
} from '@mosaic-cluster/role';
import type { CompactionResult } from '@mosaic-cluster/store';
import type { ClusterHolding } from '../place/holding.ts';
import { assertReaches } from '../reindex/reindex-cluster.ts';

/** What to compact, and whom to tell. */
export interface CompactClusterOptions
  extends Required<
    Pick<CompactRoleOptions, 'isDryRun' | 'graceMs' | 'sweep' | 'bounds' | 'endsAtMs'>
  > {
  readonly holding: ClusterHolding;
  readonly signal: AbortSignal;
  readonly onProgress: (role: string, now: CompactionResult) => void;
  /** Told in a sentence why nothing was done for a role. */
  readonly onSkipped: (why: string) => void;
}

/** What was done, or would be. */
export interface CompactedRoles {
  readonly roles: Readonly<Record<string, CompactedRole>>;
  /** Roles for which nothing could be done at the moment. */
  readonly skipped: number;
}

/**
 * Compacts.
 *
 * @throws MosaicError `closed` (`interrupted`), `corrupt` (`index-ahead`), `unavailable`
 */
export async function compactCluster(options: CompactClusterOptions): Promise<CompactedRoles> {
  const { holding, signal, onProgress, onSkipped, ...how } = options;
  const roles: Record<string, CompactedRole> = {};
  let skipped = 0;
  for (const each of holding.roles) {
    const { role, index, log } = each;
    assertReaches(each);
    // Nothing was ever committed.
    if (log.end === undefined) continue;
    try {
      roles[role] = await compactRole({
        ...how,
        store: holding.objects,
        role,
        index,
        log,
        directory: new KeyDirectory(holding.scheduleSources),
        removed: holding.removedIn(role),
        signal,
        onProgress: (now) => onProgress(role, now),
      });
      if (!how.isDryRun) await holding.compactions.note(role, roles[role], Date.now());
    } catch (error) {
      if (signal.aborted) throw interruptedError();
      const isElsewhere =
        isMosaicError(error) && ['index-not-whole', 'index-claimed'].includes(error.code);
      if (!isElsewhere) throw error;
      skipped += 1;
      onSkipped(error.message);
    }
  }
  return { roles, skipped };
}
