/** A view of the registry on Redis: sees what others change, is told of it, and outlasts a Redis that does not. */
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';
import type { FactChange, Registry, RegistryView } from './registry.ts';
import { lines } from './registry-contract.ts';
import { openRedisRegistry } from './registry-redis.ts';
import { openRedisRegistryView, type RedisRegistryViewOptions } from './registry-redis-view.ts';
import { failureOf, TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
let server: RedisServer;
let connection: RedisConnection;
let store: ObjectStore;
let registry: Registry;
const views: RegistryView[] = [];
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url], commandTimeoutMs: 300 });
}, 120_000);
beforeEach(async () => {
  store = await openFileObjectStore({ directory: await folders.next() });
  registry = await openRedisRegistry({ connection, store, pollMs: 50, keepMs: 300 });
});
afterEach(async () => {
  await Promise.all(views.splice(0).map((view) => view.close()));
  await registry.close();
  await server.command('FLUSHALL');
});
afterAll(async () => {
  await connection.close();
  await server.stop();
  await folders.close();
});

const key = (n: number): Uint8Array => Uint8Array.of(n);
const set = (n: number, value: string): FactChange => ({
  collection: 'bans',
  key: key(n),
  value: Buffer.from(value),
});

async function open(options: Partial<RedisRegistryViewOptions> = {}): Promise<RegistryView> {
  const view = await openRedisRegistryView({ connection, pollMs: 50, ...options });
  views.push(view);
  return view;
}

async function listed(view: RegistryView): Promise<(string | undefined)[]> {
  return lines((await view.list({ collection: 'bans' })).facts);
}

describe('a view of the registry on Redis', () => {
  it('shows what a registry has changed, and is told of it', async () => {
    await registry.change([set(1, 'a')]);
    let changes = 0;
    const view = await open({ onChange: () => (changes += 1) });
    expect(await listed(view)).toEqual(['01=a']);
    expect(changes).toBe(0);
    await registry.change([set(2, 'b'), { collection: 'bans', key: key(1), value: undefined }]);
    await expect.poll(() => changes, { timeout: 10_000 }).toBe(1);
    expect(await listed(view)).toEqual(['02=b']);
    expect(lines(await view.get('bans', [key(1), key(2)]))).toEqual([undefined, '02=b']);
    expect(view.peek('bans', key(1))).toBeNull();
  });

  it('is told what changed, and that anything may have where an older process changed it', async () => {
    await registry.change([set(1, 'a')]);
    const told: unknown[] = [];
    await open({ onChange: (changed) => told.push(changed && Object.fromEntries(changed)) });
    await registry.change([set(2, 'b')]);
    await expect.poll(() => told.at(-1), { timeout: 10_000 }).toEqual({ bans: [key(2)] });
    expect(told).not.toContain(undefined);
    await server.command(`SET ${connection.keyPrefix}{registry}v older`);
    await expect.poll(() => told, { timeout: 10_000 }).toContain(undefined);
    await registry.change([set(3, 'c')]);
    await expect.poll(() => told.at(-1), { timeout: 10_000 }).toEqual({ bans: [key(3)] });
  });

  it('says so while Redis does not answer, and is told of what changed meanwhile', async () => {
    await registry.change([set(1, 'a')]);
    let changes = 0;
    const view = await open({ onChange: () => (changes += 1) });
    await view.get('bans', [key(1)]);
    server.pause();
    await expect.poll(() => view.fault(), { timeout: 10_000 }).toContain('Redis does not answer');
    expect(lines(await view.get('bans', [key(1)]))).toEqual(['01=a']);
    expect(await failureOf(view.list({ collection: 'bans' }))).toMatchObject({
      kind: 'unavailable',
    });
    server.resume();
    await expect.poll(() => view.fault(), { timeout: 10_000 }).toBeUndefined();
    await registry.change([set(1, 'b')]);
    await expect.poll(() => changes, { timeout: 10_000 }).toBe(1);
  });

  it('waits for what Redis has lost, which others make again', async () => {
    await registry.change([set(1, 'a')]);
    let changes = 0;
    const view = await open({ onChange: () => (changes += 1), waitMs: 10_000 });
    await server.command('FLUSHALL');
    expect(await listed(view)).toEqual(['01=a']);
    await expect.poll(() => changes, { timeout: 10_000 }).toBeGreaterThan(0);
  });

  it('gives up where nobody does', async () => {
    await registry.close();
    await server.command('FLUSHALL');
    const view = await open({ waitMs: 100 });
    expect(await failureOf(view.list({ collection: 'bans' }))).toMatchObject({
      kind: 'unavailable',
      code: 'registry-incomplete',
    });
  });

  it('answers nothing once it was closed', async () => {
    const view = await open();
    await view.close();
    expect(await failureOf(view.list({ collection: 'bans' }))).toMatchObject({
      kind: 'closed',
    });
  });
});
