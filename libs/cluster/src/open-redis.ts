/** Connects a process to Redis and watches it for readiness. */
import { openRedis, RepeatedWork, type RedisConnection } from '@mosaic-cluster/store/redis';
import { quietWarnings } from './quiet-log.ts';
import { measureRedis } from './redis-metrics.ts';
import { type RedisAccess, redisOptions } from './redis-settings.ts';
import type { Service } from './service.ts';

/** Between two looks at the memory of Redis. */
const MEMORY_MS = 10_000;

/**
 * Connects to Redis, waiting for it where it is not there yet. It closes with the lifecycle.
 *
 * @param use `needed`: without it the process is not ready
 */
export async function connectRedis(
  config: RedisAccess,
  service: Service,
  use: 'needed' | 'useful' = 'needed',
): Promise<RedisConnection> {
  const { lifecycle, metrics, readiness, tracer } = service;
  const warn = quietWarnings(() => lifecycle.log);
  let isOpen = false;
  const redis = await service.await('Redis', () =>
    openRedis(redisOptions(config), (error) => {
      if (isOpen) warn(`${error.message}: trying again`);
    }),
  );
  isOpen = true;
  lifecycle.add('Redis', redis);
  if (use === 'needed') readiness.addCheck({ name: 'Redis', check: () => redis.check() });
  const { connection, lookAtMemory } = measureRedis(metrics, tracer, redis);
  const looking = new RepeatedWork();
  lifecycle.add('memory of Redis', { close: async () => looking.close() });
  await lookAtMemory().catch((error: unknown) => {
    // A user who may not ask, or a server that has just gone: the process serves all the same.
    warn(`the memory of Redis is not known: ${(error as Error).message}`);
  });
  looking.every(MEMORY_MS, lookAtMemory);
  return connection;
}
