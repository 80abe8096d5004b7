/**
 * Collections that nothing is in: of those nothing is asked, and nothing is missed. Whoever changes the
 * registry without saying of which collections, as older processes do, has everybody ask again.
 */
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ControlObjects } from './control-objects.ts';
import { FactBlock, factName } from './fact-block.ts';
import type { ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';
import type { FactChange, Registry } from './registry.ts';
import { openRedisRegistry, type RedisRegistryOptions } from './registry-redis.ts';
import { COLLECTIONS_MAX } from './registry-redis-scripts.ts';
import { RegistryTables } from './registry-redis-tables.ts';
import { openRedisRegistryView } from './registry-redis-view.ts';
import { TestFolders } from './segment-log-fixture.ts';

const SOON = { timeout: 10_000, interval: 10 } as const;
const folders = new TestFolders();
let server: RedisServer;
let connection: RedisConnection;
let store: ObjectStore;
let calls = 0;
const opened: Registry[] = [];
beforeAll(async () => {
  server = await startRedis();
  const whole = await openRedis({ urls: [server.url], commandTimeoutMs: 500 });
  connection = {
    keyPrefix: whole.keyPrefix,
    check: () => whole.check(),
    close: () => whole.close(),
    run: (some) => {
      calls += some.length;
      return whole.run(some);
    },
  };
}, 120_000);
beforeEach(async () => {
  store = await openFileObjectStore({ directory: await folders.next() });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((registry) => registry.close()));
  await server.command('FLUSHALL');
});
afterAll(async () => {
  await connection.close();
  await server.stop();
  await folders.close();
});

async function open(options: Partial<RedisRegistryOptions> = {}): Promise<Registry> {
  const registry = await openRedisRegistry({ connection, store, pollMs: 50, ...options });
  opened.push(registry);
  return registry;
}

const key = (n: number): Uint8Array => Buffer.from(`key ${n}`);
const set = (collection: string, n = 1): FactChange => ({ collection, key: key(n), value: key(n) });
/** What can be said of a fact without asking. */
const peeked = (registry: Pick<Registry, 'peek'>, collection: string, n = 1): string => {
  const fact = registry.peek(collection, key(n));
  return fact === undefined ? 'unknown' : fact === null ? 'absent' : 'there';
};
const isThere = async (registry: Registry, collection: string, n = 1): Promise<boolean> => {
  const [fact] = await registry.get(collection, [key(n)]);
  return fact !== undefined;
};

/** What a process does that knows nothing of collections: everything but to say which it was. */
async function changeAsBefore(collection: string): Promise<void> {
  const objects = new ControlObjects({ store, now: Date.now });
  const name = factName(collection, key(1));
  const { key: object, block } = await objects.put([{ name, value: key(1) }]);
  await new RegistryTables(connection, 'registry').shards.apply(block);
  await server.command(`ZADD mosaic:{registry}seen GT 1 ${object}`);
  await server.command(`SET mosaic:{registry}v before-${object.slice(-14, -6)}`);
}

