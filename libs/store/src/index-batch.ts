/**
 * The changes of one write transaction: decides what becomes of every addition, gathers the changes
 * of all paths, and writes each page once. A call makes one or, where it changes much, several.
 */
import {
  compareBytes,
  RECORD_AT,
  type RecordView,
  type Reference,
  REFERENCE_BYTES,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import type { Database } from 'lmdb';
import { compareAt, entriesStart, entryFlags, flagsHeld } from './index-page.ts';
import type { PageChange, PageWriter } from './index-page-writer.ts';
import { headKeyOf, PATH, RECEIVED_POSITION_BYTES, REGION, visitHeadKeys } from './index-path.ts';
import {
  type AddOutcome,
  type IndexAddition,
  type IndexedRecord,
  POSITION_BYTES,
} from './record-index.ts';
import type { LogPosition } from './segment-log.ts';

/** What the index knows of itself. */
export interface IndexState {
  readonly count: number;
  readonly appliedTo: LogPosition | undefined;
}

const STATE_KEY = Uint8Array.of(REGION.state);
const HELD_KEY: Buffer = Buffer.from(headKeyOf({ path: 'held' }));
const COUNT_BYTES = 6;
const RECEIVED_AT_BYTES = 8;

/** Reads the state that the last batch wrote: `[count u48 BE][applied-to, the rest]`. */
export function readState(database: Database<Uint8Array, Uint8Array>): IndexState {
  const value = database.getBinary(STATE_KEY);
  if (value === undefined) return { count: 0, appliedTo: undefined };
  const appliedTo =
    value.length > COUNT_BYTES ? Uint8Array.from(value).subarray(COUNT_BYTES) : undefined;
  return { count: value.readUIntBE(0, COUNT_BYTES), appliedTo };
}

interface PathChanges {
  readonly headKey: Uint8Array;
  readonly changes: PageChange[];
}

/** The additions of one call that hold a replaceable address, by head key. */
export type CallHolders = Map<string, IndexAddition>;

/** The changes of one write transaction. */
export class IndexBatch {
  readonly #database: Database<Uint8Array, Uint8Array>;
  readonly #writer: PageWriter;
  readonly #paths = new Map<string, PathChanges>();
  readonly #holders: CallHolders;
  #countChange = 0;
  #rows = 0;
  readonly #key: Uint8Array = new Uint8Array(1 + REFERENCE_BYTES).fill(REGION.record, 0, 1);

  /**
   * @param database within a write transaction that ends after {@link write}
   * @param holders shared by all transactions of one call
   */
  constructor(
    database: Database<Uint8Array, Uint8Array>,
    writer: PageWriter,
    holders: CallHolders,
  ) {
    this.#database = database;
    this.#writer = writer;
    this.#holders = holders;
  }

  /** Rows to write so far, and one for every record that was only looked up. */
  get rows(): number {
    return this.#rows;
  }

  /** Adds a record, unless one of its ID or a newer one of its replaceable address is there. */
  add(addition: IndexAddition): AddOutcome {
    const { record } = addition;
    this.#rows++;
    let key = this.#recordKey(record);
    if (this.#database.getBinaryFast(key) !== undefined) return 'duplicate';
    if (record.duplicateHandling === 'replaceable') {
      const outcome = this.#replace(addition);
      if (outcome !== 'added') return outcome;
      key = this.#recordKey(record);
    }
    const bytes = entryBytes(addition);
    this.#database.putSync(key, recordValue(bytes));
    this.#countChange++;
    this.#change(record, addition.held, { bytes, put: true });
    return 'added';
  }

  /** Takes a record out. */
  remove({ record }: IndexedRecord): void {
    this.#rows++;
    const key = this.#recordKey(record);
    const value = this.#database.getBinaryFast(key);
    if (value === undefined) return;
    // Where the entry stands on path `received` is what was written, whatever the caller says.
    const bytes = new Uint8Array(RECEIVED_POSITION_BYTES);
    for (let i = 0; i < RECEIVED_AT_BYTES; i++) bytes[i] = value[i]!;
    for (let i = 0; i < POSITION_BYTES; i++) bytes[RECEIVED_AT_BYTES + i] = record.bytes[i]!;
    this.#database.removeSync(key);
    this.#countChange--;
    this.#change(record, flagsHeld(value[RECEIVED_AT_BYTES]!), { bytes, put: false });
  }

  /** Takes a record off the path `held`. */
  release(id: Reference): void {
    const bytes = new Uint8Array(RECEIVED_POSITION_BYTES);
    for (let i = 0; i < POSITION_BYTES; i++) bytes[RECEIVED_AT_BYTES + i] = id[i]!;
    this.#changePath(HELD_KEY, HELD_KEY.length, { bytes, put: false });
  }

  /** Writes all pages and the state. */
  write(appliedTo: LogPosition | undefined): void {
    for (const { headKey, changes } of this.#paths.values()) {
      const positionAt = headKey[headKey.length - 1] === PATH.received ? 0 : RECEIVED_AT_BYTES;
      if (changes.length > 1) changes.sort((a, b) => newestFirst(a, b, positionAt));
      this.#writer.apply(headKey, changes);
    }
    this.#writeState(appliedTo);
  }

  #writeState(appliedTo: LogPosition | undefined): void {
    if (this.#countChange === 0 && appliedTo === undefined) return;
    const state = readState(this.#database);
    let end = state.appliedTo;
    if (appliedTo !== undefined && (end === undefined || compareBytes(appliedTo, end) > 0)) {
      end = appliedTo;
    }
    const value = Buffer.alloc(COUNT_BYTES + (end?.length ?? 0));
    value.writeUIntBE(state.count + this.#countChange, 0, COUNT_BYTES);
    if (end !== undefined) value.set(end, COUNT_BYTES);
    this.#database.putSync(STATE_KEY, value);
  }

  /** Frees the address of a replaceable addition, where that is newer than its holder. */
  #replace(addition: IndexAddition): AddOutcome {
    const { record } = addition;
    const address = addressHeadKey(record);
    const name = address.toString('latin1');
    const own = this.#holders.get(name);
    if (own !== undefined) {
      if (compareAt(own.record.bytes, 0, record.bytes, 0, POSITION_BYTES) > 0) return 'outdated';
      this.remove(own);
    } else {
      const page = this.#database.getBinaryFast(address);
      if (page !== undefined) {
        const at = entriesStart(page, POSITION_BYTES);
        if (compareAt(page, at, record.bytes, 0, POSITION_BYTES) > 0) return 'outdated';
        const { replaces } = addition;
        if (replaces === undefined) return 'conflict';
        if (compareAt(page, at, replaces.record.bytes, 0, POSITION_BYTES) !== 0) return 'conflict';
        this.remove(replaces);
      }
    }
    this.#holders.set(name, addition);
    return 'added';
  }

  /** The key of a record, in a buffer that the next call overwrites. */
  #recordKey(record: RecordView): Uint8Array {
    for (let i = 0; i < REFERENCE_BYTES; i++) this.#key[1 + i] = record.bytes[i]!;
    return this.#key;
  }

  #change(record: RecordView, held: boolean, change: PageChange): void {
    visitHeadKeys(record, held, (buffer, length) => this.#changePath(buffer, length, change));
  }

  #changePath(buffer: Buffer, length: number, change: PageChange): void {
    this.#rows++;
    const name = buffer.toString('latin1', 0, length);
    const path = this.#paths.get(name);
    if (path !== undefined) path.changes.push(change);
    else {
      const headKey = Uint8Array.prototype.slice.call(buffer, 0, length);
      this.#paths.set(name, { headKey, changes: [change] });
    }
  }
}

/** The head key of a record's address, in a buffer of its own. */
function addressHeadKey(record: RecordView): Buffer {
  const key = Buffer.allocUnsafe(50);
  key[0] = REGION.head;
  key.set(record.bytes.subarray(RECORD_AT.address, RECORD_AT.address + 48), 1);
  key[49] = PATH.address;
  return key;
}

/** `[received-at 8][position 24][flags][location]`. */
function entryBytes({ record, receivedAt, location, held }: IndexAddition): Uint8Array {
  const bytes = new Uint8Array(RECEIVED_POSITION_BYTES + 1 + location.length);
  writeU64BE(bytes, 0, receivedAt);
  for (let i = 0; i < POSITION_BYTES; i++) bytes[RECEIVED_AT_BYTES + i] = record.bytes[i]!;
  bytes[RECEIVED_POSITION_BYTES] = entryFlags(location, held);
  bytes.set(location, RECEIVED_POSITION_BYTES + 1);
  return bytes;
}

/** `[received-at 8][flags][location]`. */
function recordValue(entry: Uint8Array): Uint8Array {
  const value = new Uint8Array(entry.length - POSITION_BYTES);
  for (let i = 0; i < value.length; i++) {
    value[i] = entry[i < RECEIVED_AT_BYTES ? i : i + POSITION_BYTES]!;
  }
  return value;
}

function newestFirst(a: PageChange, b: PageChange, positionAt: number): number {
  return compareAt(b.bytes, positionAt, a.bytes, positionAt, RECEIVED_POSITION_BYTES - positionAt);
}
