/** The real servers of a cluster on one machine: NATS, Redis Cluster and an S3 server. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type NatsServer,
  type RedisCluster,
  type RedisPlace,
  type S3Server,
  startNats,
  startRedisCluster,
  startS3,
  type TestCertificate,
  untilRouted,
} from '@mosaic-cluster/test-servers';
import type { ClusterFolder } from './data-folder.ts';
import { keepRunning } from './keep-running.ts';
import type { Report } from './report.ts';

/** The bucket of the cluster. */
export const BUCKET = 'mosaic';

/** Servers that answer. */
export interface Servers {
  readonly nats: readonly NatsServer[];
  readonly redis: RedisCluster;
  readonly s3: S3Server;
}

/** What ends the servers that were started, so that a failed start leaves nothing behind. */
export type Started = (() => Promise<void>)[];

/** What servers are started with. */
export interface ServersOptions {
  readonly folder: ClusterFolder;
  readonly natsServers: number;
  /** Has NATS take encrypted connections alone. */
  readonly natsCertificate?: TestCertificate | undefined;
  /** Gets what ends each server as soon as it runs. */
  readonly started: Started;
  readonly report: Report;
}

/**
 * Starts all servers over a folder. One that dies later is started again.
 *
 * @throws Error that names the server and the remedy
 */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const starting = [
    named('the S3 server (versitygw)', () => startS3Server(options)),
    named('the Redis Cluster', () => startRedis(options)),
    named('NATS', () => startNatsServers(options)),
  ] as const;
  // All of them, also after a failure: what comes up later must be stopped too.
  await Promise.allSettled(starting);
  const [s3, redis, nats] = await Promise.all(starting);
  return { nats, redis, s3 };
}

async function startS3Server({ folder, started, report }: ServersOptions): Promise<S3Server> {
  const place = { folder: folder.folder('objects'), port: await folder.port('s3') };
  const s3 = await startS3({ ...folder.s3, place });
  started.push(keepRunning('s3', s3, report));
  s3.createBucket(BUCKET);
  return s3;
}

async function startNatsServers(options: ServersOptions): Promise<NatsServer[]> {
  const { folder, natsServers, natsCertificate, started, report } = options;
  const tls = natsCertificate && (await tlsConfig(folder.folder('nats-tls'), natsCertificate));
  const members: NatsServer[] = [];
  for (let i = 1; i <= natsServers; i++) {
    const name = `nats-${i}`;
    const ports = {
      client: await folder.port(name),
      monitor: await folder.port(`${name} monitor`),
      cluster: await folder.port(`${name} cluster`),
    };
    const member = await startNats({
      config: `max_payload: 2MB\n${tls ?? ''}`,
      ...(tls === undefined ? {} : { scheme: 'tls' }),
      cluster: { routes: members.map(({ clusterUrl }) => clusterUrl) },
      place: { folder: folder.folder(name), ports },
    });
    members.push(member);
    started.push(keepRunning(name, member, report));
  }
  await untilRouted(members);
  return members;
}

async function tlsConfig(folder: string, { certificate, key }: TestCertificate): Promise<string> {
  const [certFile, keyFile] = [join(folder, 'nats.crt'), join(folder, 'nats.key')];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(certFile, certificate);
  await writeFile(keyFile, key, { mode: 0o600 });
  return `tls { cert_file: ${JSON.stringify(certFile)}, key_file: ${JSON.stringify(keyFile)} }`;
}

/** Redis keeps what it has over a restart; where its ports are others now, it begins anew. */
async function startRedis({ folder, started, report }: ServersOptions): Promise<RedisCluster> {
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
  redis.nodes.forEach((node, i) => started.push(keepRunning(names[i]!, node, report)));
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