describe('collections that nothing is in', () => {
  it('are not asked for, by whoever opens the registry, until something is', async () => {
    const registry = await open({ pollMs: 60_000, keepMs: 60_000 });
    const keys = Array.from({ length: 500 }, (_, n) => key(n));
    const other = await open();
    const view = await openRedisRegistryView({ connection, pollMs: 50 });
    try {
      calls = 0;
      expect((await registry.get('removed', keys)).filter(Boolean)).toEqual([]);
      expect(calls).toBeLessThan(10);
      for (const each of [registry, other, view]) expect(peeked(each, 'removed')).toBe('absent');
      expect((await registry.change([set('removed')])).isInEffect).toBe(true);
      expect(peeked(registry, 'removed', 2)).toBe('unknown');
      expect(await isThere(registry, 'removed')).toBe(true);
      for (const each of [other, view]) {
        await expect.poll(() => peeked(each, 'removed'), SOON).toBe('unknown');
        expect((await each.get('removed', [key(1), key(2)])).map(Boolean)).toEqual([true, false]);
      }
      expect(peeked(other, 'users')).toBe('absent');
    } finally {
      await view.close();
    }
  });

  it('are not empty when what was in them is removed: somebody may not know of that', async () => {
    const registry = await open();
    await registry.change([set('removed')]);
    await registry.change([{ ...set('removed'), value: undefined }]);
    const other = await open();
    expect(peeked(other, 'removed')).toBe('unknown');
    expect(await isThere(other, 'removed')).toBe(false);
  });

  it('are unknown after a change by who does not say of which, and then noted again', async () => {
    const writer = await open({ keepMs: 60_000 });
    await writer.change([set('users')]);
    const registry = await open({ keepMs: 60_000 });
    expect(peeked(registry, 'removed')).toBe('absent');
    await changeAsBefore('removed');
    await expect.poll(() => peeked(registry, 'removed'), SOON).toBe('unknown');
    expect(await isThere(registry, 'removed')).toBe(true);
    // What others say of their changes does not make up for it.
    await writer.change([set('users', 2)]);
    await expect.poll(() => isThere(registry, 'users', 2), SOON).toBe(true);
    expect(peeked(registry, 'decisions')).toBe('unknown');
    await server.command('DEL mosaic:{registry}rest');
    await open({ keepMs: 100 });
    await expect.poll(() => peeked(registry, 'decisions'), SOON).toBe('absent');
    expect(await isThere(registry, 'removed')).toBe(true);
    expect(peeked(registry, 'removed', 2)).toBe('unknown');
  });

  it('are noted where an older registry lies on Redis already', async () => {
    const first = await open({ keepMs: 60_000 });
    await first.change([set('users')]);
    await server.command('DEL mosaic:{registry}collections');
    await expect.poll(() => peeked(first, 'removed'), SOON).toBe('unknown');
    expect(await isThere(first, 'removed')).toBe(false);
    await server.command('DEL mosaic:{registry}rest');
    await open({ keepMs: 100 });
    await expect.poll(() => peeked(first, 'removed', 2), SOON).toBe('absent');
    expect(await isThere(first, 'users')).toBe(true);
  });

  it('are filled by who died before telling Redis of it', async () => {
    const registry = await open({ keepMs: 100 });
    expect(peeked(registry, 'removed')).toBe('absent');
    const writer = new ControlObjects({ store, now: Date.now });
    await writer.put([{ name: factName('removed', key(1)), value: key(1) }]);
    await expect.poll(() => isThere(registry, 'removed'), SOON).toBe(true);
  });

  it('are told from those that a flushed Redis has lost', async () => {
    const registry = await open();
    await registry.change([set('users')]);
    for (const collection of ['removed', 'decisions', 'bans']) {
      await server.command('FLUSHALL');
      // Whoever changes something finds a Redis that knows neither what there was nor what there was not.
      await registry.change([set(collection)]);
      const other = await open();
      expect(await Promise.all(['users', collection].map((each) => isThere(other, each)))).toEqual([
        true,
        true,
      ]);
      await expect.poll(() => peeked(other, 'none'), SOON).toBe('absent');
      expect(await Promise.all(['users', collection].map((each) => isThere(other, each)))).toEqual([
        true,
        true,
      ]);
    }
  });

  it('are filled with what is found while all shards but not the rest was lost', async () => {
    const registry = await open({ keepMs: 60_000, pollMs: 60_000 });
    await registry.change([set('users')]);
    const writer = new ControlObjects({ store, now: Date.now });
    await writer.put([{ name: factName('removed', key(1)), value: key(1) }]);
    const lose = `for _, k in ipairs(redis.call('KEYS', '*:??}*')) do redis.call('DEL', k) end return 1`;
    expect(await server.command(`EVAL "${lose}" 0`)).toBe(':1\r\n');
    expect(await isThere(await open(), 'removed')).toBe(true);
  });

  it('go on being answered while Redis is away, for a time', async () => {
    const registry = await open({ graceMs: 60_000 });
    expect(await isThere(registry, 'removed')).toBe(false);
    server.pause();
    try {
      await expect.poll(() => registry.fault(), SOON).toContain('Redis does not answer');
      await expect.poll(() => peeked(registry, 'removed'), SOON).toBe('unknown');
      expect(await isThere(registry, 'removed')).toBe(false);
    } finally {
      server.resume();
    }
    await expect.poll(() => registry.fault(), SOON).toBeUndefined();
  });

  it('are asked for where more than 64 have facts', async () => {
    const registry = await open();
    const many = Array.from({ length: COLLECTIONS_MAX + 1 }, (_, n) => set(`c-${n}`));
    await registry.change(many.slice(1));
    const other = await open({ keepMs: 100 });
    expect(peeked(other, 'c-0')).toBe('absent');
    await registry.change(many.slice(0, 1));
    await expect.poll(() => peeked(other, 'removed'), SOON).toBe('unknown');
    const fresh = await open();
    for (const { collection } of many) expect(await isThere(fresh, collection)).toBe(true);
    expect(await isThere(fresh, 'removed')).toBe(false);
  });
});

describe('which collections have facts', () => {
  const tablesOf = async (): Promise<RegistryTables> => {
    await open({ keepMs: 60_000 });
    return new RegistryTables(connection, 'registry');
  };

  it('is not noted where something has changed since it was read', async () => {
    const tables = await tablesOf();
    const { version = '' } = await tables.version();
    await changeAsBefore('removed');
    await tables.noteFilled(version, []);
    const { version: later = '', filled } = await tables.version();
    expect(filled).toBeUndefined();
    await tables.noteFilled(later, ['removed']);
    await tables.noteFilled(version, []);
    expect(await tables.version()).toEqual({ version: later, filled: new Set(['removed']) });
  });

  it('does not count for another server', async () => {
    const tables = await tablesOf();
    expect((await tables.version()).filled).toEqual(new Set());
    const { version } = await tables.version();
    await server.command(`SET mosaic:{registry}collections "${version} 0123456789abcdef"`);
    expect((await tables.version()).filled).toBeUndefined();
  });

  it('is read from any number of facts, and of names that begin alike', async () => {
    const tables = await tablesOf();
    const version = Buffer.alloc(10, 1);
    const names = ['a', 'a-b', 'ab', 'users', 'users-2', 'z'].flatMap((collection, i) =>
      Array.from({ length: i % 2 === 0 ? 3_000 : 1 }, (_, n) => factName(collection, key(n))),
    );
    const block = FactBlock.of(names.map((name) => ({ name, version, value: version })));
    await tables.shards.apply(block);
    const all = ['a', 'a-b', 'ab', 'users', 'users-2', 'z'];
    expect([...((await tables.shards.collections()) ?? [])].toSorted()).toEqual(all);
    expect(block.collections(10)).toEqual(all);
    expect(block.collections(2)).toEqual(all.slice(0, 2));
    await server.command('DEL mosaic:{registry:05}w');
    expect(await tables.shards.collections()).toBeUndefined();
  });
});
