/**
 * Changes the pages of a path value: puts entries in and takes entries out, splits pages that grow
 * too large and joins those that became small. Runs within a write transaction.
 */
import type { Database } from 'lmdb';
import { brokenChain, findPage } from './index-page-find.ts';
import { pageKey, positionBytesOf, RECEIVED_POSITION_BYTES } from './index-path.ts';
import {
  compareAt,
  entriesStart,
  entryEnd,
  LOCATION_BYTES_MAX,
  lowerBound,
  PAGE_BYTES_MAX,
} from './index-page.ts';

/** A change of one entry. */
export interface PageChange {
  /** `[received-at 8][position 24][flags][location]`, see `index-page.ts`. */
  readonly bytes: Uint8Array;
  /** Whether the entry is put; else it is taken out. */
  readonly put: boolean;
}

const HEADER_BYTES_MAX = 1 + RECEIVED_POSITION_BYTES;
/** What a page that is cut from a larger one aims at, so that it fits whole entries. */
const CUT_BYTES_MAX =
  PAGE_BYTES_MAX - HEADER_BYTES_MAX - RECEIVED_POSITION_BYTES - 1 - LOCATION_BYTES_MAX;
/** What stays in a head that is cut: enough for twenty entries with locations of 12 bytes. */
const HEAD_KEEP_BYTES = 900;
/** A page smaller than this after an entry was taken out is joined with the next older one… */
const JOIN_BELOW_BYTES = 450;
/** …if together they have at most this. */
const JOINED_BYTES_MAX = 1_400;

/** Writes pages of one database. Not reentrant: it keeps buffers between calls. */
export class PageWriter {
  readonly #database: Database<Uint8Array, Uint8Array>;
  /** The entries of the page in hand, without header. Grows to the largest batch of one path. */
  #body: Uint8Array = new Uint8Array(64 * 1_024);
  #bodyBytes = 0;
  readonly #value: Uint8Array = new Uint8Array(PAGE_BYTES_MAX);
  /** The lower bound of the page in hand. */
  #lower: Uint8Array | undefined;

  constructor(database: Database<Uint8Array, Uint8Array>) {
    this.#database = database;
  }

  /**
   * Applies changes to the pages of a path value.
   *
   * @param changes newest position first; of those with one position the last counts
   */
  apply(headKey: Uint8Array, changes: readonly PageChange[]): void {
    let next = this.#rewrite(headKey, headKey, this.#database.getBinaryFast(headKey), changes, 0);
    while (next < changes.length) {
      const key = this.#pageOf(headKey, changes[next]!);
      const before = next;
      next = this.#rewrite(headKey, key, this.#database.getBinaryFast(key), changes, next);
      if (next === before) throw brokenChain();
    }
  }

