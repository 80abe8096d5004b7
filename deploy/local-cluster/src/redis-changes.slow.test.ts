/**
 * Redis that changes while records are published: a replica takes the place of its master, by
 * Sentinels or within a Redis Cluster, and slots move to another master. Needs a build.
 */
import {
  type NatsServer,
  type RedisServer,
  startNats,
  startRedisCluster,
  startRedisSentinels,
  waitFor,
} from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { untilReady } from './local-cluster.ts';
import { Audience, connectTo, idOf, Load, missing } from './testing/load.ts';
import { type Services, startServices } from './testing/services.ts';

const BEFORE = 200;
const MEANWHILE = 300;

let nats: NatsServer;
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  nats = await startNats({ config: 'max_payload: 2MB' });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => nats.stop());

async function start(workers: Readonly<Record<string, string>>): Promise<Services> {
  const services = await startServices({ shared: { MOSAIC_NATS_URLS: nats.url }, workers });
  closing.push(() => services.close());
  return services;
}

/** Publishes while something changes; everything must be there afterwards, and come once. */
async function holds(services: Services, change: () => Promise<void>): Promise<void> {
  const client = await connectTo(services, 0);
  closing.push(() => client.close());
  const load = new Load(client);
  const audience = await Audience.of(client, load.author);
  load.start();
  await load.more(BEFORE);
  await change();
  await load.more(MEANWHILE);
  await load.stop();
  expect(load.failed).toEqual([]);
  for (const service of services.workers) await untilReady(service);
  expect(await missing(client, load.acknowledged)).toEqual([]);
  const found: string[] = [];
  const filter = [{ name: 'authors', keys: [load.author] }] as const;
  for await (const record of client.query(filter)) found.push(idOf(record));
  expect(found.toSorted()).toEqual(load.acknowledged.map(idOf).toSorted());
  await audience.hasSeen(load.acknowledged.length);
  expect(audience.seen.toSorted()).toEqual(found.toSorted());
  await audience.close();
  expect(services.lines.filter(({ level }) => level === 'error')).toEqual([]);
}

async function isMaster(server: RedisServer): Promise<boolean> {
  return (await server.command('ROLE', 'r\r\n')).includes('master');
}

it('goes on with the replica that Sentinels choose', { timeout: 120_000 }, async () => {
  const redis = await startRedisSentinels();
  closing.push(() => redis.stop());
  const services = await start({
    MOSAIC_REDIS_MODE: 'sentinel',
    MOSAIC_REDIS_URLS: redis.urls.join(','),
    MOSAIC_REDIS_SENTINEL_MASTER: redis.name,
  });
  await holds(services, async () => {
    await redis.master.kill();
    await waitFor('the replica to be master', () => isMaster(redis.replica));
  });
});

it('goes on with the replica of a node of a Redis Cluster', { timeout: 120_000 }, async () => {
  const redis = await startRedisCluster({ withReplicas: true });
  closing.push(() => redis.stop());
  const services = await start({
    MOSAIC_REDIS_MODE: 'cluster',
    MOSAIC_REDIS_URLS: redis.urls.join(','),
  });
  await holds(services, async () => {
    await redis.nodes[0]!.kill();
    await waitFor('the replica to be master', () => isMaster(redis.replicas[0]!));
  });
});

it('goes on while slots of a Redis Cluster move', { timeout: 120_000 }, async () => {
  const redis = await startRedisCluster();
  closing.push(() => redis.stop());
  const services = await start({
    MOSAIC_REDIS_MODE: 'cluster',
    MOSAIC_REDIS_URLS: redis.urls.join(','),
  });
  await holds(services, () => redis.moveSlots(0, 1, 1_000));
});
