/**
 * How a query finds its candidates: which index paths to walk. Any choice gives the right answer,
 * for every candidate is held against the whole filter; a good one looks at few.
 */
import {
  coreTag,
  encodeTag,
  type FilterElementView,
  type FilterView,
  type PublicKey,
} from '@mosaic-cluster/protocol';
import { POSITION_BYTES, type IndexPath, type Position } from '@mosaic-cluster/store';

/** A part of a path that holds candidates. */
export interface PlannedPath {
  readonly path: IndexPath;
  readonly range: PositionRange;
}

/** Positions `[from, below)`; undefined: open on that side. */
export interface PositionRange {
  readonly from: Position | undefined;
  readonly below: Position | undefined;
}

/** Paths that together hold every candidate. */
export type Plan = readonly PlannedPath[];

/** Authors times kinds above this are walked by author alone. */
const AUTHOR_KIND_PATHS_MAX = 256;
/** Plans considered: each takes a look at the index, and a filter can name thousands of ways. */
const PLANS_MAX = 8;

/** The lowest position of a timestamp. */
export function positionOf(timestampBytes: Uint8Array): Position {
  const position = new Uint8Array(POSITION_BYTES);
  position.set(timestampBytes);
  return position;
}

/** The lowest position above every record of the timestamp in 8 bytes; undefined: there is none. */
export function positionAfter(timestampBytes: Uint8Array): Position | undefined {
  const position = positionOf(timestampBytes);
  for (let i = 7; i >= 0; i--) {
    position[i] = (position[i]! + 1) & 0xff;
    if (position[i] !== 0) return position;
  }
  return undefined;
}

function timeRange(filter: FilterView): PositionRange {
  const since = filter.element('since')?.entries[0];
  const until = filter.element('until')?.entries[0];
  return {
    from: since && positionOf(since),
    below: until && positionAfter(until),
  };
}

/** Positions on path `received` that the filter's reception times leave; undefined: it has none. */
export function receivedRange(filter: FilterView): PositionRange | undefined {
  const since = filter.element('receivedSince')?.entries[0];
  if (since === undefined) return undefined;
  const until = filter.element('receivedUntil')?.entries[0];
  return { from: since, below: until && positionAfter(until) };
}

/**
 * The plans worth considering; empty where the filter matches nothing, for one of its elements names
 * none of its kind, or where nothing narrows it.
 */
export function plansFor(filter: FilterView): Plan[] {
  if (filter.effectiveElements.some(isImpossible)) return [];
  const range = timeRange(filter);
  const over = (paths: readonly IndexPath[]): Plan => paths.map((path) => ({ path, range }));
  const plans: Plan[] = [];
  const timestamps = filter.element('timestamps');
  if (timestamps !== undefined) plans.push(momentPlan(timestamps));
  const authors = filter.element('authors');
  const kinds = filter.element('kinds');
  if (authors !== undefined) plans.push(over(authorPaths(authors.entries, kinds)));
  const signingKeys = filter.element('signingKeys');
  if (signingKeys !== undefined) plans.push(over(signingPaths(signingKeys)));
  for (const element of filter.elements) {
    if (element.name !== 'includedTags' || plans.length === PLANS_MAX) continue;
    plans.push(over(element.tags.map((tag) => ({ path: 'tag', tag: tag.bytes.subarray(2) }))));
  }
  if (plans.length === 0 && kinds !== undefined) {
    plans.push(over(kinds.entries.map((kind) => ({ path: 'kind', kind }))));
  }
  return plans;
}

/** "One of none" matches nothing. */
function isImpossible(element: FilterElementView): boolean {
  return element.isNarrow && element.start === element.end;
}

/**
 * The plan over every private record that somebody may read: their own, and those that notify them.
 * However long it takes tells nothing of other people's records.
 *
 * @param identities the master keys that the reader acts for
 */
export function readerPlan(filter: FilterView, identities: readonly PublicKey[]): Plan {
  const range = timeRange(filter);
  const paths = [...authorPaths(identities, filter.element('kinds')), ...notifiedPaths(identities)];
  return paths.map((path) => ({ path, range }));
}

/** Where every record lies that notifies one of the keys. */
export function notifiedPaths(identities: readonly PublicKey[]): IndexPath[] {
  return identities.flatMap((notified): IndexPath[] => {
    const tag = encodeTag(coreTag({ name: 'notify', key: notified })).subarray(2);
    return [
      { path: 'tag', tag },
      { path: 'odd-notify', notified },
    ];
  });
}

function momentPlan(timestamps: FilterElementView): Plan {
  return timestamps.entries.map((timestamp) => ({
    path: { path: 'all' },
    range: { from: positionOf(timestamp), below: positionAfter(timestamp) },
  }));
}

function authorPaths(
  keys: readonly PublicKey[],
  kinds: FilterElementView | undefined,
): IndexPath[] {
  const kindEntries = kinds?.entries ?? [];
  if (kinds === undefined || keys.length * kindEntries.length > AUTHOR_KIND_PATHS_MAX) {
    return keys.map((author) => ({ path: 'author', author }));
  }
  return keys.flatMap((author) =>
    kindEntries.map((kind): IndexPath => ({ path: 'author-kind', author, kind })),
  );
}

/** A key that signs its own records is found as their author; the others have their own path. */
function signingPaths(signingKeys: FilterElementView): IndexPath[] {
  return signingKeys.entries.flatMap((signingKey): IndexPath[] => [
    { path: 'signing-key', signingKey },
    { path: 'author', author: signingKey },
  ]);
}
