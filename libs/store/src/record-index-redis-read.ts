/** Reads the index on Redis: rows of a path, then the entries that they name. */
import type { Reference } from '@mosaic-cluster/protocol';
import { compareAt } from './index-page.ts';
import { boundOf, checkLimit } from './index-scan.ts';
import { type IndexEntry, type IndexPath, POSITION_BYTES, type ScanRange } from './record-index.ts';
import {
  decodeHolder,
  decodeItems,
  indexEntry,
  isEntryOf,
  type StoredEntry,
  type StoredPointer,
} from './record-index-redis-items.ts';
import {
  FIELD_BYTES,
  isReplaceableAddress,
  type PlacedField,
  RECEIVED_ROWS,
  type RedisIndexKeys,
  type RowTree,
} from './record-index-redis-keys.ts';
import { SCAN_ROWS } from './record-index-redis-rows.ts';
import { type TableLetter, type TableRead, TableReads } from './record-index-redis-table-reads.ts';
import type { RedisConnection, RedisReply } from './redis-connection.ts';

/** Rows of a page, at a guess; how many pages are asked for follows from it. */
const PAGE_ROWS = 100;
/** Most pages asked for at once: they are in memory together. */
const PAGES_MAX = 8;
/** Most rows that are followed to their entries at once. */
const LOOKUPS_MAX = 256;

/** Reads for one index. */
export class RedisIndexReader {
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;
  readonly #tables: TableReads;

  constructor(connection: RedisConnection, keys: RedisIndexKeys) {
    this.#connection = connection;
    this.#keys = keys;
    this.#tables = new TableReads(connection, keys);
  }

