/**
 * A Redis server that comes back with what it had some time ago: from a snapshot, or by the replica that
 * takes over. Nobody may be answered by what was known then.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlObjects } from './control-objects.ts';
import { factName } from './fact-block.ts';
import type { ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';
import type { FactChange, Registry } from './registry.ts';
import { all } from './registry-contract.ts';
import { openRedisRegistry, type RedisRegistryOptions } from './registry-redis.ts';
import { TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
const DAY_MS = 86_400_000;
let server: RedisServer;
let connection: RedisConnection;
let store: ObjectStore;
let ageMs = 0;
const opened: Registry[] = [];

beforeEach(async () => {
  ageMs = 0;
  server = await startRedis();
  connection = await openRedis({ urls: [server.url], commandTimeoutMs: 500 });
  store = await openFileObjectStore({ directory: await folders.next() });
}, 60_000);
afterEach(async () => {
  await Promise.all(opened.splice(0).map((registry) => registry.close()));
  await connection.close();
  await server.stop();
  await folders.close();
});

async function open(options: Partial<RedisRegistryOptions> = {}): Promise<Registry> {
  const now = (): number => Date.now() + ageMs;
  const registry = await openRedisRegistry({ connection, store, pollMs: 50, now, ...options });
  opened.push(registry);
  return registry;
}

const key = (n: number): Uint8Array => Buffer.from(`key ${n}`);
const set = (n: number): FactChange => ({ collection: 'users', key: key(n), value: key(n) });
const unset = (n: number): FactChange => ({ ...set(n), value: undefined });
const some = (from: number, count = 50): FactChange[] =>
  Array.from({ length: count }, (_, n) => set(from + n));

const dump = (name: string): string => join(server.folder, name);

/** Keeps what the server has now. */
async function snapshot(): Promise<void> {
  expect(await server.command('SAVE')).toBe('+OK\r\n');
  await copyFile(dump('dump.rdb'), dump('kept.rdb'));
}

/** Ends the server without a warning; it comes back with what was kept. */
async function restore(): Promise<void> {
  await server.kill();
  await copyFile(dump('kept.rdb'), dump('dump.rdb'));
  await server.restart();
  await expect
    .poll(
      () =>
        connection.check().then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true);
}

/** A minute later, by the clock of the registry, all was looked after again. */
async function settle(): Promise<void> {
  const before = await server.command('GET mosaic:{registry}at');
  ageMs += 60_000;
  await expect
    .poll(() => server.command('GET mosaic:{registry}at'), { timeout: 5_000 })
    .not.toBe(before);
  ageMs += 60_000;
}

describe('registry on a Redis that comes back from an old snapshot', { timeout: 60_000 }, () => {
  it('answers by what is known now, to those who remember and those who come anew', async () => {
    const registry = await open({ keepMs: 100 });
    await registry.change(some(0));
    await settle();
    await snapshot();
    await registry.change([...some(50), unset(7)]);
    await settle();
    await settle();
    await restore();
    const fresh = await open({ keepMs: 60_000 });
    for (const each of [fresh, registry]) {
      const found = await each.get('users', [key(1), key(7), key(60)]);
      expect(found.map(Boolean)).toEqual([true, false, true]);
      expect(await all(each)).toHaveLength(99);
    }
  });

  it('does not take a collection for empty that was so then', async () => {
    const registry = await open({ keepMs: 100 });
    await registry.change(some(0));
    await settle();
    expect(registry.peek('removed', key(1))).toBeNull();
    await snapshot();
    await registry.change([{ ...set(1), collection: 'removed' }]);
    await settle();
    await restore();
    const fresh = await open({ keepMs: 60_000 });
    for (const each of [fresh, registry]) {
      expect((await each.get('removed', [key(1), key(2)])).map(Boolean)).toEqual([true, false]);
      await expect.poll(() => each.peek('decisions', key(1)), { timeout: 5_000 }).toBeNull();
      expect((await each.get('removed', [key(1)])).map(Boolean)).toEqual([true]);
    }
  });

  it('is not fooled by a shard that was being made again when it was kept', async () => {
    const registry = await open();
    await registry.change(some(0, 2_000));
    await registry.close();
    // As a process leaves it that dies in the middle: begun, half full, not whole.
    const begin = `local n = 0 for _, k in ipairs(redis.call('KEYS', '*}w')) do n = n + redis.call('DEL', k) redis.call('SET', k:sub(1, -2) .. 'b', 'token 0') end for _, k in ipairs(redis.call('KEYS', '*}f*')) do redis.call('DEL', k) end return n`;
    expect(await server.command(`EVAL "${begin}" 0`)).toBe(':32\r\n');
    await snapshot();
    await restore();
    expect(await all(await open())).toHaveLength(2_000);
  });

  it('forgets what was removed longer ago than removals are remembered', async () => {
    const registry = await open({ keepMs: 100 });
    await registry.change(some(0));
    await settle();
    await snapshot();
    await registry.change([unset(7)]);
    ageMs += 31 * DAY_MS;
    await registry.compact();
    await settle();
    await restore();
    expect((await (await open()).get('users', [key(6), key(7)])).map(Boolean)).toEqual([
      true,
      false,
    ]);
  });

  it('reads no more of the control objects than it may lack', async () => {
    const registry = await open({ keepMs: 100 });
    await registry.change(some(0));
    await registry.close();
    ageMs += DAY_MS;
    const later = await open({ keepMs: 100 });
    await settle();
    await later.change(some(100, 1));
    await later.close();
    await snapshot();
    await restore();
    const read: string[] = [];
    const watched: ObjectStore = {
      ...bound(store),
      get: (name, ...rest) => {
        read.push(name);
        return store.get(name, ...rest);
      },
    };
    const last = await open({ store: watched, keepMs: 60_000 });
    expect((await last.get('users', [key(1), key(100)])).map(Boolean)).toEqual([true, true]);
    expect(new Set(read).size).toBe(1);
  });

  it('takes what a writer put that died meanwhile', async () => {
    const registry = await open({ keepMs: 100 });
    await registry.change(some(0));
    await settle();
    await snapshot();
    const writer = new ControlObjects({ store, now: () => Date.now() + ageMs });
    await writer.put([{ name: factName('users', key(90)), value: key(90) }]);
    await restore();
    expect((await (await open()).get('users', [key(90)])).map(Boolean)).toEqual([true]);
  });
});

/** The store's methods, to replace some of. */
function bound(whole: ObjectStore): ObjectStore {
  return {
    name: whole.name,
    put: (...args) => whole.put(...args),
    get: (...args) => whole.get(...args),
    list: (...args) => whole.list(...args),
    delete: (...args) => whole.delete(...args),
    close: () => whole.close(),
  } as ObjectStore;
}