  /** Applies the changes that fall in a page; returns the first one that is for an older page. */
  #rewrite(
    headKey: Uint8Array,
    key: Uint8Array,
    page: Uint8Array | undefined,
    changes: readonly PageChange[],
    first: number,
  ): number {
    const positionBytes = positionBytesOf(headKey);
    this.#bodyBytes = 0;
    this.#lower = page === undefined ? undefined : lowerBound(page, positionBytes);
    let end = endOfPage(changes, first, this.#lower, positionBytes);
    if (end === first) return end;
    const dropped = this.#merge(page, changes, first, end, positionBytes);
    if (dropped < 0) return end;
    if (dropped > 0) end = this.#join(headKey, changes, end, positionBytes);
    this.#write(headKey, key, positionBytes);
    return end;
  }

  /** Appends a page, changed, to the body. Returns the entries gone; −1: nothing changed. */
  #merge(
    page: Uint8Array | undefined,
    changes: readonly PageChange[],
    first: number,
    end: number,
    positionBytes: number,
  ): number {
    const positionAt = RECEIVED_POSITION_BYTES - positionBytes;
    const pageEnd = page?.length ?? 0;
    let at = page === undefined ? 0 : entriesStart(page, positionBytes);
    let dropped = 0;
    let puts = 0;
    for (let i = first; i < end; i++) {
      const { bytes, put } = changes[i]!;
      const later = changes[i + 1]?.bytes;
      if (i + 1 < end && compareAt(bytes, positionAt, later!, positionAt, positionBytes) === 0) {
        continue;
      }
      if (page !== undefined) {
        const run = at;
        let order = -1;
        while (at < pageEnd) {
          order = compareAt(page, at, bytes, positionAt, positionBytes);
          if (order <= 0) break;
          at = entryEnd(page, at, positionBytes);
        }
        this.#append(page, run, at);
        if (at < pageEnd && order === 0) {
          at = entryEnd(page, at, positionBytes);
          dropped++;
        }
      }
      if (!put) continue;
      this.#append(bytes, positionAt, bytes.length);
      puts++;
    }
    if (page !== undefined) this.#append(page, at, pageEnd);
    return dropped + puts === 0 ? -1 : dropped;
  }

  /**
   * Appends older pages, changed, to the body while that is small; returns the first change that is
   * for a page still older.
   */
  #join(
    headKey: Uint8Array,
    changes: readonly PageChange[],
    first: number,
    positionBytes: number,
  ): number {
    let end = first;
    while (this.#bodyBytes < JOIN_BELOW_BYTES && this.#lower !== undefined) {
      const key = pageKey(headKey, this.#lower);
      const older = this.#database.getBinaryFast(key);
      if (older === undefined) throw brokenChain();
      if (this.#bodyBytes > 0 && this.#bodyBytes + older.length > JOINED_BYTES_MAX) break;
      this.#lower = lowerBound(older, positionBytes);
      const next = endOfPage(changes, end, this.#lower, positionBytes);
      this.#merge(older, changes, end, next, positionBytes);
      end = next;
      this.#database.removeSync(key);
    }
    return end;
  }

  /** Writes the body as one page, or cut into several. */
  #write(headKey: Uint8Array, key: Uint8Array, positionBytes: number): void {
    const isHead = key === headKey;
    if (isHead && this.#bodyBytes === 0 && this.#lower === undefined) {
      this.#database.removeSync(key);
      return;
    }
    let start = 0;
    let pageAt = key;
    if (HEADER_BYTES_MAX + this.#bodyBytes > PAGE_BYTES_MAX) {
      let aim = isHead ? HEAD_KEEP_BYTES : evenCut(this.#bodyBytes);
      for (;;) {
        const last = this.#lastEntryBefore(start, start + aim, positionBytes);
        const end = entryEnd(this.#body, last, positionBytes);
        if (end >= this.#bodyBytes) break;
        const lower = this.#body.slice(last, last + positionBytes);
        this.#put(pageAt, start, end, lower);
        pageAt = pageKey(headKey, lower);
        start = end;
        if (isHead && aim === HEAD_KEEP_BYTES) aim = evenCut(this.#bodyBytes - end);
      }
    }
    this.#put(pageAt, start, this.#bodyBytes, this.#lower);
  }

  /** Offset of the last entry of the body that starts below `limit`, from the one at `start` on. */
  #lastEntryBefore(start: number, limit: number, positionBytes: number): number {
    let at = start;
    for (;;) {
      const next = entryEnd(this.#body, at, positionBytes);
      if (next >= limit || next >= this.#bodyBytes) return at;
      at = next;
    }
  }

  #put(key: Uint8Array, start: number, end: number, lower: Uint8Array | undefined): void {
    const value = this.#value;
    let at = 1;
    value[0] = lower === undefined ? 0 : 1;
    if (lower !== undefined) {
      value.set(lower, 1);
      at += lower.length;
    }
    copyBytes(this.#body, start, end, value, at);
    this.#database.putSync(key, value.subarray(0, at + end - start));
  }

  #append(source: Uint8Array, start: number, end: number): void {
    const bytes = end - start;
    if (bytes === 0) return;
    if (this.#bodyBytes + bytes > this.#body.length) {
      const larger = new Uint8Array(2 * this.#body.length + bytes);
      larger.set(this.#body);
      this.#body = larger;
    }
    copyBytes(source, start, end, this.#body, this.#bodyBytes);
    this.#bodyBytes += bytes;
  }

  /** Key of the older page that covers a change. */
  #pageOf(headKey: Uint8Array, change: PageChange): Uint8Array {
    const positionAt = RECEIVED_POSITION_BYTES - positionBytesOf(headKey);
    const position = change.bytes.subarray(positionAt, RECEIVED_POSITION_BYTES);
    const key = findPage(this.#database, headKey, position, false);
    if (key === undefined) throw brokenChain();
    return key;
  }
}

/** Copies `[start:end)`; short pieces in a loop, as making a view costs more than they do. */
function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  if (end - start > 64) {
    target.set(new Uint8Array(source.buffer, source.byteOffset + start, end - start), at);
    return;
  }
  for (let i = start, j = at; i < end; i++, j++) target[j] = source[i]!;
}

/** The first change from `first` on that is below `lower`. */
function endOfPage(
  changes: readonly PageChange[],
  first: number,
  lower: Uint8Array | undefined,
  positionBytes: number,
): number {
  if (lower === undefined) return changes.length;
  const positionAt = RECEIVED_POSITION_BYTES - positionBytes;
  let end = first;
  while (
    end < changes.length &&
    compareAt(changes[end]!.bytes, positionAt, lower, 0, positionBytes) >= 0
  ) {
    end++;
  }
  return end;
}

function evenCut(bytes: number): number {
  return Math.ceil(bytes / Math.ceil(bytes / CUT_BYTES_MAX));
}
