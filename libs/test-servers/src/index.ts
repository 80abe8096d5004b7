/** Real servers for tests: found or installed, started on free ports, gone when the test is. */
export {
  type NatsOptions,
  type NatsServer,
  startNats,
  startNatsCluster,
  untilRouted,
} from './nats-server.ts';
export { waitFor } from './probe.ts';
export {
  type RedisCluster,
  type RedisOptions,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from './redis-server.ts';
export { type S3Server, startS3 } from './s3-server.ts';
export {
  findServer,
  type Progress,
  SERVER_NAMES,
  type ServerBinary,
  type ServerName,
  serverVersion,
} from './server-binary.ts';
export type { TestServer } from './server-process.ts';
export { makeTestCertificate, type TestCertificate } from './test-certificate.ts';
