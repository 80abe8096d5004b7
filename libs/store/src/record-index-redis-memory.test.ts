/**
 * What a process remembers of the index on Redis: never what another process removed, replaced or added
 * since, whatever became of the server meanwhile; and the contract once more with everything remembered.
 */
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordIndex } from './record-index.ts';
import { describeRecordIndex } from './record-index-contract.ts';
import { additionOf, keyNumber, present } from './record-index-fixture.ts';
import { createRedisIndex } from './record-index-redis.ts';
import { pathsOf } from './record-index-redis-contract.ts';
import { FieldMemory } from './record-index-redis-memory.ts';
import { openRedis, type RedisConnection, redisScript } from './redis-connection.ts';

const ENTRIES_READ = redisScript("return redis.call('INFO', 'commandstats')");

let server: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url] });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await server.stop();
});

/** Draws a generation, without which nothing is remembered. */
async function draw(index: RecordIndex): Promise<void> {
  const claim = await index.claimRebuild({ owner: 'test', leaseMs: 1_000 });
  await present(claim).release();
}

let opened = 0;
describeRecordIndex(
  'Redis with a generation',
  async () => {
    const name = `outbox-${opened++}`;
    const index = createRedisIndex({ connection, name });
    await draw(index);
    return {
      index,
      reopen: async () => createRedisIndex({ connection, name }),
      destroy: async () => {
        await server.command('FLUSHALL');
      },
    };
  },
  15,
);

describe('what is remembered of the index on Redis', () => {
  let index: RecordIndex;
  let other: RecordIndex;
  beforeEach(async () => {
    index = createRedisIndex({ connection, name: 'outbox' });
    other = createRedisIndex({ connection, name: 'outbox' });
    await index.markWhole(undefined);
  });
  afterEach(async () => {
    await server.command('FLUSHALL');
  });

  const additions = Array.from({ length: 20 }, (_, n) =>
    additionOf({ timestamp: n, author: 1, nonce: n, tags: [n % 3] }),
  );
  const ids = additions.map(({ record }) => record.id);
  const author = { path: 'author', author: keyNumber(1) } as const;
  const found = async (reader: RecordIndex): Promise<number> => {
    const looked = (await reader.lookup(ids)).filter((entry) => entry !== undefined).length;
    expect(await reader.scan(author, { limit: 100 })).toHaveLength(looked);
    return looked;
  };
  const fieldsRead = async (): Promise<number> => {
    const key = Buffer.from('a');
    const [stats] = await connection.run([{ script: ENTRIES_READ, key, args: [] }]);
    return Number(/cmdstat_hget:calls=(\d+)/.exec(String(stats))?.[1]);
  };

  it('is not read again, until something is removed', async () => {
    await index.add(additions);
    await index.lookup(ids);
    const before = await fieldsRead();
    expect(await index.lookup(ids)).not.toContain(undefined);
    expect(await fieldsRead()).toBe(before);
    await other.remove(additions.slice(0, 1));
    expect(await index.lookup(ids)).toContain(undefined);
    expect(await fieldsRead()).toBeGreaterThanOrEqual(before + ids.length);
  });

  it('is not found where another process removed it, and is found where one added it', async () => {
    await index.add(additions.slice(0, 15));
    expect(await found(index)).toBe(15);
    await other.remove(additions.slice(3, 9));
    expect(await found(index)).toBe(9);
    await other.add(additions);
    expect(await found(index)).toBe(20);
  });

  it('has a record whose ID begins as that of a remembered one', async () => {
    const [one] = additions;
    const twin = additionOf({ author: 2, tags: [2] }, { location: Uint8Array.of(7) });
    twin.record.bytes.set(present(one).record.bytes.subarray(0, 16), 0);
    await index.add([present(one)]);
    await index.lookup([present(one).record.id]);
    await other.add([twin]);
    const looked = await index.lookup([present(one).record.id, twin.record.id]);
    expect(looked.map((entry) => entry?.location.length)).toEqual([3, 1]);
    await other.remove([present(one)]);
    const left = await index.lookup([present(one).record.id, twin.record.id]);
    expect(left.map((entry) => entry?.location.length)).toEqual([undefined, 1]);
  });

  it('follows a replaceable record that was replaced', async () => {
    const old = additionOf({ timestamp: 10, kind: 1, tags: [1] });
    const next = additionOf({ timestamp: 11, kind: 1, tags: [2] }, { replaces: old });
    await index.add([old]);
    expect(await index.lookup([old.record.id])).not.toContain(undefined);
    await other.add([next]);
    const looked = await index.lookup([old.record.id, next.record.id]);
    expect(looked.map((entry) => entry !== undefined)).toEqual([false, true]);
  });

  it('counts no more where Redis was emptied and filled again', async () => {
    await index.add(additions);
    expect(await found(index)).toBe(20);
    await server.command('FLUSHALL');
    expect(await found(index)).toBe(0);
    await other.markWhole(undefined);
    await other.restore(additions.slice(5));
    expect(await found(index)).toBe(15);
  });

  it('answers as one who remembers nothing, after any changes by others', async () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let step = 0; step < 60; step++) {
      const start = random(additions.length);
      const some = additions.slice(start, start + 1 + random(5));
      const writer = random(2) === 0 ? index : other;
      if (random(3) === 0) await writer.remove(some);
      else await writer.add(some);
      const fresh = createRedisIndex({ connection, name: 'outbox' });
      const expected = await fresh.lookup(ids);
      for (const each of [index, other]) {
        expect(await each.lookup(ids)).toEqual(expected);
        for (const path of pathsOf(present(additions[start]))) {
          expect(await each.scan(path, { limit: 50 })).toEqual(
            await fresh.scan(path, { limit: 50 }),
          );
        }
      }
    }
  });
});

describe('FieldMemory', () => {
  const field = (n: number): Buffer => Buffer.alloc(16, n);
  const value = Buffer.of(1, 2, 3);

  it('knows values in the version they were read in', () => {
    const memory = new FieldMemory();
    memory.remember(field(1), 'one', value);
    expect(memory.valueOf(field(1), 'one')).toEqual(value);
    expect(memory.valueOf(field(1), 'two')).toBeUndefined();
    memory.hear(7, 'two');
    expect([memory.versionOf(7), memory.versionOf(8)]).toEqual(['two', '']);
  });

  it('remembers nothing where there is no version', () => {
    const memory = new FieldMemory();
    memory.remember(field(1), '', value);
    expect(memory.valueOf(field(1), '')).toBeUndefined();
    expect(memory.size).toBe(0);
  });

  it('forgets the oldest beyond its bound', () => {
    const memory = new FieldMemory(3);
    for (const n of [1, 2, 3, 1, 4]) memory.remember(field(n), 'one', value);
    expect(memory.size).toBe(3);
    const known = [1, 2, 3, 4].filter((n) => memory.valueOf(field(n), 'one') !== undefined);
    expect(known).toEqual([1, 3, 4]);
  });
});
