/** How much a place keeps for somebody, by role: counted on the paths of the index, without reading records. */
import type { PublicKey } from '@mosaic-cluster/protocol';
import { type AcceptRules, notifiedPaths } from '@mosaic-cluster/role';
import { type IndexPath, recordBytesAt } from '@mosaic-cluster/store';
import type { Holding, RoleHolding } from './holding.ts';

/** Records on some paths. */
export interface PathTotals {
  readonly records: number;
  /** Of the records. */
  readonly bytes: number;
  /** Whether there are more, which were not counted. */
  readonly hasMore: boolean;
}

/** What a role keeps that has to do with somebody. */
export interface HeldFor {
  readonly role: string;
  /** Of which they are the author. */
  readonly written: PathTotals;
  /** Most bytes that they may have as an author; undefined: none is set. */
  readonly quota: number | undefined;
  /** Which notify them; one with two such tags counts twice. */
  readonly addressed: PathTotals;
}

/** Records counted on a path; whoever has more has enough. */
const COUNTED_MAX = 100_000;
const PAGE_ENTRIES = 1000;

/**
 * Counts, in the roles that have an index.
 *
 * @param isRegistered whether they are a registered user, who may have a larger quota
 * @param accept what roles accept, by role
 * @throws MosaicError `unavailable`, `corrupt`
 */
export async function heldFor(
  holding: Holding,
  key: PublicKey,
  isRegistered: boolean,
  accept: Readonly<Record<string, AcceptRules>>,
): Promise<HeldFor[]> {
  const held: HeldFor[] = [];
  for (const each of holding.roles) {
    const { role } = each;
    const written = await totals(each, [{ path: 'author', author: key }]);
    const addressed = await totals(each, notifiedPaths([key]));
    const quota = quotaOf(accept[role], isRegistered);
    held.push({ role, written, quota, addressed });
  }
  return held;
}

/** As workers judge it. */
function quotaOf(rules: AcceptRules | undefined, isRegistered: boolean): number | undefined {
  const quota = rules?.everybody.quota;
  if (quota === undefined || !isRegistered) return quota;
  return Math.max(quota, rules?.registered?.quota ?? 0);
}

async function totals({ index }: RoleHolding, paths: readonly IndexPath[]): Promise<PathTotals> {
  let records = 0;
  let bytes = 0;
  for (const path of index === undefined ? [] : paths) {
    for (let below: Uint8Array | undefined, isLast = false; !isLast; ) {
      const page = await index!.scan(path, { below, limit: PAGE_ENTRIES });
      for (const { location } of page) bytes += recordBytesAt(location);
      records += page.length;
      if (records >= COUNTED_MAX) return { records, bytes, hasMore: true };
      below = page.at(-1)?.position;
      isLast = page.length < PAGE_ENTRIES;
    }
  }
  return { records, bytes, hasMore: false };
}
