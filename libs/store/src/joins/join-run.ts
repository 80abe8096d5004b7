/**
 * Joins one run of segments. First the join is written, which says what goes where, then the joined segment;
 * then the index is told. The sources stay: they are deleted long after, see `finish-join.ts`. A crash
 * in between leaves a join without a segment, which is taken back, or a joined segment that the index
 * does not know yet, which the end of the join makes up for.
 */
import { randomBytes } from 'node:crypto';
import { equalBytes, isMosaicError } from '@mosaic-cluster/protocol';
import type { IndexMove } from '../record-index-redis.ts';
import { SEGMENT_SALT_BYTES } from '../segment-format.ts';
import { entryBytes } from '../segment-frame.ts';
import type { LogEntry } from '../segment-log.ts';
import {
  objectLocationsIn,
  SEGMENT_OBJECT_BYTES_MAX,
  type SegmentKey,
  segmentName,
} from '../segment-log-objects-address.ts';
import { makeSegment } from '../segment-log-objects-segment.ts';
import type { Compaction } from './compaction.ts';
import { encodeJoin } from './join-format.ts';
import { type Pacer, readSources, select, type Selection } from './join-sources.ts';
import type { PlannedRun } from './plan-runs.ts';

/** Bytes and entries of one frame: it is what a reader has to verify as a whole. */
const FRAME_BYTES = 1024 * 1024;
const FRAME_ENTRIES = 4096;
/** Of a segment that is written again by itself, the part of its bytes that must not be wanted any more. */
const REWRITTEN_PART = 0.25;
/** Records that the index is told of together. */
const MOVES_MAX = 1000;

/**
 * Joins the segments of a run, unless somebody else does.
 *
 * @throws MosaicError `closed` (`compaction-stopped`), and what store, index and registry throw
 */
export async function joinRun(
  compaction: Compaction,
  { sources: listed, key }: PlannedRun,
  pacer: Pacer,
): Promise<void> {
  const { store, prefix, joins, role, clock, result } = compaction;
  const read = await readSources(compaction, listed, pacer);
  if (read === undefined) {
    result.contended += 1;
    return;
  }
  const selection = await select(compaction, read);
  if (!isWorthIt(selection)) return;
  const salt = randomBytes(SEGMENT_SALT_BYTES);
  const made = makeSegment(role, key, salt, framesOf(selection.entries));
  // Cannot be: sources are bounded to far less.
  if (made.bytes.length > SEGMENT_OBJECT_BYTES_MAX) return;
  compaction.assertGoingOn();
  const join = encodeJoin({
    role,
    key,
    segmentBytes: made.bytes.length,
    salt,
    writtenAtMs: clock.now(),
    sources: selection.sources.map(({ key: source, bytes, kept, leftOut }) => ({
      key: source,
      bytes,
      kept: kept.map(({ offset, number }) => ({ from: offset, to: made.offsets[number]! })),
      leftOut,
    })),
  });
  result.requests.put += 2;
  if (!(await putNew(compaction, joins.nameOf(key), join))) {
    result.contended += 1;
    return;
  }
  if (!(await putNew(compaction, prefix + segmentName(key), made.bytes))) {
    // Somebody thought this one gone and took the join back. If theirs is there by now it stays.
    const there = await store.get(joins.nameOf(key));
    if (equalBytes(there, join)) await store.delete([joins.nameOf(key)]);
    result.contended += 1;
    return;
  }
  note(compaction, selection, made.bytes.length);
  await tellIndex(compaction, movesOf(selection, key, made.offsets));
}

/**
 * Tells the index where records are now.
 *
 * @throws what the index throws; doing it again is safe
 */
export async function tellIndex(compaction: Compaction, moves: Iterable<IndexMove>): Promise<void> {
  const { index, result } = compaction;
  let batch: IndexMove[] = [];
  for (const move of moves) {
    batch.push(move);
    if (batch.length < MOVES_MAX) continue;
    compaction.assertGoingOn();
    result.relocated += await index.relocate(batch);
    batch = [];
  }
  if (batch.length > 0) result.relocated += await index.relocate(batch);
}

/** One segment is written again only where that brings something. */
function isWorthIt({ sources }: Selection): boolean {
  if (sources.length > 1) return true;
  const [only] = sources;
  if (only === undefined || only.leftOut.length === 0) return false;
  if (only.leftOut.some(({ why }) => why === 'removed')) return true;
  const bytes = only.leftOut.reduce((sum, each) => sum + entryBytes(each.recordBytes), 0);
  return bytes >= only.bytes * REWRITTEN_PART;
}

/** @returns false: there is another object of that name */
async function putNew({ store }: Compaction, name: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await store.put(name, bytes);
    return true;
  } catch (error) {
    if (!isMosaicError(error) || error.code !== 'object-exists') throw error;
    // The store may have written what it did not answer to.
    const there = await store.get(name);
    return equalBytes(there, bytes);
  }
}

function framesOf(entries: readonly LogEntry[]): LogEntry[][] {
  const frames: LogEntry[][] = [];
  let frame: LogEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const more = entryBytes(entry.record.bytes.length);
    if (frame.length === FRAME_ENTRIES || (frame.length > 0 && bytes + more > FRAME_BYTES)) {
      frames.push(frame);
      frame = [];
      bytes = 0;
    }
    frame.push(entry);
    bytes += more;
  }
  if (frame.length > 0) frames.push(frame);
  return frames;
}

function note({ result }: Compaction, { sources }: Selection, writtenBytes: number): void {
  result.runs += 1;
  result.writtenBytes += writtenBytes;
  for (const { bytes, leftOut } of sources) {
    result.joined += 1;
    result.waiting += 1;
    result.joinedBytes += bytes;
    for (const { why, recordBytes } of leftOut) {
      result.leftOut[why] += 1;
      result.leftOutBytes += recordBytes;
    }
  }
}

function* movesOf(
  { sources }: Selection,
  key: SegmentKey,
  offsets: Uint32Array,
): Generator<IndexMove> {
  const locate = objectLocationsIn(key);
  for (const { kept } of sources) {
    for (const { entry, number } of kept) {
      const { record, location } = entry;
      yield { record, from: location, to: locate(offsets[number]!, record.bytes.length) };
    }
  }
}
