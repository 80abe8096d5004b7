/** The real servers of a cluster on one machine: NATS, Redis Cluster and an S3 server. */
import {
  type NatsServer,
  type RedisCluster,
  type RedisPlace,
  type S3Server,
  startNats,
  startRedisCluster,
  startS3,
  untilRouted,
} from '@mosaic-cluster/test-servers';
import type { ClusterFolder } from './data-folder.ts';

/** The bucket of the cluster. */
export const BUCKET = 'mosaic';

/** Servers that answer. */
export interface Servers {
  readonly nats: readonly NatsServer[];
  readonly redis: RedisCluster;
  readonly s3: S3Server;
}

/** What is started of servers, in order, so that a failed start leaves nothing behind. */
export type Started = { readonly name: string; stop(): Promise<void> }[];

/**
 * Starts all servers over a folder.
 *
 * @param started gets each one as soon as it runs
 * @throws Error that names the server and the remedy
 */
export async function startServers(
  folder: ClusterFolder,
  natsServers: number,
  started: Started,
): Promise<Servers> {
  const starting = [
    named('the S3 server (versitygw)', () => startS3Server(folder, started)),
    named('the Redis Cluster', () => startRedis(folder, started)),
    named('NATS', () => startNatsServers(folder, natsServers, started)),
  ] as const;
  // All of them, also after a failure: what comes up later must be stopped too.
  await Promise.allSettled(starting);
  const [s3, redis, nats] = await Promise.all(starting);
  return { nats, redis, s3 };
}

async function startS3Server(folder: ClusterFolder, started: Started): Promise<S3Server> {
  const place = { folder: folder.folder('objects'), port: await folder.port('s3') };
  const s3 = await startS3({ ...folder.s3, place });
  started.push({ name: 's3', stop: () => s3.stop() });
  s3.createBucket(BUCKET);
  return s3;
}

async function startNatsServers(
  folder: ClusterFolder,
  count: number,
  started: Started,
): Promise<NatsServer[]> {
  const members: NatsServer[] = [];
  for (let i = 1; i <= count; i++) {
    const name = `nats-${i}`;
    const ports = {
      client: await folder.port(name),
      monitor: await folder.port(`${name} monitor`),
      cluster: await folder.port(`${name} cluster`),
    };
    const member = await startNats({
      config: 'max_payload: 2MB',
      cluster: { routes: members.map(({ clusterUrl }) => clusterUrl) },
      place: { folder: folder.folder(name), ports },
    });
    members.push(member);
    started.push({ name, stop: () => member.stop() });
  }
  await untilRouted(members);
  return members;
}

/** Redis keeps what it has over a restart; where its ports are others now, it begins anew. */
async function startRedis(folder: ClusterFolder, started: Started): Promise<RedisCluster> {
  const names = ['redis-1', 'redis-2', 'redis-3'];
  const before = names.map((name) => folder.lastPort(name));
  const places: RedisPlace[] = [];
  for (const name of names) {
    const [port, busPort] = [await folder.port(name), await folder.port(`${name} bus`)];
    places.push({ folder: folder.folder(name), port, busPort });
  }
  if (places.some(({ port }, i) => port !== before[i])) {
    for (const name of names) await folder.clear(name);
  }
  const [first, second, third] = places;
  const redis = await startRedisCluster({
    args: ['--appendonly', 'yes', '--appendfsync', 'everysec'],
    places: [first!, second!, third!],
  });
  started.push({ name: 'redis', stop: () => redis.stop() });
  return redis;
}

async function named<T>(what: string, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${what} could not be started: ${why}`, { cause });
  }
}
