/**
 * Ends a join: once its sources have stood beside the joined segment for long enough, what the index still
 * finds in them is found in the joined segment, and they are deleted.
 */
import { equalBytes, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { IndexMove } from '../record-index-redis.ts';
import { decodeSegmentHeader } from '../segment-format.ts';
import type { LogEntry } from '../segment-log.ts';
import {
  objectLocationsIn,
  offsetIn,
  type SegmentKey,
  segmentName,
} from '../segment-log-objects-address.ts';
import { readError } from '../segment-log-objects-reader.ts';
import { segmentEntries } from '../segment-log-objects-segment.ts';
import { listSegments } from '../segment-log-objects-scan.ts';
import { assertWhole, type Compaction, noteDamage } from './compaction.ts';
import { tellIndex } from './join-run.ts';
import type { JoinTable } from './join-table.ts';
import { DONE_ENDING } from './segment-joins.ts';

/** A join without its segment is taken back after so long: whoever was at it is gone. */
const ABANDONED_MS = 3_600_000;
/** Segments deleted with one call. */
const DELETED_MAX = 1000;
/** Left-out records that are judged together. */
const JUDGED_MAX = 1000;

/**
 * Ends a join where it is time, takes it back where it was never made, and else leaves it.
 *
 * @returns whether it is still open
 * @throws MosaicError `closed` (`compaction-stopped`), `conflict` (`index-not-whole`), and what store,
 *   index and registry throw
 */
export async function finishJoin(compaction: Compaction, key: SegmentKey): Promise<boolean> {
  const { store, prefix, joins, clock, keepMs, result, isDryRun } = compaction;
  const table = await readTable(compaction, key);
  if (table === undefined) return true;
  const ageMs = clock.now() - table.head.writtenAtMs;
  result.requests.get += 1;
  const isThere = (await store.head(prefix + segmentName(key))) !== undefined;
  // Another compactor, which did not know of this join yet, joined it with others.
  const isJoined = !isThere && (await joins.find(key)) !== undefined;
  if (!isThere && !isJoined) {
    if (ageMs >= ABANDONED_MS) return takeBack(compaction, table);
    result.contended += 1;
    return true;
  }
  if (ageMs < keepMs) {
    result.waiting += table.sources;
    result.waitingSinceMs = Math.min(result.waitingSinceMs ?? Infinity, table.head.writtenAtMs);
    return true;
  }
  if (isDryRun) {
    for (let i = 0; i < table.sources; i++) {
      result.deleted += 1;
      result.deletedBytes += table.source(i).bytes;
    }
    return true;
  }
  if (isThere) {
    const entries = await readJoined(compaction, table);
    if (entries === undefined) return true;
    await tellIndex(compaction, movesOf(table, entries));
  }
  const wanted = await deleteSources(compaction, table);
  if (wanted > 0) return true;
  result.requests.put += 1;
  await store.put(joins.nameOf(key, DONE_ENDING), new Uint8Array(0)).catch(ignoreExisting);
  return false;
}

async function readTable(compaction: Compaction, key: SegmentKey): Promise<JoinTable | undefined> {
  const { joins, result } = compaction;
  try {
    result.requests.get += 1;
    return await joins.read(key);
  } catch (error) {
    if (!isMosaicError(error) || (error.kind !== 'corrupt' && error.kind !== 'invalid'))
      throw error;
    noteDamage(result, error.message);
    return undefined;
  }
}

/** The joined segment's entries by their offsets; undefined: it is damaged, and nothing is deleted. */
async function readJoined(
  { store, prefix, role, result }: Compaction,
  { key, head }: JoinTable,
): Promise<ReadonlyMap<number, LogEntry> | undefined> {
  const name = prefix + segmentName(key);
  try {
    result.requests.get += 1;
    const bytes = await store.get(name);
    const entries = segmentEntries({ name, role, key, bytes });
    if (equalBytes(decodeSegmentHeader(bytes, name).salt, head.salt)) {
      return new Map(entries.map((entry) => [offsetIn(entry.location), entry]));
    }
    noteDamage(result, `${name} is not the segment that its join was written for`);
  } catch (cause) {
    const error = readError(cause, name);
    if (!isMosaicError(error) || error.kind !== 'corrupt') throw error;
    noteDamage(result, error.message);
  }
  return undefined;
}

/** What its checksums say is whole, and its join says otherwise: nothing may be deleted. */
function lacks({ head }: JoinTable, offset: number): MosaicError {
  const message = `a joined segment of ${head.role} has no entry at byte ${offset}, where its join says that there is one`;
  return new MosaicError('corrupt', 'join', message);
}

function* movesOf(table: JoinTable, entries: ReadonlyMap<number, LogEntry>): Generator<IndexMove> {
  const to = objectLocationsIn(table.key);
  for (let i = 0; i < table.sources; i++) {
    const from = objectLocationsIn(table.source(i).key);
    for (const [before, now] of table.keptOf(i)) {
      const entry = entries.get(now);
      if (entry === undefined) throw lacks(table, now);
      const { record } = entry;
      const { length } = record.bytes;
      yield { record, from: from(before, length), to: to(now, length) };
    }
  }
}

/** Deletes the sources but those of which a record is wanted again; returns how many those are. */
async function deleteSources(compaction: Compaction, table: JoinTable): Promise<number> {
  const { store, prefix, result } = compaction;
  let wanted = 0;
  for (let at = 0; at < table.sources; at += DELETED_MAX) {
    const numbers = Array.from(
      { length: Math.min(DELETED_MAX, table.sources - at) },
      (_, i) => at + i,
    );
    // A rebuild that began meanwhile counts on finding what it has listed.
    await assertWhole(compaction);
    // Right before they are deleted: an operator may want one of them back.
    const again = await wantedAgain(compaction, table, numbers);
    const gone = numbers.filter((i) => !again.has(i)).map((i) => table.source(i));
    if (gone.length > 0) await store.delete(gone.map(({ key }) => prefix + segmentName(key)));
    wanted += again.size;
    result.deleted += gone.length;
    for (const { bytes } of gone) result.deletedBytes += bytes;
  }
  result.wanted += wanted;
  return wanted;
}

/** Sources of which a record that was left out is wanted: it was restored, or has its address back. */
async function wantedAgain(
  { mayGo }: Compaction,
  table: JoinTable,
  sources: readonly number[],
): Promise<Set<number>> {
  const wanted = new Set<number>();
  const leftOut = sources.flatMap((source) =>
    table.leftOutOf(source).map((entry) => ({ ...entry, source })),
  );
  for (let at = 0; at < leftOut.length; at += JUDGED_MAX) {
    const some = leftOut.slice(at, at + JUDGED_MAX);
    const reasons = await mayGo(
      some.map(({ id, address, why }) => {
        return { id, address, duplicateHandling: why === 'replaced' ? 'replaceable' : 'unique' };
      }),
    );
    some.forEach(({ source }, i) => {
      if (reasons[i] === undefined) wanted.add(source);
    });
  }
  return wanted;
}

/** Takes back a join that has no joined segment, if all of its sources are there. */
async function takeBack(compaction: Compaction, table: JoinTable): Promise<boolean> {
  const { store, prefix, joins, result, isDryRun } = compaction;
  const { key: first } = table.source(0);
  const before = { timeMs: Math.max(0, first.timeMs - 1), writer: 0xffff_ffff };
  let found = 0;
  for await (const { key } of listSegments({ store, prefix, warn: () => undefined }, before)) {
    if (table.indexOf(key) >= 0) found += 1;
    if (found === table.sources || key.timeMs > table.key.timeMs) break;
  }
  if (found < table.sources) {
    const why = `${prefix}${segmentName(table.key)} is missing, and so are ${table.sources - found} of the segments that it was joined from`;
    noteDamage(result, why);
    return true;
  }
  result.abandoned += 1;
  if (isDryRun) return true;
  await store.delete([joins.nameOf(table.key)]);
  joins.forget(table.key);
  return false;
}

function ignoreExisting(error: unknown): void {
  if (!isMosaicError(error) || error.code !== 'object-exists') throw error;
}
