/**
 * Takes records out of the index on Redis. The first step makes them invisible and marks them, so that
 * nobody adds them again until the last step:
 *
 *     drop and mark → take out rows and pointers → unmark
 */
import type { RecordView, Reference } from '@mosaic-cluster/protocol';
import type { IndexedRecord } from './record-index.ts';
import { StepChanges, unmarkCalls } from './record-index-redis-changes.ts';
import { positionOf } from './record-index-redis-fold.ts';
import { encodePointer } from './record-index-redis-items.ts';
import { fieldOf, type PlacedField, type RedisIndexKeys } from './record-index-redis-keys.ts';
import { bytesOf } from './record-index-redis-read.ts';
import { byShard } from './record-index-redis-table-reads.ts';
import { DROP_ITEMS } from './record-index-redis-tables.ts';
import type { RedisConnection, ScriptCall } from './redis-connection.ts';

/** How long a mark holds up others after its remover has died. */
export const LEASE_MS = 30_000;

/** A record that is invisible and marked, and whose rows are still there. */
export interface Leftover {
  readonly record: RecordView;
  /** 8 bytes. */
  readonly receivedAt: Buffer;
  readonly mark: { readonly shard: number; readonly position: Buffer };
}

interface Target extends IndexedRecord {
  readonly letter: 'i' | 'a';
  readonly place: PlacedField;
  readonly position: Buffer;
}

/** Removes for one index. */
export class RedisIndexRemover {
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;

  constructor(connection: RedisConnection, keys: RedisIndexKeys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /**
   * Takes records out, also what is left of an addition or removal that was interrupted.
   *
   * @param sparing whether records that are visible stay: only leftovers are taken out
   */
  async remove(records: readonly IndexedRecord[], sparing: boolean): Promise<void> {
    const targets = new Map<string, Target>();
    for (const each of records) {
      const target = this.#targetOf(each);
      targets.set(target.position.toString('latin1'), target);
    }
    for (const letter of ['i', 'a'] as const) {
      const some = [...targets.values()].filter((target) => target.letter === letter);
      await this.takeOut(await this.#drop(letter, some, sparing));
    }
  }

  /** Takes records off the path `held`. */
  async release(ids: readonly Reference[]): Promise<void> {
    const changes = new StepChanges(this.#keys.shards);
    changes.rows(
      ids.map((id) => this.#keys.heldRow(id)),
      false,
    );
    await this.#connection.run(changes.calls());
  }

  /** Takes out the rows and pointers of what is invisible, and ends its removal. */
  async takeOut(leftovers: readonly Leftover[]): Promise<void> {
    if (leftovers.length === 0) return;
    const changes = new StepChanges(this.#keys.shards);
    const marked = new Map<number, Buffer[]>();
    for (const { record, receivedAt, mark } of leftovers) {
      // Whether it was held is not asked: there may be a row of path `held` that nobody else takes out.
      changes.rows(this.#keys.rows(record, receivedAt, true), false);
      if (record.duplicateHandling === 'replaceable') {
        const pointer = encodePointer(record, this.#keys.address(record.address).field);
        changes.pointer(this.#keys.record(fieldOf(record)), pointer, false);
      }
      marked.set(mark.shard, [...(marked.get(mark.shard) ?? []), mark.position]);
    }
    await this.#connection.run(changes.calls());
    await this.#connection.run(unmarkCalls(this.#keys.shards, marked));
  }

  /** Makes records invisible; returns what is left of them. */
  async #drop(
    letter: 'i' | 'a',
    targets: readonly Target[],
    sparing: boolean,
  ): Promise<Leftover[]> {
    const groups = [...byShard(targets.map(({ place }) => place))];
    const calls = groups.map(([shard, at]): ScriptCall => {
      const pairs = at.flatMap((i) => [targets[i]!.place.field, targets[i]!.position]);
      const args = [letter, LEASE_MS, sparing ? 1 : 0, ...pairs];
      return { script: DROP_ITEMS, key: this.#keys.shards[shard]!, args };
    });
    const replies = (await this.#connection.run(calls)) as unknown as (Buffer | [Buffer])[][];
    const leftovers: Leftover[] = [];
    const late = new StepChanges(this.#keys.shards);
    groups.forEach(([shard, at], n) => {
      at.forEach((i, k) => {
        const { record, receivedAt, position } = targets[i]!;
        const reply = replies[n]![k]!;
        const own = timestampBytes(receivedAt);
        if (Buffer.isBuffer(reply)) {
          const mark = { shard, position };
          leftovers.push({ record, receivedAt: bytesOf(reply) ?? own, mark });
        } else if (!reply[0].equals(own)) {
          // Another writer added it at another time: that row stays.
          late.rows([this.#keys.receivedRow(own, fieldOf(record))], false);
        }
      });
    });
    await this.#connection.run(late.calls());
    return leftovers;
  }

  #targetOf({ record, receivedAt }: IndexedRecord): Target {
    const isReplaceable = record.duplicateHandling === 'replaceable';
    return {
      record,
      receivedAt,
      letter: isReplaceable ? 'a' : 'i',
      place: isReplaceable
        ? this.#keys.address(record.address)
        : this.#keys.record(fieldOf(record)),
      position: Buffer.from(positionOf({ record })),
    };
  }
}

function timestampBytes(timestamp: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(timestamp);
  return bytes;
}
