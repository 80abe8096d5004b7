/** The shared limiter on a Redis Cluster. */
import { openRedis, type RedisConnection } from '@mosaic-cluster/store';
import { type RedisCluster, startRedisCluster } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll } from 'vitest';
import { describeLimiter } from './limiter-contract.ts';
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
