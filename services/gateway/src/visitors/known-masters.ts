/**
 * Whether this server has known a master key for some time. A key schedule is one record, which anybody
 * may publish; what nobody can make at once is a past.
 */
import { buildFilter, type PublicKey, timestampFromMillis } from '@mosaic-cluster/protocol';
import type { Clock } from '../clock.ts';
import type { Roles } from '../roles/roles.ts';

/** What it needs. */
export interface KnownMastersOptions {
  readonly roles: Pick<Roles, 'forFilter'>;
  readonly clock: Clock;
  /** How long ago a record must have been received, in milliseconds; 0: every master is known. */
  readonly knownAfterMs: number;
}

/** One record is enough, and it is among the first that are dated so far back. */
const BUDGET = { records: 1, bytes: 1, scanned: 64 } as const;

/**
 * Whether one of these master keys has a record here that everybody may read and that was received so
 * long ago.
 *
 * @param masters at most 63
 * @throws what a role fails with (rejects)
 */
export async function areMastersKnown(
  { roles, clock, knownAfterMs }: KnownMastersOptions,
  masters: readonly PublicKey[],
): Promise<boolean> {
  if (masters.length === 0) return false;
  if (knownAfterMs === 0) return true;
  const timestamp = timestampFromMillis(Math.max(0, clock.now() - knownAfterMs));
  const filter = buildFilter([
    { name: 'authors', keys: masters },
    // Dated back as well: so whatever its author wrote since then is not looked at.
    { name: 'until', timestamp },
    { name: 'receivedUntil', timestamp },
  ]);
  for (const source of roles.forFilter(filter, undefined, 'public')) {
    const { records } = await source(undefined, BUDGET);
    if (records.length > 0) return true;
  }
  return false;
}
