/** The registry on a Redis Cluster, its control objects on S3. */
import {
  type RedisCluster,
  type S3Server,
  startRedisCluster,
  startS3,
} from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openS3ObjectStore } from './object-store-s3.ts';
import { newBucket } from './object-store-s3-fixture.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';
import type { FactChange } from './registry.ts';
import { all, describeRegistry } from './registry-contract.ts';
import { openMemoryRegistry } from './registry-memory.ts';
import { openRedisRegistry } from './registry-redis.ts';
import { itemAt } from './segment-log-fixture.ts';

let cluster: RedisCluster;
let connection: RedisConnection;
let s3: S3Server;
beforeAll(async () => {
  [cluster, s3] = await Promise.all([startRedisCluster(), startS3()]);
  connection = await openRedis({ mode: 'cluster', urls: cluster.urls, commandTimeoutMs: 500 });
}, 300_000);
afterAll(async () => {
  await connection.close();
  await Promise.all([cluster.stop(), s3.stop()]);
});

const flush = async (): Promise<void> => {
  await Promise.all(cluster.nodes.map((node) => node.command('FLUSHALL')));
};

let places = 0;
describeRegistry({
  name: 'on a Redis Cluster and S3',
  runs: 8,
  place: async () => {
    const store = await openS3ObjectStore(newBucket(s3));
    places += 1;
    const name = `registry-${places}`;
    return {
      store,
      open: (options = {}) =>
        openRedisRegistry({ connection, store, name, pollMs: 100, keepMs: 300, ...options }),
      forget: flush,
    };
  },
});

describeRegistry({
  name: 'in memory, over S3',
  runs: 3,
  place: async () => {
    const store = await openS3ObjectStore(newBucket(s3));
    return {
      store,
      open: (options = {}) => openMemoryRegistry({ store, pollMs: 100, ...options }),
      forget: async () => {},
    };
  },
});

describe('registry on a Redis Cluster', () => {
  const facts = Array.from({ length: 2_000 }, (_, n): FactChange => {
    return { collection: 'users', key: Buffer.from(`key ${n}`), value: Buffer.from(`${n}`) };
  });

  it('loses nothing when one of its masters is emptied', { timeout: 60_000 }, async () => {
    const store = await openS3ObjectStore(newBucket(s3));
    const open = () => openRedisRegistry({ connection, store, name: 'mended', pollMs: 50 });
    const registry = await open();
    await registry.change(facts);
    const truth = await all(registry);
    expect(truth).toHaveLength(facts.length);
    for (const node of cluster.nodes) {
      expect(await node.command('DBSIZE')).not.toBe(':0\r\n');
      await node.command('FLUSHALL');
      expect(await all(registry)).toEqual(truth);
      await node.command('FLUSHALL');
      const fresh = await open();
      const keys = facts.slice(0, 1000).map(({ key }) => key);
      expect((await fresh.get('users', keys)).filter(Boolean)).toHaveLength(1000);
      await fresh.close();
    }
    await registry.close();
    await store.close();
  });

  it('misses nothing in a collection that was empty when a master was lost', async () => {
    const store = await openS3ObjectStore(newBucket(s3));
    const open = () => openRedisRegistry({ connection, store, name: 'empty', pollMs: 50 });
    const registry = await open();
    await registry.change(facts.slice(0, 200));
    const key = Buffer.from('key');
    for (const [n, node] of cluster.nodes.entries()) {
      const collection = `late-${n}`;
      await expect.poll(() => registry.peek(collection, key), { timeout: 5_000 }).toBeNull();
      await node.command('FLUSHALL');
      await registry.change([{ collection, key, value: key }]);
      await node.command('FLUSHALL');
      const fresh = await open();
      for (const each of [registry, fresh]) {
        expect((await each.get(collection, [key])).map(Boolean)).toEqual([true]);
      }
      await expect.poll(() => fresh.peek('none', key), { timeout: 5_000 }).toBeNull();
      expect((await fresh.get(collection, [key])).map(Boolean)).toEqual([true]);
      await fresh.close();
    }
    await registry.close();
    await store.close();
  });

  it('answers what the other masters know while one is frozen', { timeout: 60_000 }, async () => {
    const store = await openS3ObjectStore(newBucket(s3));
    const open = () => openRedisRegistry({ connection, store, name: 'frozen', pollMs: 60_000 });
    const registry = await open();
    await registry.change(facts);
    const frozen = itemAt([...cluster.nodes], 1);
    const keys = facts.slice(0, 90).map(({ key }) => key);
    frozen.pause();
    try {
      const asked = await Promise.allSettled(keys.map((key) => registry.get('users', [key])));
      const found = asked.filter((each) => each.status === 'fulfilled');
      expect(found.length).toBeGreaterThan(20);
      expect(found.length).toBeLessThan(90);
      for (const each of found) expect(each.value[0]).toBeDefined();
      for (const each of asked) {
        if (each.status === 'rejected') {
          expect(each.reason).toMatchObject({ kind: 'unavailable', code: 'registry-away' });
        }
      }
    } finally {
      frozen.resume();
    }
    await expect
      .poll(
        async () => {
          const found = await registry.get('users', keys).catch(() => []);
          return found.filter(Boolean).length;
        },
        { timeout: 20_000 },
      )
      .toBe(90);
    await registry.close();
    await store.close();
  });
});
