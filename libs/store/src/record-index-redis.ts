/**
 * The record index on Redis, for servers in many processes: any number of writers at once. A record
 * becomes visible by one last step; what a crash leaves before it is never found.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { compareBytes, MosaicError, type Reference } from '@mosaic-cluster/protocol';
import type {
  AddOutcome,
  IndexAddition,
  IndexedRecord,
  IndexEntry,
  IndexPath,
  RecordIndex,
  ScanRange,
} from './record-index.ts';
import { RedisIndexKeys } from './record-index-redis-keys.ts';
import { RedisIndexReader } from './record-index-redis-read.ts';
import { RedisIndexRemover } from './record-index-redis-remove.ts';
import {
  ADVANCE,
  COUNT_ITEMS,
  FORGET_WRITER,
  READ_POSITIONS,
} from './record-index-redis-tables.ts';
import { RedisIndexWriter } from './record-index-redis-write.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { LogPosition } from './segment-log.ts';

/** Writer of an index that only one process writes to. */
const ONLY_WRITER = 'only';
const WRITER_CHARS_MAX = 128;

/** How an index on Redis is opened. */
export interface RedisIndexOptions {
  /** Shared by any number of indexes; closing an index leaves it open. */
  readonly connection: RedisConnection;
  /** Of the role: lower-case letters, digits and hyphens. */
  readonly name: string;
  /**
   * Whose position in the log `appliedTo` is: each process that writes to a log of its own has its
   * own. Undefined: there is only one.
   */
  readonly writer?: string | undefined;
  /**
   * Makes it unforeseeable which paths share a hash; the same wherever the index is used. Changing it
   * means rebuilding the index.
   */
  readonly secret?: string | undefined;
  /**
   * Called when Redis has forgotten what was written: it was emptied, or a failover lost the last
   * writes. From then on `appliedTo` stays behind, until the index is rebuilt up to where it was.
   */
  readonly onBehind?: (stored: LogPosition | undefined) => void;
  /** 0 to 1, for pauses between attempts. */
  readonly random?: () => number;
}

/** A record index on Redis. */
export interface RedisRecordIndex extends RecordIndex {
  /** Up to where the log of every writer is in the index. */
  positions(): Promise<ReadonlyMap<string, LogPosition>>;
  /** Drops the position of a writer that will not come back and whose log is wholly in the index. */
  forgetWriter(writer: string): Promise<void>;
}

/**
 * An index on Redis. Nothing is asked of Redis before the first call.
 *
 * @throws MosaicError `invalid` (`index-name`)
 */
export function createRedisIndex(options: RedisIndexOptions): RedisRecordIndex {
  const { writer = ONLY_WRITER } = options;
  if (writer === '' || writer.length > WRITER_CHARS_MAX) {
    const message = `a writer's name has 1 to ${WRITER_CHARS_MAX} characters`;
    throw new MosaicError('invalid', 'index-name', message);
  }
  return new ScriptedIndex(options, writer);
}

class ScriptedIndex implements RedisRecordIndex {
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;
  readonly #reader: RedisIndexReader;
  readonly #remover: RedisIndexRemover;
  readonly #adder: RedisIndexWriter;
  readonly #writer: string;
  readonly #onBehind: (stored: LogPosition | undefined) => void;
  /** The greatest position that Redis was seen to have. */
  #last: LogPosition | undefined;
  #isBehind = false;
  #closed = false;

  constructor(options: RedisIndexOptions, writer: string) {
    const { connection, name, secret = '', onBehind = () => {} } = options;
    const { random = () => randomInt(2 ** 32) / 2 ** 32 } = options;
    this.#connection = connection;
    this.#writer = writer;
    this.#onBehind = onBehind;
    this.#keys = new RedisIndexKeys(connection.keyPrefix, name, secret);
    this.#reader = new RedisIndexReader(connection, this.#keys);
    const pause = (ms: number): Promise<void> => delay(ms);
    this.#remover = new RedisIndexRemover(connection, this.#keys);
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
    const outcomes = await this.#adder.add(additions);
    if (appliedTo !== undefined) await this.#advance(appliedTo);
    return outcomes;
  }

  async remove(records: readonly IndexedRecord[]): Promise<void> {
    this.#assertOpen();
    await this.#remover.remove(records, false);
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
    const stored = await this.#exchange(NOTHING);
    if (stored !== undefined && isLess(this.#last, stored)) this.#last = stored;
    return stored;
  }

  async positions(): Promise<ReadonlyMap<string, LogPosition>> {
    this.#assertOpen();
    const call = { script: READ_POSITIONS, key: this.#keys.writers, args: [] };
    const [reply] = (await this.#connection.run([call])) as [Buffer[]];
    const positions = new Map<string, LogPosition>();
    for (let i = 0; i < reply.length; i += 2) {
      positions.set(reply[i]!.toString(), Uint8Array.from(reply[i + 1]!));
    }
    return positions;
  }

  async forgetWriter(writer: string): Promise<void> {
    this.#assertOpen();
    await this.#connection.run([
      { script: FORGET_WRITER, key: this.#keys.writers, args: [writer] },
    ]);
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
    const stored = await this.#exchange(position);
    const isBehind = last !== undefined && isLess(stored, last);
    if (isBehind && !this.#isBehind) this.#onBehind(stored);
    this.#isBehind = isBehind;
    if (isBehind) return;
    for (const each of [stored, position]) {
      if (each !== undefined && isLess(this.#last, each)) this.#last = Uint8Array.from(each);
    }
  }

  /** Stores a position where it moves on from what is there; returns what was there. */
  async #exchange(position: LogPosition): Promise<LogPosition | undefined> {
    const args = [this.#writer, Buffer.from(position), Buffer.from(this.#last ?? NOTHING)];
    const call = { script: ADVANCE, key: this.#keys.writers, args };
    const [reply] = (await this.#connection.run([call])) as [Buffer];
    return reply.length === 0 ? undefined : Uint8Array.from(reply);
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new MosaicError('closed', 'index-closed', 'the record index was closed');
  }
}

const NOTHING: LogPosition = new Uint8Array(0);

function isLess(a: LogPosition | undefined, b: LogPosition): boolean {
  return a === undefined || compareBytes(a, b) < 0;
}
