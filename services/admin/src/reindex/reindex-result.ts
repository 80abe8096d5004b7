/** What making an index anew did, whatever kind of index it is. */
import type { SegmentDamage } from '@mosaic-cluster/store';

/** What became of a role. */
export interface ReindexedRole {
  /** Records read by this run. */
  readonly records: number;
  /** Of them, those that the index did not have. */
  readonly added: number;
  /** Entries that led nowhere and were taken out by this run. */
  readonly removed: number;
  readonly seconds: number;
  /** Whether an earlier run had done a part of it, or all. */
  readonly isResumed: boolean;
}

/** What was done. */
export interface Reindexed {
  readonly roles: Readonly<Record<string, ReindexedRole>>;
  /** Whether the new index is in use; else the next start takes it over. */
  readonly isInPlace: boolean;
  /** Of the new index, on disk; undefined: it is not on a disk of its own. */
  readonly bytes: number | undefined;
  /** What was left out, up to a bound. */
  readonly damages: readonly SegmentDamage[];
}

/** Damage that is told. */
export const DAMAGES_MAX = 1000;
