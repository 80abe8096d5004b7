/**
 * Takes entries out of the index on Redis that lead nowhere. Their records are not to be had, so nobody
 * knows on which paths they are: they are no longer visible on any, and their rows are taken out of those
 * that all records are on. The others stay and take room until the index is emptied.
 */
import { type IndexEntry, POSITION_BYTES } from './record-index.ts';
import { StepChanges, unmarkCalls } from './record-index-redis-changes.ts';
import {
  decodeHolder,
  decodeItems,
  encodePointerTo,
  indexEntry,
  type StoredEntry,
} from './record-index-redis-items.ts';
import { FIELD_BYTES, type PlacedField, type RedisIndexKeys } from './record-index-redis-keys.ts';
import type { RedisIndexReader } from './record-index-redis-read.ts';
import { LEASE_MS } from './record-index-redis-remove.ts';
import { byShard } from './record-index-redis-table-reads.ts';
import { EVICT_ITEMS } from './record-index-redis-tables.ts';
import type { RedisConnection, ScriptCall } from './redis-connection.ts';

/** What evicting works with. */
export interface RedisIndexEvictorOptions {
  readonly connection: RedisConnection;
  readonly keys: RedisIndexKeys;
  readonly reader: RedisIndexReader;
}

/** An entry as it is stored, and where. */
interface Target {
  readonly letter: 'i' | 'a';
  readonly place: PlacedField;
  readonly entry: StoredEntry;
  /** The field of its record's ID. */
  readonly field: Buffer;
}

/** Evicts from one index. */
export class RedisIndexEvictor {
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;
  readonly #reader: RedisIndexReader;

  constructor({ connection, keys, reader }: RedisIndexEvictorOptions) {
    this.#connection = connection;
    this.#keys = keys;
    this.#reader = reader;
  }

  /** @returns how many entries were as they are given, and are gone */
  async evict(entries: readonly IndexEntry[]): Promise<number> {
    const targets = await this.#find(entries);
    let evicted = 0;
    for (const letter of ['i', 'a'] as const) {
      const some = targets.filter((target) => target.letter === letter);
      if (some.length > 0) evicted += await this.#evict(letter, some);
    }
    return evicted;
  }

  /** Where entries are stored; those that are others by now are passed over. */
  async #find(entries: readonly IndexEntry[]): Promise<Target[]> {
    const fields = entries.map(({ position }) =>
      this.#keys.record(Buffer.from(position.subarray(-POSITION_BYTES).subarray(0, FIELD_BYTES))),
    );
    const { values } = await this.#reader.readTable('i', fields);
    const targets: Target[] = [];
    const followed: {
      readonly of: IndexEntry;
      readonly field: Buffer;
      readonly place: PlacedField;
    }[] = [];
    values.forEach((value, i) => {
      if (value === undefined) return;
      const of = entries[i]!;
      const place = fields[i]!;
      const { entries: stored, pointers } = decodeItems(place.field, value);
      const entry = stored.find((each) => isSame(each, of));
      if (entry !== undefined) targets.push({ letter: 'i', place, entry, field: place.field });
      const pointer = pointers.find(({ position }) => isAt(position, of));
      if (pointer === undefined) return;
      const address = this.#keys.addressField(pointer.address);
      followed.push({ of, field: place.field, place: address });
    });
    const holders = await this.#reader.readTable(
      'a',
      followed.map(({ place }) => place),
    );
    holders.values.forEach((value, i) => {
      const { of, field, place } = followed[i]!;
      const entry = value && decodeHolder(value);
      if (entry !== undefined && isSame(entry, of))
        targets.push({ letter: 'a', place, entry, field });
    });
    return targets;
  }

  async #evict(letter: 'i' | 'a', targets: readonly Target[]): Promise<number> {
    const groups = [...byShard(targets.map(({ place }) => place))];
    const calls = groups.map(([shard, at]): ScriptCall => {
      const args = at.flatMap((i) => {
        const { place, entry } = targets[i]!;
        return [place.field, entry.position, entry.place];
      });
      return {
        script: EVICT_ITEMS,
        key: this.#keys.shards[shard]!,
        args: [letter, LEASE_MS, ...args],
      };
    });
    const replies = (await this.#connection.run(calls)) as number[][];
    const changes = new StepChanges(this.#keys.shards);
    const marked = new Map<number, Buffer[]>();
    let evicted = 0;
    groups.forEach(([shard, at], n) => {
      for (const [k, i] of at.entries()) {
        if (replies[n]![k] !== 1) continue;
        evicted += 1;
        const { entry, field, place } = targets[i]!;
        changes.rows(this.#keys.commonRows(field, entry.receivedAt), false);
        if (letter === 'a') {
          changes.pointer(this.#keys.record(field), encodePointerTo(entry, place.field), false);
        }
        marked.set(shard, [...(marked.get(shard) ?? []), entry.position]);
      }
    });
    await this.#connection.run(changes.calls());
    await this.#connection.run(unmarkCalls(this.#keys.shards, marked));
    return evicted;
  }
}

function isAt(position: Buffer, entry: IndexEntry): boolean {
  return position.equals(entry.position.subarray(-POSITION_BYTES));
}

function isSame(stored: StoredEntry, entry: IndexEntry): boolean {
  const { location, held } = indexEntry(stored, false);
  return (
    isAt(stored.position, entry) &&
    held === entry.held &&
    Buffer.compare(location, entry.location) === 0
  );
}
