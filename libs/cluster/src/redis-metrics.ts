/** What a process asks of Redis and how that goes, as metrics and in traces. */
import { LATENCY_BUCKETS, type Metrics, timed, traced, type Tracer } from '@mosaic-cluster/runtime';
import type { RedisConnection, RedisServers } from '@mosaic-cluster/store/redis';

/** A connection that is measured. */
export interface MeasuredRedis {
  readonly connection: RedisConnection;
  /** Has the metrics say how much memory the servers use from now on. Throws as `run` does. */
  readonly lookAtMemory: () => Promise<void>;
}

/** Defines the metrics of a process's connection to Redis. */
export function measureRedis(metrics: Metrics, tracer: Tracer, redis: RedisServers): MeasuredRedis {
  const { seconds, failures, calls, used, max, fullest } = metrics.define({
    seconds: {
      type: 'histogram',
      name: 'mosaic_redis_request_duration_seconds',
      help: 'From handing calls to Redis, all those of one need together, to their answers.',
      remedy:
        'All processes alike: Redis is short of CPU (one core a shard) or swaps: add shards. One alone: its event loop is busy, or its network.',
      buckets: LATENCY_BUCKETS,
    },
    failures: {
      type: 'counter',
      name: 'mosaic_redis_request_failures_total',
      help: 'Of those, the ones that failed or came too late.',
      remedy: 'The log says how: away, too slow (MOSAIC_REDIS_TIMEOUT), full, moving slots.',
    },
    calls: {
      type: 'counter',
      name: 'mosaic_redis_calls_total',
      help: 'Calls of scripts on Redis.',
    },
    used: {
      type: 'gauge',
      name: 'mosaic_redis_memory_used_bytes',
      help: 'Memory that all masters use together, looked at every 10 seconds.',
      remedy: 'It grows with the records kept; see the sizing arithmetic before it is full.',
    },
    max: {
      type: 'gauge',
      name: 'mosaic_redis_memory_max_bytes',
      help: 'The maxmemory of all masters together; 0: at least one has no limit.',
      remedy: 'Give every master a maxmemory below what its machine has, with noeviction.',
    },
    fullest: {
      type: 'gauge',
      name: 'mosaic_redis_memory_fullest_ratio',
      help: 'Of the fullest master: used memory by its maxmemory, 0 where no master has one.',
      remedy: 'At 1 nothing can be stored any more: raise maxmemory, or add shards and move slots.',
    },
  });
  return {
    connection: {
      keyPrefix: redis.keyPrefix,
      run: (asked) => {
        calls.increment(asked.length);
        const run = (): ReturnType<RedisConnection['run']> => redis.run(asked);
        if (tracer.current() === undefined) return timed(seconds, failures, run);
        const start = { kind: 'client', attributes: { 'mosaic.count': asked.length } } as const;
        return timed(seconds, failures, () => traced(tracer, 'redis', start, run));
      },
      check: () => redis.check(),
      close: () => redis.close(),
    },
    lookAtMemory: async () => {
      const servers = await redis.memory();
      const total = (amounts: readonly number[]): number => amounts.reduce((a, b) => a + b, 0);
      used.set(total(servers.map(({ usedBytes }) => usedBytes)));
      const isBounded = servers.every(({ maxBytes }) => maxBytes > 0);
      max.set(isBounded ? total(servers.map(({ maxBytes }) => maxBytes)) : 0);
      const shares = servers.map(({ usedBytes, maxBytes }) => usedBytes / (maxBytes || Infinity));
      fullest.set(Math.max(0, ...shares));
    },
  };
}
