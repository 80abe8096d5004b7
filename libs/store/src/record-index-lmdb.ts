/**
 * The record index on LMDB, for a server in one process. Reading happens in one turn of the event
 * loop and so sees one state. Writing does too where it is little; much is written in several
 * transactions with a turn of the loop between them, so that nobody else waits for all of it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MosaicError, type Reference } from '@mosaic-cluster/protocol';
import type { Database } from 'lmdb';
import { type CallHolders, IndexBatch, readState } from './index-batch.ts';
import { assertLocation } from './index-page.ts';
import { PageWriter } from './index-page-writer.ts';
import { recordKey } from './index-path.ts';
import { recordEntry, scanIndex } from './index-scan.ts';
import { Turns } from './index-turns.ts';
import type {
  AddOutcome,
  IndexAddition,
  IndexedRecord,
  IndexEntry,
  IndexPath,
  RebuildClaim,
  RebuildClaimOptions,
  RecordIndex,
  ScanRange,
} from './record-index.ts';
import { LmdbRebuild } from './record-index-lmdb-rebuild.ts';
import { LOG_START, type LogPosition } from './segment-log.ts';

/** What an index needs of its environment. */
export interface IndexAccess {
  /** Runs `action` in a transaction: all that it writes becomes visible with its end, or nothing. */
  write<T>(action: () => T): T;
  /** Runs `action` over what was last committed. */
  read<T>(action: () => T): T;
}

/**
 * An index over one database. The environment owns both.
 *
 * @param transactionRowsMax a transaction takes no more records once it has so many rows
 */
export function createLmdbIndex(
  database: Database<Uint8Array, Uint8Array>,
  access: IndexAccess,
  transactionRowsMax: number,
): RecordIndex {
  return new LmdbRecordIndex(database, access, transactionRowsMax);
}

class LmdbRecordIndex implements RecordIndex {
  readonly isShared = false;
  readonly #database: Database<Uint8Array, Uint8Array>;
  readonly #access: IndexAccess;
  readonly #writer: PageWriter;
  readonly #turns = new Turns();
  readonly #transactionRowsMax: number;
  readonly #rebuild: LmdbRebuild;
  #closed = false;

  constructor(
    database: Database<Uint8Array, Uint8Array>,
    access: IndexAccess,
    transactionRowsMax: number,
  ) {
    this.#database = database;
    this.#access = access;
    this.#transactionRowsMax = transactionRowsMax;
    this.#writer = new PageWriter(database);
    this.#rebuild = new LmdbRebuild({
      database,
      write: (action) => {
        this.#assertOpen();
        return access.write(action);
      },
      setAppliedTo: (appliedTo = LOG_START) => {
        new IndexBatch(database, this.#writer, new Map()).write(appliedTo);
      },
    });
  }

  async add(
    additions: readonly IndexAddition[],
    appliedTo?: LogPosition,
  ): Promise<readonly AddOutcome[]> {
    for (const { location } of additions) assertLocation(location);
    const outcomes: AddOutcome[] = [];
    const add = (batch: IndexBatch, addition: IndexAddition): void => {
      outcomes.push(batch.add(addition));
    };
    const position = (): LogPosition | undefined =>
      outcomes.includes('conflict') || this.#isRebuilding() ? undefined : appliedTo;
    await this.#turns.take(() => this.#write(additions, add, position));
    return outcomes;
  }

  restore(additions: readonly IndexAddition[]): Promise<readonly AddOutcome[]> {
    return this.add(additions);
  }

  async remove(records: readonly IndexedRecord[]): Promise<void> {
    // A transaction, even an empty one, needs room on the disk.
    if (records.length === 0) return;
    const remove = (batch: IndexBatch, record: IndexedRecord): void => batch.remove(record);
    await this.#turns.take(() => this.#write(records, remove));
  }

  async release(ids: readonly Reference[]): Promise<void> {
    if (ids.length === 0) return;
    const release = (batch: IndexBatch, id: Reference): void => batch.release(id);
    await this.#turns.take(() => this.#write(ids, release));
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

  async markWhole(appliedTo: LogPosition | undefined): Promise<void> {
    this.#rebuild.markWhole(appliedTo);
  }

  async claimRebuild(options: RebuildClaimOptions): Promise<RebuildClaim | undefined> {
    return this.#rebuild.claim(options);
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

  /** Does a step for every item, in as many transactions as that takes. */
  async #write<T>(
    items: readonly T[],
    step: (batch: IndexBatch, item: T) => void,
    position: () => LogPosition | undefined = () => undefined,
  ): Promise<void> {
    const holders: CallHolders = new Map();
    let at = 0;
    const writeSome = (): void => {
      const batch = new IndexBatch(this.#database, this.#writer, holders);
      while (at < items.length && batch.rows < this.#transactionRowsMax) step(batch, items[at++]!);
      batch.write(at < items.length ? undefined : position());
    };
    for (;;) {
      this.#assertOpen();
      this.#access.write(writeSome);
      if (at === items.length) return;
      await nextTurn();
    }
  }

  /** Whether a position must wait until the rebuild that is to bring the index there has ended. */
  #isRebuilding(): boolean {
    return this.#rebuild.hasBegun && readState(this.#database).appliedTo === undefined;
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
