/**
 * Reads entries whose segment was joined with others and is gone: who read a location from an index a
 * moment ago, or remembers it from long ago, gets the entry from where it is now.
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { ObjectStore } from '../object-store.ts';
import type { Location, LogEntry } from '../segment-log.ts';
import {
  decodeObjectLocation,
  OBJECT_POSITION_BYTES,
  objectLocationsIn,
  SEGMENT_TIME_MS_MAX,
  type SegmentKey,
  segmentName,
} from '../segment-log-objects-address.ts';
import type { SegmentJoins } from './segment-joins.ts';

/** Times that a segment is joined and its joined one again: each is twice as large at least. */
const LEVELS_MAX = 32;
/** Segments that are looked for at the same time. */
const LOOKS_MAX = 16;

/** What is read from. */
export interface MovedEntriesOptions {
  readonly store: ObjectStore;
  /** What stands before a segment's name. */
  readonly prefix: string;
  readonly joins: SegmentJoins;
  readonly read: (locations: readonly Location[]) => Promise<readonly LogEntry[]>;
}

/**
 * Entries, wherever they are now.
 *
 * @throws MosaicError `not-found` (`segment`) where a segment is gone and was not joined, or an entry was
 *   left out; as `SegmentLog.read` and `SegmentJoins.read`
 */
export async function readMoved(
  options: MovedEntriesOptions,
  locations: readonly Location[],
): Promise<readonly LogEntry[]> {
  let current = locations;
  for (let level = 0; ; level++) {
    try {
      return await options.read(current);
    } catch (error) {
      if (!isSegmentGone(error) || level === LEVELS_MAX) throw error;
      const followed = await follow(options, current);
      if (followed === undefined) throw error;
      current = followed;
    }
  }
}

/** Whether a segment was not there. */
export function isSegmentGone(error: unknown): boolean {
  return isMosaicError(error) && error.kind === 'not-found' && error.code === 'segment';
}

/** The locations with those that moved where they are now; undefined: none did. */
async function follow(
  options: MovedEntriesOptions,
  locations: readonly Location[],
): Promise<Location[] | undefined> {
  const bySegment = new Map<string, { readonly key: SegmentKey; readonly at: number[] }>();
  locations.forEach((location, i) => {
    const name = Buffer.from(location).toString('latin1', 0, OBJECT_POSITION_BYTES);
    const group = bySegment.get(name) ?? { key: decodeObjectLocation(location).key, at: [] };
    group.at.push(i);
    bySegment.set(name, group);
  });
  const groups = [...bySegment.values()];
  const current = [...locations];
  let hasMoved = false;
  for (let from = 0; from < groups.length; from += LOOKS_MAX) {
    await Promise.all(
      groups.slice(from, from + LOOKS_MAX).map(async ({ key, at }) => {
        if (await move(options, key, at, current)) hasMoved = true;
      }),
    );
  }
  return hasMoved ? current : undefined;
}

async function move(
  { store, prefix, joins }: MovedEntriesOptions,
  key: SegmentKey,
  at: readonly number[],
  current: Location[],
): Promise<boolean> {
  if (key.timeMs > SEGMENT_TIME_MS_MAX) return false;
  const name = prefix + segmentName(key);
  if ((await store.head(name)) !== undefined) return false;
  const table = await joins.find(key);
  if (table === undefined) return false;
  const source = table.indexOf(key);
  const locate = objectLocationsIn(table.key);
  for (const i of at) {
    const { offset, recordBytes } = decodeObjectLocation(current[i]!);
    const place = table.placeOf(source, offset);
    if (place === undefined) {
      const message = `${name} was joined with others, and the entry at byte ${offset} was left out`;
      throw new MosaicError('not-found', 'segment', message);
    }
    current[i] = locate(place, recordBytes);
  }
  return true;
}
