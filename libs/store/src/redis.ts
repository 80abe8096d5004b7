/**
 * What processes need of Redis that keep no records: the connection and what is registered. Apart from
 * the rest, so that a gateway loads neither LMDB nor a client for S3.
 */
export {
  openRedis,
  type RedisConnection,
  type RedisMemory,
  type RedisServers,
  type RedisReply,
  type RedisScript,
  redisScript,
  type ScriptCall,
} from './redis-connection.ts';
export { planRedis, type RedisConnectionOptions, type RedisMode } from './redis-options.ts';
export type { RegistryView } from './registry.ts';
export type { ChangedKeys } from './registry-redis-journal.ts';
export { openRedisRegistryView, type RedisRegistryViewOptions } from './registry-redis-view.ts';
export { RepeatedWork } from './repeated-work.ts';
