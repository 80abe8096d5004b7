/** What a gateway shares of abuse control, on a real Redis that is emptied, hangs, or is not named. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bans, createAbuseControl, parseAddressRange, parseBudgets } from '@mosaic-cluster/abuse';
import { publicKeyOf } from '@mosaic-cluster/protocol';
import { readConfig } from '@mosaic-cluster/runtime';
import {
  type ObjectStore,
  openFileObjectStore,
  openRedis,
  openRedisRegistry,
  type RedisConnection,
  type Registry,
} from '@mosaic-cluster/store';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSharedAbuse, optionalRedisSettings, type SharedAbuse } from './shared-abuse.ts';
import { type TestService, testService } from './testing/service.ts';

const ALICE = publicKeyOf(new Uint8Array(32).fill(1));
const WAIT = { timeout: 20_000 };
const RULES = {
  budgets: parseBudgets('submissions.*.*=1/h:100'),
  alwaysAllowed: [],
  alwaysRegistered: new Set<string>(),
};

let folder: string;
let server: RedisServer;
let connection: RedisConnection;
let store: ObjectStore;
const services: TestService[] = [];
const registries: Registry[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-shared-abuse-'));
  server = await startRedis();
  connection = await openRedis({ urls: [server.url] });
  store = await openFileObjectStore({ directory: folder });
}, 120_000);
afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
  for (const registry of registries.splice(0)) await registry.close();
  await server.command('FLUSHALL');
});
afterAll(async () => {
  await store.close();
  await connection.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

/** The registry as workers look after it. */
async function registry(): Promise<Registry> {
  const opened = await openRedisRegistry({ connection, store, keepMs: 300 });
  registries.push(opened);
  return opened;
}

async function gateway(urls?: string): Promise<TestService & { readonly shared: SharedAbuse }> {
  const settings =
    urls === undefined ? {} : { MOSAIC_REDIS_URLS: urls, MOSAIC_REDIS_TIMEOUT: '300ms' };
  const frame = testService();
  services.push(frame);
  const config = readConfig(optionalRedisSettings, settings);
  const shared = await openSharedAbuse(config, frame.service, RULES);
  frame.service.readiness.setState('serving');
  return { ...frame, shared };
}

/** Comes as a stranger and submits; how many records are paid for. */
function flood({ limiter, bans }: SharedAbuse, address: string): number {
  const visitor = createAbuseControl({ limiter, bans }).admit(
    { address, key: undefined },
    () => {},
  );
  if ('result' in visitor) return 0;
  let paid = 0;
  while (paid < 1_000 && visitor.submission()) paid += 1;
  visitor.close();
  return paid;
}

describe('without Redis', () => {
  it('a gateway says that it is alone, and limits by itself', async () => {
    const { shared, warnings, service } = await gateway();
    expect(warnings).toEqual([expect.stringContaining('MOSAIC_REDIS_URLS is not set')]);
    expect(flood(shared, '203.0.113.1')).toBe(100);
    expect(await shared.isRegistered([ALICE])).toBe(false);
    await expect(service.readiness.report()).resolves.toMatchObject({ isReady: true });
  });
});

describe('over Redis', () => {
  it('gateways know bans and users, and learn of new ones', async () => {
    const facts = await registry();
    await new Bans(facts).add([{ subject: parseAddressRange('203.0.113.0/24') }]);
    const { shared } = await gateway(server.url);
    let changes = 0;
    shared.onChange(() => {
      changes += 1;
    });
    expect(flood(shared, '203.0.113.1')).toBe(0);
    expect(await shared.isRegistered([ALICE])).toBe(false);
    await facts.change([
      { collection: 'users', key: ALICE, value: Uint8Array.of(1, 0) },
      { collection: 'users', key: publicKeyOf(new Uint8Array(32).fill(2)), value: undefined },
    ]);
    await expect.poll(() => changes, WAIT).toBeGreaterThan(0);
    expect(await shared.isRegistered([publicKeyOf(new Uint8Array(32).fill(2)), ALICE])).toBe(true);
  });

  it('a gateway goes on limiting and banning while Redis hangs, stays ready, and says so', async () => {
    const facts = await registry();
    await new Bans(facts).add([{ subject: parseAddressRange('203.0.113.0/24') }]);
    const { shared, service } = await gateway(server.url);
    const control = createAbuseControl(shared);
    server.pause();
    try {
      for (const part of [shared.limiter, shared.bans]) {
        await expect.poll(() => part.fault(), WAIT).toBeDefined();
      }
      expect(control.fault()).toContain('Redis');
      expect(flood(shared, '203.0.113.1')).toBe(0);
      // It takes a moment until a gateway is sure that it gets no answer for this one.
      let paid = 0;
      await expect.poll(() => (paid += flood(shared, '198.51.100.1')), WAIT).toBe(100);
      await expect(service.readiness.report()).resolves.toMatchObject({ isReady: true });
    } finally {
      server.resume();
    }
    await expect.poll(() => control.fault(), WAIT).toBeUndefined();
  });

  it('a gateway is not ready before it knows who is banned', async () => {
    const { service, shared } = await gateway(server.url);
    await expect(service.readiness.report()).resolves.toMatchObject({
      isReady: false,
      waitingFor: [{ name: 'bans', reason: expect.stringContaining('nobody is banned yet') }],
    });
    await registry();
    await expect.poll(async () => (await service.readiness.report()).isReady, WAIT).toBe(true);
    expect(shared.bans.fault()).toBeUndefined();
  });
});
