/** Where a page's candidates come from: index paths, lists of entries, lists of IDs. */
import { compareBytes, type Reference } from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  POSITION_BYTES,
  type Position,
  type RecordIndex,
} from '@mosaic-cluster/store';
import type { PlannedPath } from './query-plan.ts';
import type { ReadingTurns } from './reading-turns.ts';

/** Gives entries below a position, newest first; fewer than `limit`: there are no more. */
export interface EntrySource {
  next(below: Position | undefined, limit: number): Promise<readonly IndexEntry[]>;
  /** How many entries were looked for so far, found or not; undefined: each that was given. */
  readonly looked?: () => number;
}

/** IDs looked up in one turn. */
const LOOKUP_IDS = 256;

/** The entries of a path. */
export function pathSource(index: RecordIndex, { path, range }: PlannedPath): EntrySource {
  return {
    next: (below, limit) =>
      index.scan(path, { from: range.from, below: lower(below, range.below), limit }),
  };
}

function lower(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) < 0 ? a : b;
}

/** Entries that are known already, in any order. */
export function listSource(unordered: readonly IndexEntry[]): EntrySource {
  const entries = unordered.toSorted((a, b) => compareBytes(b.position, a.position));
  return {
    next: async (below, limit) => {
      const start = firstBelow(entries.length, (i) => entries[i]!.position, below);
      return entries.slice(start, start + limit);
    },
  };
}

/**
 * The entries of whole IDs. An ID says where it stands, so that only those needed are looked up; it
 * may give a few more than it was asked for. To look for what is not there costs as much as to find it.
 */
export function idSource(
  index: RecordIndex,
  unordered: readonly Reference[],
  turns: ReadingTurns,
): EntrySource {
  const ids = unordered.toSorted((a, b) => compareBytes(b, a));
  let looked = 0;
  return {
    looked: () => looked,
    next: async (below, limit) => {
      const found: IndexEntry[] = [];
      const positionAt = (i: number): Position => ids[i]!.subarray(0, POSITION_BYTES);
      const start = firstBelow(ids.length, positionAt, below);
      for (let at = start; at < ids.length && found.length < limit; at += LOOKUP_IDS) {
        if (at > start) await turns.next();
        const some = ids.slice(at, at + LOOKUP_IDS);
        looked += some.length;
        for (const entry of await index.lookup(some)) if (entry !== undefined) found.push(entry);
      }
      return found;
    },
  };
}

/** Where, in a descending list, what is below a position starts. */
function firstBelow(
  count: number,
  positionAt: (i: number) => Position,
  below: Position | undefined,
): number {
  if (below === undefined) return 0;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(positionAt(middle), below) < 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
