/**
 * Real servers for tests and for a cluster on one machine: found or installed, started on free
 * ports, gone when their process is.
 */
export { freePort, isFreePort } from './free-port.ts';
export {
  type NatsOptions,
  type NatsPorts,
  type NatsServer,
  startNats,
  startNatsCluster,
  untilRouted,
} from './nats-server.ts';
export { waitFor } from './probe.ts';
export {
  type RedisCluster,
  type RedisClusterOptions,
  startRedisCluster,
} from './redis-cluster.ts';
export { type RedisSentinels, startRedisSentinels } from './redis-sentinel.ts';
export {
  type RedisOptions,
  type RedisPlace,
  type RedisServer,
  startRedis,
} from './redis-server.ts';
export { type S3Options, type S3Server, type S3User, startS3 } from './s3-server.ts';
export {
  findServer,
  type Progress,
  SERVER_NAMES,
  type ServerBinary,
  type ServerName,
  serverVersion,
} from './server-binary.ts';
export type { ServerProcess, TestServer } from './server-process.ts';
export { makeTestCertificate, type TestCertificate } from './test-certificate.ts';
export {
  startTraceCollector,
  type TakenLink,
  type TakenSpan,
  type TraceCollector,
} from './trace-collector.ts';
export { forget, watch } from './watchdog.ts';