  /** The entries of a path within a range, newest first. */
  async scan(path: IndexPath, range: ScanRange): Promise<IndexEntry[]> {
    checkLimit(range.limit);
    const { tree, shard, start } = this.#keys.path(path);
    const isReceived = tree === RECEIVED_ROWS;
    const positionBytes = POSITION_BYTES + (isReceived ? 8 : 0);
    const below = boundOf(range.below, positionBytes);
    const from = boundOf(range.from, positionBytes);
    if (range.limit === 0) return [];
    const isWanted = (entry: IndexEntry): boolean =>
      // Whoever lost a race to add a record may have left a row that says otherwise.
      (entry.held || path.path !== 'held') &&
      (below === undefined || compareAt(entry.position, 0, below, 0, positionBytes) < 0) &&
      (from === undefined || compareAt(entry.position, 0, from, 0, positionBytes) >= 0);
    if (path.path === 'address' && isReplaceableAddress(path.address)) {
      const { values } = await this.readTable('a', [this.#keys.address(path.address)]);
      const holders = values.map((value) => value && indexEntry(decodeHolder(value), false));
      return holders.filter((entry) => entry !== undefined && isWanted(entry)) as IndexEntry[];
    }
    const found: IndexEntry[] = [];
    const low = rowBound(start, from, tree, 0);
    let high: Buffer | undefined = rowBound(start, below, tree, 0xff);
    while (high !== undefined && found.length < range.limit) {
      // The row of the bound itself is among them, and its entry is not wanted.
      const wanted = range.limit - found.length + (below === undefined ? 0 : 1);
      const read = await this.#rows(tree, shard, low, high, wanted);
      high = read.next;
      for (let at = 0; at < read.rows.length && found.length < range.limit; at += LOOKUPS_MAX) {
        const some = read.rows.slice(at, at + LOOKUPS_MAX);
        for (const entry of await this.#entriesOf(some, isReceived)) {
          if (found.length < range.limit && isWanted(entry)) found.push(entry);
        }
      }
    }
    return found;
  }

  /** The entries of whole IDs. */
  async lookup(ids: readonly Reference[]): Promise<(IndexEntry | undefined)[]> {
    const fields = ids.map((id) => Buffer.from(id.subarray(0, FIELD_BYTES)));
    const found = await this.#resolve(fields);
    return ids.map((id, i) => {
      const entry = found[i]!.find((each) => isEntryOf(each, id));
      return entry && indexEntry(entry, false);
    });
  }

  /** Reads fields of a table. */
  readTable(letter: TableLetter, fields: readonly PlacedField[]): Promise<TableRead> {
    return this.#tables.read(letter, fields);
  }

  /**
   * The newest rows between two, both inclusive, newest first, and below which row there may be more.
   * No more than are wanted: a page has the rows of many entries that nobody asks for.
   */
  async #rows(
    tree: RowTree,
    shard: number,
    low: Buffer,
    high: Buffer,
    wanted: number,
  ): Promise<{ rows: Buffer[]; next: Buffer | undefined }> {
    const { letter, rowBytes, pathBytes } = tree;
    const pages = Math.min(1 + Math.ceil(wanted / PAGE_ROWS), PAGES_MAX);
    const args = [letter, rowBytes, pathBytes, low, high, pages];
    const call = { script: SCAN_ROWS, key: this.#keys.shards[shard]!, args };
    const [reply] = (await this.#connection.run([call])) as [Buffer[]];
    const rows: Buffer[] = [];
    for (let i = 1; i < reply.length; i += 2) {
      const isCut = takeRows(reply[i]!, { rowBytes, low, high }, rows, wanted);
      if (isCut) return { rows, next: rowBefore(rows.at(-1)!) };
    }
    const lowest = reply.at(-2);
    if (lowest === undefined || Buffer.compare(lowest, low) <= 0) return { rows, next: undefined };
    const bound = Buffer.alloc(rowBytes);
    bound.set(lowest);
    return { rows, next: rowBefore(bound) };
  }

  /** The visible entries that rows name, in order. */
  async #entriesOf(rows: readonly Buffer[], isReceived: boolean): Promise<IndexEntry[]> {
    if (rows.length === 0) return [];
    const fields = rows.map((row) => row.subarray(row.length - FIELD_BYTES));
    const resolved = await this.#resolve(fields);
    const entries: IndexEntry[] = [];
    rows.forEach((row, i) => {
      for (const entry of resolved[i]!) {
        // A row of a reception time that did not come to count is left by whoever lost a race.
        const isStale = isReceived && compareAt(row, 0, entry.receivedAt, 0, 8) !== 0;
        if (!isStale) entries.push(indexEntry(entry, isReceived));
      }
    });
    return entries;
  }

  /** The visible entries of each field, newest first: rarely more than one. */
  async #resolve(fields: readonly Buffer[]): Promise<StoredEntry[][]> {
    const values = await this.#tables.recall(fields.map((field) => this.#keys.record(field)));
    const pointers: StoredPointer[] = [];
    const owners: number[] = [];
    const resolved = values.map((value, i) => {
      if (value === undefined) return [];
      const items = decodeItems(fields[i]!, value);
      for (const pointer of items.pointers) {
        pointers.push(pointer);
        owners.push(i);
      }
      return items.entries;
    });
    if (pointers.length > 0) await this.#follow(pointers, owners, resolved);
    for (const entries of resolved) {
      if (entries.length > 1) entries.sort((a, b) => Buffer.compare(b.position, a.position));
    }
    return resolved;
  }

  /** Adds the entries that pointers lead to: those of records that hold their address. */
  async #follow(
    pointers: readonly StoredPointer[],
    owners: readonly number[],
    resolved: StoredEntry[][],
  ): Promise<void> {
    const fields = pointers.map(({ address }) => this.#keys.addressField(address));
    const { values } = await this.readTable('a', fields);
    values.forEach((value, n) => {
      const entry = value && decodeHolder(value);
      if (entry?.position.equals(pointers[n]!.position)) resolved[owners[n]!]!.push(entry);
    });
  }
}

/** A bound for rows, inclusive: what it is cut off by is compared when the entries are known. */
function rowBound(
  start: Buffer,
  position: Uint8Array | undefined,
  { rowBytes }: RowTree,
  fill: number,
): Buffer {
  const bound = Buffer.alloc(rowBytes, fill);
  bound.set(start);
  if (position !== undefined)
    bound.set(position.subarray(0, rowBytes - start.length), start.length);
  return bound;
}

/** Which rows of a page are wanted: those between two, both inclusive. */
interface RowRange {
  readonly rowBytes: number;
  readonly low: Buffer;
  readonly high: Buffer;
}

/**
 * Adds the rows of a page within a range to a list, newest first and each once, until there are as
 * many as wanted.
 *
 * @returns whether there are more
 */
function takeRows(page: Buffer, range: RowRange, rows: Buffer[], wanted: number): boolean {
  const { rowBytes, low, high } = range;
  const headBytes = page[0]!;
  const restBytes = rowBytes - headBytes;
  const aboveLow = compareAt(page, 1, low, 0, headBytes);
  const aboveHigh = compareAt(page, 1, high, 0, headBytes);
  if (aboveLow < 0 || aboveHigh > 0) return false;
  const places: number[] = [];
  // A page has the rows of many paths: most are passed over at their first bytes.
  for (let at = 1 + headBytes; at < page.length; at += restBytes) {
    if (aboveLow === 0 && compareAt(page, at, low, headBytes, restBytes) < 0) continue;
    if (aboveHigh === 0 && compareAt(page, at, high, headBytes, restBytes) > 0) continue;
    places.push(at);
  }
  places.sort((a, b) => compareAt(page, b, page, a, restBytes));
  for (const [i, at] of places.entries()) {
    if (i > 0 && compareAt(page, at, page, places[i - 1]!, restBytes) === 0) continue;
    if (rows.length >= wanted) return true;
    const row = Buffer.allocUnsafe(rowBytes);
    page.copy(row, 0, 1, 1 + headBytes);
    page.copy(row, headBytes, at, at + restBytes);
    rows.push(row);
  }
  return false;
}

/** The greatest row below one; undefined: there is none. */
function rowBefore(row: Buffer): Buffer | undefined {
  const before = Buffer.from(row);
  for (let i = before.length - 1; i >= 0; i--) {
    before[i] = (before[i]! - 1) & 0xff;
    if (before[i] !== 0xff) return before;
  }
  return undefined;
}

/** What a script answers, as bytes. */
export function bytesOf(reply: RedisReply): Buffer | undefined {
  return Buffer.isBuffer(reply) && reply.length > 0 ? reply : undefined;
}
