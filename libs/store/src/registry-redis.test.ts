/** The registry on one Redis server: the contract, and what goes wrong with Redis or a writer. */
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ControlObjects } from './control-objects.ts';
import { factName } from './fact-block.ts';
import type { ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';
import type { FactChange, Registry } from './registry.ts';
import { all, describeRegistry } from './registry-contract.ts';
import { openRedisRegistry, type RedisRegistryOptions } from './registry-redis.ts';
import { failureOf, TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
let server: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url], commandTimeoutMs: 500 });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await server.stop();
  await folders.close();
});

let places = 0;
describeRegistry({
  name: 'on Redis',
  runs: 20,
  place: async () => {
    const store = await openFileObjectStore({ directory: await folders.next() });
    places += 1;
    const name = `registry-${places}`;
    return {
      store,
      open: (options = {}) =>
        openRedisRegistry({ connection, store, name, pollMs: 100, keepMs: 300, ...options }),
      forget: async () => {
        await server.command('FLUSHALL');
      },
    };
  },
});

const key = (n: number): Uint8Array => Buffer.from(`key ${n}`);
const set = (n: number, value = 'x'): FactChange => ({
  collection: 'users',
  key: key(n),
  value: Buffer.from(value),
});

describe('registry on Redis', () => {
  let store: ObjectStore;
  const opened: Registry[] = [];
  async function open(options: Partial<RedisRegistryOptions> = {}): Promise<Registry> {
    store = options.store ?? (await openFileObjectStore({ directory: await folders.next() }));
    const registry = await openRedisRegistry({ connection, store, pollMs: 50, ...options });
    opened.push(registry);
    return registry;
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((registry) => registry.close()));
    await server.command('FLUSHALL');
  });

  it('brings in what a writer put before it died, without being asked', async () => {
    const registry = await open({ keepMs: 200 });
    await registry.change([set(1)]);
    // All that a writer does before it tells Redis.
    const writer = new ControlObjects({ store, now: Date.now });
    await writer.put([{ name: factName('users', key(2)), value: Buffer.from('late') }]);
    expect(await registry.get('users', [key(2)])).toEqual([undefined]);
    await expect
      .poll(async () => (await registry.get('users', [key(2)]))[0], { timeout: 5_000 })
      .toBeDefined();
  });

  it('brings in everywhere what nobody told Redis of, also while it mends a part', async () => {
    const registry = await open({ keepMs: 60_000 });
    const many = (first: number): FactChange[] =>
      Array.from({ length: 200 }, (_, n) => set(first + n));
    await registry.change(many(0));
    const writer = new ControlObjects({ store, now: Date.now });
    const value = Buffer.from('late');
    await writer.put(many(200).map(({ key: late }) => ({ name: factName('users', late), value })));
    expect(await server.command('DEL mosaic:{registry:05}w')).toBe(':1\r\n');
    // The shard is whole before what was late has come into the others.
    await expect.poll(() => all(registry), { timeout: 5_000 }).toHaveLength(400);
  });

  it('brings in again what a failover may have lost', async () => {
    let ageMs = 0;
    const registry = await open({ keepMs: 100, now: () => Date.now() + ageMs });
    await registry.change([set(1), set(2)]);
    const script = `local n = 0 for _, key in ipairs(redis.call('KEYS', '*}f*')) do n = n + redis.call('DEL', key) end return n`;
    expect(await server.command(`EVAL "${script}" 0`)).toMatch(/^:[12]\r/);
    ageMs = 60_000;
    await expect
      .poll(async () => (await registry.get('users', [key(1), key(2)])).filter(Boolean), {
        timeout: 5_000,
      })
      .toHaveLength(2);
  });

  it('tells one process of what changes, also where its writer died', async () => {
    const told: string[] = [];
    const onNews = (news: readonly FactChange[]): void => {
      told.push(...news.map((each) => `${Buffer.from(each.key).toString()}=${each.value?.length}`));
    };
    const silent = await open({ keepMs: 100 });
    await silent.change([set(0)]);
    await open({ store, onNews, keepMs: 100 });
    await open({ store, onNews, keepMs: 100 });
    for (let n = 1; n < 40; n++) await silent.change([set(n)]);
    await silent.change([{ ...set(1), value: undefined }]);
    const writer = new ControlObjects({ store, now: Date.now });
    await writer.put([{ name: factName('users', key(50)), value: Buffer.from('late') }]);
    await expect.poll(() => told, { timeout: 5_000 }).toContain('key 50=4');
    await expect.poll(() => told, { timeout: 5_000 }).toContain('key 1=undefined');
    // What changed twice between two looks is told of once.
    await expect.poll(() => told.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(40);
    expect(new Set(told).size).toBe(told.length);
    await server.command('FLUSHALL');
    await silent.change([set(60)]);
    await expect.poll(() => told, { timeout: 5_000 }).toContain('key 60=1');
  });

  it('tells one process of each group', async () => {
    const told: string[] = [];
    const writer = await open();
    for (const newsGroup of ['a', 'b', 'b']) {
      const onNews = (news: readonly FactChange[]): void => {
        told.push(...news.map((each) => `${newsGroup} ${Buffer.from(each.key).toString()}`));
      };
      await open({ store, newsGroup, onNews });
    }
    await writer.change([set(1), set(2)]);
    const all = ['a key 1', 'a key 2', 'b key 1', 'b key 2'];
    await expect.poll(() => told.toSorted(), { timeout: 5_000 }).toEqual(all);
  });

  it('takes a flushed Redis for one that knows nothing, not for one without users', async () => {
    const registry = await open();
    await registry.change([set(1)]);
    await registry.get('users', [key(1)]);
    for (let round = 0; round < 5; round++) {
      await server.command('FLUSHALL');
      // Neither remembered nor read nor made again, it is never missing.
      const found = await Promise.all(
        Array.from({ length: 20 }, async () => registry.get('users', [key(1)])),
      );
      for (const [fact] of found) expect(fact).toBeDefined();
      const fresh = await open({ store });
      expect((await fresh.get('users', [key(1), key(2)])).map(Boolean)).toEqual([true, false]);
    }
  });

  it('refuses to guess while the objects cannot be read either', async () => {
    const registry = await open();
    await registry.change([set(1)]);
    await registry.close();
    await server.command('FLUSHALL');
    const errors: unknown[] = [];
    await store.close();
    const blind = await open({ store, waitMs: 200, onError: (error) => errors.push(error) });
    const incomplete = { kind: 'unavailable', code: 'registry-incomplete' };
    expect(await failureOf(blind.get('users', [key(1)]))).toMatchObject(incomplete);
    expect(await failureOf(blind.list({ collection: 'users' }))).toMatchObject(incomplete);
    expect(blind.fault()).toMatch(/looked after/);
    expect(errors).toHaveLength(1);
  });

  it('answers from memory while Redis is away, for a time, and goes on afterwards', async () => {
    const registry = await open({ graceMs: 1_500 });
    await registry.change([set(1)]);
    await registry.get('users', [key(1), key(2)]);
    server.pause();
    try {
      const begun = performance.now();
      let answers = 0;
      const isServed = async (): Promise<boolean> => {
        const found = await registry.get('users', [key(1), key(2)]).catch(() => undefined);
        if (found === undefined) return false;
        expect(found.map(Boolean)).toEqual([true, false]);
        answers += 1;
        return true;
      };
      await expect.poll(isServed, { timeout: 6_000, interval: 50 }).toBe(false);
      expect(performance.now() - begun).toBeGreaterThan(1_000);
      expect(answers).toBeGreaterThan(5);
      const asked = performance.now();
      const refused = { kind: 'unavailable', code: 'registry-away' };
      expect(await failureOf(registry.get('users', [key(3)]))).toMatchObject(refused);
      expect(performance.now() - asked).toBeLessThan(700);
      expect(registry.fault()).toMatch(/does not answer/);
      const changed = await registry.change([set(3)]);
      expect(changed.isInEffect).toBe(false);
    } finally {
      server.resume();
    }
    await expect
      .poll(async () => (await registry.get('users', [key(3)]).catch(() => []))[0], {
        timeout: 15_000,
      })
      .toBeDefined();
    expect(registry.fault()).toBeUndefined();
  });

  it('asks Redis once for what many want to know, and not again until something changes', async () => {
    let messages = 0;
    const counted: RedisConnection = {
      keyPrefix: connection.keyPrefix,
      check: () => connection.check(),
      close: async () => {},
      run: (calls) => {
        messages += 1;
        return connection.run(calls);
      },
    };
    const registry = await open({ connection: counted, pollMs: 60_000, keepMs: 60_000 });
    await registry.change(Array.from({ length: 100 }, (_, n) => set(n)));
    messages = 0;
    const keys = Array.from({ length: 200 }, (_, n) => key(n));
    const found = await Promise.all(keys.map((each) => registry.get('users', [each])));
    expect(found.flat().filter(Boolean)).toHaveLength(100);
    expect(messages).toBe(1);
    await registry.get('users', keys);
    expect(keys.every((each) => registry.peek('users', each) !== undefined)).toBe(true);
    expect(messages).toBe(1);
    await registry.change([set(7, 'y')]);
    messages = 0;
    const [fact] = await registry.get('users', [key(7)]);
    expect(fact?.value).toEqual(Uint8Array.from(Buffer.from('y')));
    expect(messages).toBe(1);
  });

  it('survives being emptied while it is made again', { timeout: 60_000 }, async () => {
    const registry = await open();
    for (let n = 0; n < 30_000; n += 10_000) {
      await registry.change(Array.from({ length: 10_000 }, (_, i) => set(n + i)));
    }
    await registry.close();
    await server.command('FLUSHALL');
    const opening = open({ store, waitMs: 20_000 });
    for (let n = 0; n < 5; n++) {
      await expect.poll(async () => server.command('DBSIZE'), { interval: 1 }).not.toBe(':0\r\n');
      await server.command('FLUSHALL');
    }
    expect(await all(await opening)).toHaveLength(30_000);
  });
});
