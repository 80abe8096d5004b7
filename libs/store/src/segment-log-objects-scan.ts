/**
 * Walks the segments of all writers of a role in the order of their keys, several requests ahead, and
 * verifies every checksum on the way.
 */
import { setMaxListeners } from 'node:events';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { JoinedSources } from './joins/joined-sources.ts';
import { isSegmentGone } from './joins/moved-entries.ts';
import type { SegmentJoins } from './joins/segment-joins.ts';
import { type OnDamage, UNREADABLE } from './log-reader.ts';
import type { ObjectStore } from './object-store.ts';
import type { ScannedCommit } from './segment-log.ts';
import {
  encodeSegmentKey,
  parseSegmentName,
  type SegmentKey,
  segmentName,
} from './segment-log-objects-address.ts';
import { readError } from './segment-log-objects-reader.ts';
import { segmentEntries } from './segment-log-objects-segment.ts';
import type { SegmentWarning } from './segment-warning.ts';

/** Where the segments of one role are. */
export interface SegmentListing {
  readonly store: ObjectStore;
  /** What stands before a segment's name. */
  readonly prefix: string;
  readonly warn: (warning: SegmentWarning) => void;
}

/** A segment in a listing. */
export interface ListedSegment {
  readonly key: SegmentKey;
  /** Of its object. */
  readonly name: string;
  readonly bytes: number;
}

/** What to walk. */
export interface ObjectScanOptions extends SegmentListing {
  readonly role: string;
  /** Undefined: from the beginning. */
  readonly from: SegmentKey | undefined;
  /** The last segment to walk; undefined: the last one that is wanted. */
  readonly until?: SegmentKey | undefined;
  /** How far before `from` to begin: what others began earlier may have become durable later. */
  readonly lateMs: number;
  /** Whether a segment was durable when the walk was asked for, as far as anybody can know. */
  readonly isWanted: (key: SegmentKey) => boolean;
  /** Says where segments went that are gone. */
  readonly joins: SegmentJoins;
  /** Segments whose entries are met in joined ones; undefined: it is looked which there are. */
  readonly joined?: Pick<JoinedSources, 'has'> | undefined;
  /** Segments that are fetched ahead. */
  readonly aheadMax: number;
  /** Bytes of segments that are fetched ahead; one always is. */
  readonly aheadBytesMax: number;
  /** Ends the walk with an error where the log was closed meanwhile. */
  readonly assertOpen: () => void;
  /** Is told of segments that are damaged, which are passed over; undefined: they end the walk. */
  readonly onDamage?: OnDamage | undefined;
}

/** Steps back in which the newest segment is looked for: a minute, ten, two hours, a day, a month. */
const STEPS_MS = [60_000, 600_000, 7_200_000, 86_400_000, 2_678_400_000] as const;

interface Ahead {
  readonly name: string;
  readonly bytes: number;
  /** Undefined: it is gone, and what it held is in a joined segment. */
  readonly commit: Promise<ScannedCommit | undefined>;
}

/** Which of two keys comes first: negative, 0, or positive. */
export function compareKeys(a: SegmentKey, b: SegmentKey): number {
  return a.timeMs - b.timeMs || a.writer - b.writer;
}

/** The segments of a role behind a key, in order. What is no segment is warned of. */
export async function* listSegments(
  { store, prefix, warn }: SegmentListing,
  behind: SegmentKey | undefined,
): AsyncGenerator<ListedSegment> {
  let after = behind === undefined ? undefined : prefix + segmentName(behind);
  for (;;) {
    const { objects, hasMore } = await store.list({ prefix, after });
    for (const { key: name, bytes } of objects) {
      const key = parseSegmentName(name.slice(prefix.length));
      if (key === undefined) warn({ event: 'foreign-file', file: name });
      else yield { key, name, bytes };
    }
    after = objects.at(-1)?.key;
    if (!hasMore || after === undefined) return;
  }
}

/** The newest segment of a role; undefined: there is none. */
export async function newestSegment(
  listing: SegmentListing,
  nowMs: number,
): Promise<ListedSegment | undefined> {
  for (const stepMs of [...STEPS_MS, undefined]) {
    const behind =
      stepMs === undefined ? undefined : { timeMs: Math.max(0, nowMs - stepMs), writer: 0 };
    let newest: ListedSegment | undefined;
    for await (const segment of listSegments(listing, behind)) newest = segment;
    if (newest !== undefined) return newest;
  }
  return undefined;
}

