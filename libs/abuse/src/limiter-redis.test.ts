/** The shared limiter on one Redis server. */
import { openRedis, type RedisConnection } from '@mosaic-cluster/store';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll } from 'vitest';
import { describeLimiter } from './limiter-contract.ts';
import { openRedisLimiter } from './limiter-redis.ts';
import { describeSharedLimiter } from './limiter-shared-contract.ts';

let server: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url], commandTimeoutMs: 500 });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await server.stop();
});

let places = 0;
describeLimiter({
  name: 'on Redis',
  open: (options) => {
    places += 1;
    return openRedisLimiter({ ...options, connection, name: `alone-${places}` });
  },
  runs: 50,
});

describeSharedLimiter({
  name: 'on Redis',
  runs: 15,
  place: () => {
    places += 1;
    const name = `shared-${places}`;
    return (options = {}) => openRedisLimiter({ ...options, connection, name });
  },
});
