/**
 * Reads the index: walks the pages of a path, or the records' own keys, newest first. All of a scan
 * happens in one turn of the event loop and so sees one state.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { Database } from 'lmdb';
import { compareAt, entriesStart, entryEnd, flagsLocationBytes, PageEntry } from './index-page.ts';
import { brokenChain, findPage } from './index-page-find.ts';
import { headKeyOf, pageKey, positionBytesOf, REGION } from './index-path.ts';
import { type IndexEntry, type IndexPath, POSITION_BYTES, type ScanRange } from './record-index.ts';

/** The entries of a path within a range, newest first. */
export function scanIndex(
  database: Database<Uint8Array, Uint8Array>,
  path: IndexPath,
  range: ScanRange,
): IndexEntry[] {
  checkLimit(range.limit);
  if (range.limit === 0) return [];
  if (path.path === 'all') return scanRecords(database, range);
  return scanPages(database, headKeyOf(path), range);
}

/** Refuses limits that are no count. */
export function checkLimit(limit: number): void {
  if (Number.isSafeInteger(limit) && limit >= 0) return;
  throw new MosaicError('invalid', 'index-range', `a scan's limit is a count, not ${limit}`);
}

/** A bound of `length` bytes that sorts like the given one; longer ones are refused. */
export function boundOf(bound: Uint8Array | undefined, length: number): Uint8Array | undefined {
  if (bound === undefined || bound.length === length) return bound;
  if (bound.length > length) {
    const message = `a position on this path has ${length} bytes, not ${bound.length}`;
    throw new MosaicError('invalid', 'index-range', message);
  }
  const padded = new Uint8Array(length);
  padded.set(bound);
  return padded;
}

function scanPages(
  database: Database<Uint8Array, Uint8Array>,
  headKey: Uint8Array,
  range: ScanRange,
): IndexEntry[] {
  const positionBytes = positionBytesOf(headKey);
  const below = boundOf(range.below, positionBytes);
  const from = boundOf(range.from, positionBytes);
  const found: IndexEntry[] = [];
  let page = firstPage(database, headKey, below, positionBytes);
  while (page !== undefined) {
    const complete = takeEntries(page, below, from, range.limit, positionBytes, found);
    if (complete || page[0] === 0) return found;
    const key = pageKey(headKey, page.subarray(1, 1 + positionBytes));
    page = database.getBinaryFast(key);
    if (page === undefined) throw brokenChain();
  }
  return found;
}

/** The newest page that has entries below `below`. */
function firstPage(
  database: Database<Uint8Array, Uint8Array>,
  headKey: Uint8Array,
  below: Uint8Array | undefined,
  positionBytes: number,
): Buffer | undefined {
  const head = database.getBinaryFast(headKey);
  if (head === undefined || below === undefined || head[0] === 0) return head;
  if (compareAt(below, 0, head, 1, positionBytes) > 0) return head;
  const key = findPage(database, headKey, below, true);
  if (key === undefined) throw brokenChain();
  return database.getBinaryFast(key);
}

/**
 * Adds the entries of a page that are in the range. Returns whether the scan is complete.
 *
 * @param page may be overwritten afterwards
 */
function takeEntries(
  page: Buffer,
  below: Uint8Array | undefined,
  from: Uint8Array | undefined,
  limit: number,
  positionBytes: number,
  found: IndexEntry[],
): boolean {
  const pageEnd = page.length;
  let start = entriesStart(page, positionBytes);
  if (below !== undefined) {
    while (start < pageEnd && compareAt(page, start, below, 0, positionBytes) >= 0) {
      start = entryEnd(page, start, positionBytes);
    }
  }
  let complete = false;
  let end = start;
  for (let room = limit - found.length; end < pageEnd; room--) {
    complete =
      room === 0 || (from !== undefined && compareAt(page, end, from, 0, positionBytes) < 0);
    if (complete) break;
    end = entryEnd(page, end, positionBytes);
  }
  const bytes = Buffer.allocUnsafe(end - start);
  page.copy(bytes, 0, start, end);
  for (let at = 0; at < bytes.length; at = entryEnd(bytes, at, positionBytes)) {
    found.push(new PageEntry(bytes, at, positionBytes));
  }
  return complete || found.length === limit;
}

/** Path `all`: the keys of the records themselves. */
function scanRecords(database: Database<Uint8Array, Uint8Array>, range: ScanRange): IndexEntry[] {
  const below = boundOf(range.below, POSITION_BYTES);
  const from = boundOf(range.from, POSITION_BYTES);
  const start = below === undefined ? [REGION.record + 1] : [REGION.record, ...below];
  const end = from === undefined ? [REGION.record] : [REGION.record, ...from];
  const found: IndexEntry[] = [];
  const rows = database.getRange({
    start: Uint8Array.from(start),
    end: Uint8Array.from(end),
    reverse: true,
    limit: range.limit,
  });
  for (const { key, value } of rows) found.push(recordEntry(key, 1, value, value.length));
  return found;
}

/**
 * The entry of a record.
 *
 * @param id holds the record's ID at `idAt`
 * @param value of the record's key: `[received-at 8][flags][location]`; may be overwritten
 *   afterwards
 */
export function recordEntry(
  id: Uint8Array,
  idAt: number,
  value: Uint8Array,
  valueBytes: number,
): IndexEntry {
  const bytes = Buffer.allocUnsafe(POSITION_BYTES + valueBytes - RECEIVED_AT_BYTES);
  for (let i = 0; i < POSITION_BYTES; i++) bytes[i] = id[idAt + i]!;
  for (let i = POSITION_BYTES, at = RECEIVED_AT_BYTES; at < valueBytes; i++, at++) {
    bytes[i] = value[at]!;
  }
  if (valueBytes !== RECEIVED_AT_BYTES + 1 + flagsLocationBytes(value[RECEIVED_AT_BYTES]!)) {
    throw new MosaicError('corrupt', 'index-corrupt', 'an entry of the record index is malformed');
  }
  return new PageEntry(bytes, 0, POSITION_BYTES);
}

const RECEIVED_AT_BYTES = 8;
