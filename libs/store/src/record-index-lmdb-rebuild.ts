/** Who rebuilds an index on LMDB, and what it has done: notes in the database itself. */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { Database } from 'lmdb';
import { REGION } from './index-path.ts';
import type { RebuildClaim, RebuildClaimOptions } from './record-index.ts';
import type { LogPosition } from './segment-log.ts';

/** There as long as a rebuild has not come to its end. */
const BEGUN_KEY = Uint8Array.of(REGION.note);
const AFTER_NOTES = Uint8Array.of(REGION.note + 1);

/** What a rebuild needs of its index. */
export interface LmdbRebuildAccess {
  readonly database: Database<Uint8Array, Uint8Array>;
  /** Runs `action` in a transaction. */
  write<T>(action: () => T): T;
  /** Says, in a transaction, up to where the log is in the index. */
  setAppliedTo(appliedTo: LogPosition | undefined): void;
}

/** The rebuild of one index: one process has it open, and so one claim at a time is all there is. */
export class LmdbRebuild {
  readonly #access: LmdbRebuildAccess;
  #claim: LmdbClaim | undefined;

  constructor(access: LmdbRebuildAccess) {
    this.#access = access;
  }

  /** Whether a rebuild has begun and not come to its end. Within a transaction. */
  get hasBegun(): boolean {
    return this.#access.database.getBinaryFast(BEGUN_KEY) !== undefined;
  }

  /** See `RecordIndex.claimRebuild`. */
  claim({ isFresh = false }: RebuildClaimOptions): RebuildClaim | undefined {
    if (this.#claim !== undefined) return undefined;
    const { database } = this.#access;
    const notes = new Map<string, Uint8Array>();
    this.#access.write(() => {
      if (isFresh) this.#forget();
      for (const { key, value } of database.getRange({ start: BEGUN_KEY, end: AFTER_NOTES })) {
        const name = Buffer.from(key.subarray(1)).toString();
        if (name !== '') notes.set(name, Uint8Array.from(value));
      }
      database.putSync(BEGUN_KEY, new Uint8Array(0));
    });
    this.#claim = new LmdbClaim(this, notes);
    return this.#claim;
  }

  /** Keeps a note. */
  note(claim: LmdbClaim, name: string, value: Uint8Array): void {
    this.assertHeld(claim);
    const key = Uint8Array.from(Buffer.from(`\x02${name}`));
    this.#access.write(() => this.#access.database.putSync(key, value));
  }

  /** The index is whole. */
  finish(claim: LmdbClaim, appliedTo: LogPosition | undefined): void {
    this.assertHeld(claim);
    this.#claim = undefined;
    this.markWhole(appliedTo);
  }

  /** See `RecordIndex.markWhole`. */
  markWhole(appliedTo: LogPosition | undefined): void {
    this.#access.write(() => {
      this.#forget();
      this.#access.setAppliedTo(appliedTo);
    });
  }

  /** Ends a claim. */
  release(claim: LmdbClaim): void {
    if (this.#claim === claim) this.#claim = undefined;
  }

  /** Throws where a claim has ended. */
  assertHeld(claim: LmdbClaim): void {
    if (this.#claim === claim) return;
    throw new MosaicError('conflict', 'rebuild-lost', 'this rebuild of the index has ended');
  }

  #forget(): void {
    const { database } = this.#access;
    const keys = [...database.getKeys({ start: BEGUN_KEY, end: AFTER_NOTES })];
    for (const key of keys) database.removeSync(Uint8Array.from(key));
  }
}

class LmdbClaim implements RebuildClaim {
  readonly from = undefined;
  readonly notes: ReadonlyMap<string, Uint8Array>;
  readonly #rebuild: LmdbRebuild;

  constructor(rebuild: LmdbRebuild, notes: ReadonlyMap<string, Uint8Array>) {
    this.#rebuild = rebuild;
    this.notes = notes;
  }

  async renew(): Promise<void> {
    this.#rebuild.assertHeld(this);
  }

  async note(name: string, value: Uint8Array): Promise<void> {
    this.#rebuild.note(this, name, value);
  }

  async finish(appliedTo: LogPosition | undefined): Promise<void> {
    this.#rebuild.finish(this, appliedTo);
  }

  async release(): Promise<void> {
    this.#rebuild.release(this);
  }
}
