/** The index on a Redis Cluster: the contract, and a master that hangs. */
import { type RedisCluster, startRedisCluster } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeRecordIndex } from './record-index-contract.ts';
import { additionOf, present } from './record-index-fixture.ts';
import { createRedisIndex } from './record-index-redis.ts';
import { expectWhole } from './record-index-redis-contract.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';

let cluster: RedisCluster;
let connection: RedisConnection;
beforeAll(async () => {
  cluster = await startRedisCluster();
  connection = await openRedis({
    mode: 'cluster',
    urls: cluster.urls.slice(1),
    commandTimeoutMs: 500,
  });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await cluster.stop();
});

const empty = async (): Promise<void> => {
  await Promise.all(cluster.nodes.map((node) => node.command('FLUSHALL')));
};

let opened = 0;
describeRecordIndex(
  'Redis Cluster',
  async () => {
    const name = `outbox-${opened++}`;
    const index = createRedisIndex({ connection, name });
    return {
      index,
      reopen: async () => createRedisIndex({ connection, name }),
      destroy: empty,
    };
  },
  4,
);

describe('record index on a Redis Cluster', () => {
  it('says that it is a user or password that is wrong', async () => {
    const urls = cluster.urls.map((url) => url.replace('redis://', 'redis://somebody:guessed@'));
    const error = await openRedis({ mode: 'cluster', urls }).catch(String);
    expect(error).toMatch(/refuses this user: check user name, password/);
    expect(error).not.toContain('guessed');
  });

  it('is not whole once any of the masters was emptied', async () => {
    const index = createRedisIndex({ connection, name: 'inbox' });
    for (const node of cluster.nodes) {
      await index.markWhole(Uint8Array.of(1));
      expect(await index.appliedTo()).toEqual(Uint8Array.of(1));
      await node.command('FLUSHALL');
      await index.add([additionOf({})], Uint8Array.of(2));
      expect(await index.appliedTo()).toBeUndefined();
    }
    const claim = present(await index.claimRebuild({ owner: 'a', leaseMs: 60_000 }));
    await claim.note('part 1', Uint8Array.of());
    await present(cluster.nodes[1]).command('FLUSHALL');
    await expect(claim.renew()).rejects.toMatchObject({ code: 'rebuild-lost' });
    await empty();
  });

  it('uses all masters, and fails in time while one of them is frozen', async () => {
    const index = createRedisIndex({ connection, name: 'outbox' });
    const additions = Array.from({ length: 300 }, (_, n) =>
      additionOf({ timestamp: n, author: n, nonce: n, tags: [n % 12] }),
    );
    await index.add(additions.slice(0, 100));
    for (const node of cluster.nodes) expect(await node.command('DBSIZE')).not.toBe(':0\r\n');
    const frozen = present(cluster.nodes[2]);
    frozen.pause();
    try {
      const start = performance.now();
      await expect(index.add(additions.slice(100, 200))).rejects.toMatchObject({
        kind: 'unavailable',
      });
      await expect(connection.check()).rejects.toMatchObject({ kind: 'unavailable' });
      expect(performance.now() - start).toBeLessThan(3_000);
    } finally {
      frozen.resume();
    }
    await expect
      .poll(async () => index.add(additions).catch(() => []), { timeout: 20_000 })
      .toHaveLength(300);
    expect(await expectWhole(index, additions)).toHaveLength(300);
  });
});
