/**
 * The record index on Redis, for servers in many processes: any number of writers at once. A record
 * becomes visible by one last step; what a crash leaves before it is never found.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  compareBytes,
  MosaicError,
  type RecordView,
  type Reference,
} from '@mosaic-cluster/protocol';
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
import { RedisIndexEvictor } from './record-index-redis-evict.ts';
import { RedisIndexKeys } from './record-index-redis-keys.ts';
import { RedisIndexReader } from './record-index-redis-read.ts';
import { relocate } from './record-index-redis-relocate.ts';
import { RedisIndexRemover } from './record-index-redis-remove.ts';
import { RedisIndexState } from './record-index-redis-state.ts';
import { COUNT_ITEMS } from './record-index-redis-tables.ts';
import { RedisIndexWriter } from './record-index-redis-write.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { Location, LogPosition } from './segment-log.ts';

/** For what is done at once: longer than any of its calls may take. */
const SHORT_LEASE_MS = 30_000;

/** How an index on Redis is opened. */
export interface RedisIndexOptions {
  /** Shared by any number of indexes; closing an index leaves it open. */
  readonly connection: RedisConnection;
  /** Of the role: lower-case letters, digits and hyphens. */
  readonly name: string;
  /**
   * Makes it unforeseeable which paths share a hash; the same wherever the index is used. Changing it
   * means rebuilding the index.
   */
  readonly secret?: string | undefined;
  /**
   * Called when this process notices that Redis has forgotten what it had answered to, as a failover
   * does that loses the last writes. From then on the index is not whole.
   */
  readonly onLoss?: () => void;
  /** 0 to 1, for pauses between attempts. */
  readonly random?: () => number;
}

/** A record index on Redis. */
export interface RedisRecordIndex extends RecordIndex {
  /**
   * Takes entries out that lead nowhere, as a scan found them; those that are others by now stay. What
   * needs the record to be found, its rows on most paths, is left behind and never seen again.
   *
   * @returns how many are gone
   * @throws MosaicError as {@link RecordIndex.add}
   */
  evict(entries: readonly IndexEntry[]): Promise<number>;
  /**
   * Says of records where they are now. One that was removed or replaced meanwhile, or is somewhere else
   * than the caller knows, stays as it is.
   *
   * @returns how many are at the new place because of this call
   * @throws MosaicError as {@link RecordIndex.add}: some may be; doing it again is safe
   */
  relocate(moves: readonly IndexMove[]): Promise<number>;
}

/** A record that lies somewhere else from now on. */
export interface IndexMove {
  readonly record: RecordView;
  readonly from: Location;
  /** As many bytes as `from`. */
  readonly to: Location;
}

/**
 * An index on Redis. Nothing is asked of Redis before the first call.
 *
 * @throws MosaicError `invalid` (`index-name`)
 */
export function createRedisIndex(options: RedisIndexOptions): RedisRecordIndex {
  return new ScriptedIndex(options);
}

class ScriptedIndex implements RedisRecordIndex {
  readonly isShared = true;
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;
  readonly #reader: RedisIndexReader;
  readonly #remover: RedisIndexRemover;
  readonly #evictor: RedisIndexEvictor;
  readonly #adder: RedisIndexWriter;
  readonly #state: RedisIndexState;
  readonly #onLoss: () => void;
  /** The greatest position that Redis was seen to have; undefined: it forgot that. */
  #last: LogPosition | undefined;
  #closed = false;

  constructor(options: RedisIndexOptions) {
    const { connection, name, secret = '', onLoss = () => {} } = options;
    const { random = () => randomInt(2 ** 32) / 2 ** 32 } = options;
    this.#connection = connection;
    this.#onLoss = onLoss;
    this.#keys = new RedisIndexKeys(connection.keyPrefix, name, secret);
    this.#reader = new RedisIndexReader(connection, this.#keys);
    this.#state = new RedisIndexState(connection, this.#keys);
    const pause = (ms: number): Promise<void> => delay(ms);
    this.#remover = new RedisIndexRemover(connection, this.#keys);
    const [keys, reader] = [this.#keys, this.#reader];
    this.#evictor = new RedisIndexEvictor({ connection, keys, reader });
    this.#adder = new RedisIndexWriter({
      connection,
      keys: this.#keys,
      reader: this.#reader,
      remover: this.#remover,
      pause,
      random,
    });
  }

  async add(
    additions: readonly IndexAddition[],
    appliedTo?: LogPosition,
  ): Promise<readonly AddOutcome[]> {
    this.#assertOpen();
    const outcomes = await this.#adder.add(additions, false);
    const isSettled = appliedTo !== undefined && !outcomes.includes('conflict');
    if (isSettled) await this.#advance(appliedTo);
    return outcomes;
  }

  async restore(additions: readonly IndexAddition[]): Promise<readonly AddOutcome[]> {
    this.#assertOpen();
    return this.#adder.add(additions, true);
  }

  async remove(records: readonly IndexedRecord[]): Promise<void> {
    this.#assertOpen();
    await this.#remover.remove(records, false);
  }

  async evict(entries: readonly IndexEntry[]): Promise<number> {
    this.#assertOpen();
    return this.#evictor.evict(entries);
  }

  async relocate(moves: readonly IndexMove[]): Promise<number> {
    this.#assertOpen();
    return relocate(this.#connection, this.#keys, moves);
  }

  async release(ids: readonly Reference[]): Promise<void> {
    this.#assertOpen();
    await this.#remover.release(ids);
  }

  async lookup(ids: readonly Reference[]): Promise<readonly (IndexEntry | undefined)[]> {
    this.#assertOpen();
    return this.#reader.lookup(ids);
  }

  async scan(path: IndexPath, range: ScanRange): Promise<readonly IndexEntry[]> {
    this.#assertOpen();
    return this.#reader.scan(path, range);
  }

  async appliedTo(): Promise<LogPosition | undefined> {
    this.#assertOpen();
    return this.#state.appliedTo();
  }

  async markWhole(appliedTo: LogPosition | undefined): Promise<void> {
    const owner = `mark-whole-${randomBytes(8).toString('hex')}`;
    const claim = await this.claimRebuild({ owner, leaseMs: SHORT_LEASE_MS, isFresh: true });
    if (claim !== undefined) return claim.finish(appliedTo);
    throw new MosaicError('conflict', 'rebuild-running', 'somebody rebuilds the record index');
  }

  async claimRebuild(options: RebuildClaimOptions): Promise<RebuildClaim | undefined> {
    this.#assertOpen();
    return this.#state.claim(options);
  }

  async count(): Promise<number> {
    this.#assertOpen();
    const calls = this.#keys.shards.map((key) => ({ script: COUNT_ITEMS, key, args: [] }));
    const counts = (await this.#connection.run(calls)) as number[];
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #advance(position: LogPosition): Promise<void> {
    const last = this.#last;
    const stored = await this.#state.advance(position, last);
    if (stored === undefined) {
      if (last !== undefined) this.#onLoss();
      this.#last = undefined;
      return;
    }
    for (const each of [stored, position]) {
      if (isLess(this.#last, each)) this.#last = Uint8Array.from(each);
    }
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new MosaicError('closed', 'index-closed', 'the record index was closed');
  }
}

function isLess(a: LogPosition | undefined, b: LogPosition): boolean {
  return a === undefined || compareBytes(a, b) < 0;
}
