/** Connects a process to Redis and watches it for readiness. */
import { openRedis, type RedisConnection } from '@mosaic-cluster/store/redis';
import { quietWarnings } from './quiet-log.ts';
import { type RedisAccess, redisOptions } from './redis-settings.ts';
import type { Service } from './service.ts';

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
  const { lifecycle, readiness } = service;
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
  return redis;
}
