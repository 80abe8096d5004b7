/**
 * The record index on LMDB, for a server in one process. Every operation happens in one turn of the
 * event loop: it sees one state, and what `add` wrote is found as soon as it returns.
 */
import { MosaicError, type Reference } from '@mosaic-cluster/protocol';
import type { Database } from 'lmdb';
import { IndexBatch, readState } from './index-batch.ts';
import { PageWriter } from './index-page-writer.ts';
import { recordKey } from './index-path.ts';
import { recordEntry, scanIndex } from './index-scan.ts';
import type {
  AddOutcome,
  IndexAddition,
  IndexedRecord,
  IndexEntry,
  IndexPath,
  RecordIndex,
  ScanRange,
} from './record-index.ts';
import type { LogPosition } from './segment-log.ts';

/** What an index needs of its environment. */
export interface IndexAccess {
  /** Runs `action` in a transaction: all that it writes becomes visible with its end, or nothing. */
  write<T>(action: () => T): T;
  /** Runs `action` over what was last committed. */
  read<T>(action: () => T): T;
}

/** An index over one database. The environment owns both. */
export function createLmdbIndex(
  database: Database<Uint8Array, Uint8Array>,
  access: IndexAccess,
): RecordIndex {
  return new LmdbRecordIndex(database, access);
}

class LmdbRecordIndex implements RecordIndex {
  readonly #database: Database<Uint8Array, Uint8Array>;
  readonly #access: IndexAccess;
  readonly #writer: PageWriter;
  #closed = false;

  constructor(database: Database<Uint8Array, Uint8Array>, access: IndexAccess) {
    this.#database = database;
    this.#access = access;
    this.#writer = new PageWriter(database);
  }

  async add(
    additions: readonly IndexAddition[],
    appliedTo?: LogPosition,
  ): Promise<readonly AddOutcome[]> {
    return this.#write((batch) => {
      const outcomes: AddOutcome[] = [];
      for (const addition of additions) outcomes.push(batch.add(addition));
      batch.write(appliedTo);
      return outcomes;
    });
  }

  async remove(records: readonly IndexedRecord[]): Promise<void> {
    this.#write((batch) => {
      for (const record of records) batch.remove(record);
      batch.write(undefined);
    });
  }

  async lookup(ids: readonly Reference[]): Promise<readonly (IndexEntry | undefined)[]> {
    return this.#read(() => ids.map((id) => this.#entry(id)));
  }

  async scan(path: IndexPath, range: ScanRange): Promise<readonly IndexEntry[]> {
    return this.#read(() => scanIndex(this.#database, path, range));
  }

  async appliedTo(): Promise<LogPosition | undefined> {
    return this.#read(() => readState(this.#database).appliedTo);
  }

  async count(): Promise<number> {
    return this.#read(() => readState(this.#database).count);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #entry(id: Reference): IndexEntry | undefined {
    const value = this.#database.getBinaryFast(recordKey(id));
    return value === undefined ? undefined : recordEntry(id, 0, value, value.length);
  }

  #write<T>(action: (batch: IndexBatch) => T): T {
    this.#assertOpen();
    return this.#access.write(() => action(new IndexBatch(this.#database, this.#writer)));
  }

  #read<T>(action: () => T): T {
    this.#assertOpen();
    return this.#access.read(action);
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new MosaicError('closed', 'index-closed', 'the record index was closed');
  }
}
