/**
 * Says of records in the index on Redis where they are now, each in one step: who replaces or removes one at
 * the same moment wins. Only entries say where a record is; rows and pointers stay as they are.
 */
import type { IndexMove } from './record-index-redis.ts';
import { chunks } from './record-index-redis-changes.ts';
import { positionOf } from './record-index-redis-fold.ts';
import { fieldOf, type PlacedField, type RedisIndexKeys } from './record-index-redis-keys.ts';
import { byShard } from './record-index-redis-table-reads.ts';
import { RELOCATE_ITEMS } from './record-index-redis-tables.ts';
import type { RedisConnection, ScriptCall } from './redis-connection.ts';

/** @returns how many entries were where the caller knew them to be, and are at the new place */
export async function relocate(
  connection: RedisConnection,
  keys: RedisIndexKeys,
  moves: readonly IndexMove[],
): Promise<number> {
  const calls: ScriptCall[] = [];
  for (const letter of ['i', 'a'] as const) {
    const some = moves.filter(({ record }) => letterOf(record) === letter);
    const places = some.map(
      ({ record }): PlacedField =>
        letter === 'a' ? keys.address(record.address) : keys.record(fieldOf(record)),
    );
    for (const [shard, at] of byShard(places)) {
      for (const chunk of chunks(at)) {
        const args = chunk.flatMap((i) => {
          const { record, from, to } = some[i]!;
          return [
            places[i]!.field,
            Buffer.from(positionOf({ record })),
            asBuffer(from),
            asBuffer(to),
          ];
        });
        calls.push({ script: RELOCATE_ITEMS, key: keys.shards[shard]!, args: [letter, ...args] });
      }
    }
  }
  const moved = (await connection.run(calls)) as number[];
  return moved.reduce((sum, each) => sum + each, 0);
}

function letterOf({ duplicateHandling }: IndexMove['record']): 'i' | 'a' {
  return duplicateHandling === 'replaceable' ? 'a' : 'i';
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
