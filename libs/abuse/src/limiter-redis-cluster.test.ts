/** The shared limiter on a Redis Cluster. */
import { openRedis, type RedisConnection } from '@mosaic-cluster/store';
import { type RedisCluster, startRedisCluster } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chargeOf, describeLimiter, freshSubject, meet, PATIENT } from './limiter-contract.ts';
import { openRedisLimiter } from './limiter-redis.ts';
import { describeSharedLimiter } from './limiter-shared-contract.ts';

let cluster: RedisCluster;
let connection: RedisConnection;
beforeAll(async () => {
  cluster = await startRedisCluster();
  connection = await openRedis({ mode: 'cluster', urls: cluster.urls, commandTimeoutMs: 500 });
}, 300_000);
afterAll(async () => {
  await connection.close();
  await cluster.stop();
});

let places = 0;
describeLimiter({
  name: 'on a Redis Cluster',
  open: (options) => {
    places += 1;
    return openRedisLimiter({ ...options, connection, name: `alone-${places}` });
  },
  runs: 20,
});

describeSharedLimiter({
  name: 'on a Redis Cluster',
  runs: 8,
  place: () => {
    places += 1;
    const name = `shared-${places}`;
    return (options = {}) => openRedisLimiter({ ...options, connection, name });
  },
});

it('shares what the other masters keep while one is frozen', { timeout: 60_000 }, async () => {
  const open = () => openRedisLimiter({ connection, name: 'frozen' });
  const [one, other] = [await open(), await open()];
  const subjects = Array.from({ length: 60 }, () => freshSubject());
  await meet(one, ...subjects);
  await meet(other, ...subjects);
  const frozen = cluster.nodes[1]!;
  frozen.pause();
  try {
    for (const subject of subjects) {
      expect(one.charge([chargeOf(subject, 5_000)])).toBeUndefined();
    }
    await expect.poll(() => one.fault(), PATIENT).toMatch(/this process alone/);
    await Promise.all(subjects.map((subject) => meet(one, subject)));
    const found = await Promise.all(
      subjects.map(async (subject) => {
        const { usage } = await other.report(subject, 'authenticated');
        return usage.find(({ what }) => what === 'submissions')!.used > 0;
      }),
    );
    expect(found.filter(Boolean).length).toBeGreaterThan(10);
    expect(found.filter(Boolean).length).toBeLessThan(60);
  } finally {
    frozen.resume();
  }
  await expect.poll(() => one.fault() ?? other.fault(), { timeout: 20_000 }).toBeUndefined();
  await Promise.all([one.close(), other.close()]);
});