/**
 * Every commit behind a key, and those that were begun shortly before it. What was joined is met in the
 * joined segment; also where its source is deleted meanwhile, which was joined long before.
 *
 * @throws MosaicError `corrupt` (`segment`) naming segment and offset, `invalid` (`log-position`) where
 *   the log does not reach that far, `not-found` (`segment`) where one was removed meanwhile and not
 *   joined, `unavailable`, `closed`
 */
export async function* scanSegmentObjects(
  options: ObjectScanOptions,
): AsyncGenerator<ScannedCommit> {
  const { from, until, lateMs, isWanted, aheadMax, aheadBytesMax, assertOpen } = options;
  const stop = new AbortController();
  // As many listen as are fetched ahead.
  setMaxListeners(0, stop.signal);
  try {
    await assertReached(options, from);
    const behind = beginningOf(from, lateMs);
    const joined = options.joined ?? (await JoinedSources.look(options, behind));
    const segments = listSegments(options, behind);
    const ahead: Ahead[] = [];
    let bytes = 0;
    let hasMore = true;
    for (;;) {
      while (
        hasMore &&
        (ahead.length === 0 || (ahead.length < aheadMax && bytes < aheadBytesMax))
      ) {
        const next = await segments.next();
        hasMore = next.done !== true && !isBeyond(next.value.key, until);
        if (next.done === true || !hasMore || !isWanted(next.value.key)) continue;
        if (await joined.has(next.value.key)) continue;
        bytes += next.value.bytes;
        ahead.push(fetchAhead(options, next.value, stop.signal));
      }
      const first = ahead.shift();
      if (first === undefined) return;
      bytes -= first.bytes;
      const commit = await wholeCommit(first, options.onDamage);
      assertOpen();
      if (commit !== undefined) yield commit;
      assertOpen();
    }
  } finally {
    stop.abort();
  }
}

function isBeyond(key: SegmentKey, until: SegmentKey | undefined): boolean {
  return until !== undefined && compareKeys(key, until) > 0;
}

/** Behind which key a walk begins. */
export function beginningOf(from: SegmentKey | undefined, lateMs: number): SegmentKey | undefined {
  if (from === undefined || lateMs === 0) return from;
  return { timeMs: Math.max(0, from.timeMs - lateMs), writer: 0 };
}

/**
 * Refuses a position that no segment reaches: an index that knows of more than there is must not be
 * taken for one that is up to date.
 *
 * @throws MosaicError `invalid` (`log-position`)
 */
export async function assertReached(
  { store, prefix }: SegmentListing,
  from: SegmentKey | undefined,
): Promise<void> {
  if (from === undefined || from.timeMs === 0) return;
  const before = { timeMs: from.timeMs - 1, writer: 0xffff_ffff };
  const after = prefix + segmentName(before);
  const { objects } = await store.list({ prefix, after, limit: 1 });
  if (objects.length > 0) return;
  const message = `${store.name} holds no segment as new as ${prefix}${segmentName(from)}: segments are missing`;
  throw new MosaicError('invalid', 'log-position', message);
}

function fetchAhead(
  options: ObjectScanOptions,
  segment: ListedSegment,
  signal: AbortSignal,
): Ahead {
  const commit = fetchCommit(options, segment, signal);
  // Whoever waits for it gets the failure; the walk may have been left before.
  commit.catch(() => undefined);
  return { name: segment.name, bytes: segment.bytes, commit };
}

async function wholeCommit(
  { name, commit }: Ahead,
  onDamage: OnDamage | undefined,
): Promise<ScannedCommit | undefined> {
  try {
    return await commit;
  } catch (error) {
    if (onDamage === undefined || !isMosaicError(error) || error.kind !== 'corrupt') throw error;
    const { range, message } = error;
    onDamage({ segment: name, offset: range?.start ?? 0, end: UNREADABLE, what: message });
    return undefined;
  }
}

async function fetchCommit(
  { store, role, joins }: ObjectScanOptions,
  { key, name }: ListedSegment,
  signal: AbortSignal,
): Promise<ScannedCommit | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await store.get(name, undefined, { signal });
  } catch (cause) {
    const error = readError(cause, name);
    if (isSegmentGone(error) && (await joins.find(key)) !== undefined) return undefined;
    throw error;
  }
  return { entries: segmentEntries({ name, role, key, bytes }), end: encodeSegmentKey(key) };
}
