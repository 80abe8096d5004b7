/** Control objects while writing, joining and removing go wrong. */
import { MosaicError } from '@mosaic-cluster/protocol';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ControlObjects, FORGET_MS } from './control-objects.ts';
import type { ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import type { FactChange } from './registry.ts';
import { all } from './registry-contract.ts';
import { openMemoryRegistry } from './registry-memory.ts';
import { failureOf, TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

let store: ObjectStore;
beforeEach(async () => {
  store = await openFileObjectStore({ directory: await folders.next() });
});

const set = (n: number, value: string | undefined = `${n}`): FactChange => ({
  collection: 'users',
  key: Buffer.of(n),
  value: Buffer.from(value),
});
const line = (n: number, value = `${n}`): string => `${n.toString(16).padStart(2, '0')}=${value}`;

/** The store with a hand on some of its calls. */
function through(changes: Partial<ObjectStore>): ObjectStore {
  return {
    name: store.name,
    put: (...args) => store.put(...args),
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    delete: (...args) => store.delete(...args),
    selfTest: () => store.selfTest(),
    close: async () => {},
    ...changes,
  };
}

async function known(): Promise<(string | undefined)[]> {
  const registry = await openMemoryRegistry({ store });
  try {
    return await all(registry);
  } finally {
    await registry.close();
  }
}

async function write(...changes: FactChange[][]): Promise<void> {
  const registry = await openMemoryRegistry({ store, pollMs: 60_000 });
  for (const each of changes) await registry.change(each);
  await registry.close();
}

async function keys(): Promise<string[]> {
  return (await store.list({ prefix: 'control/' })).objects.map(({ key }) => key);
}

describe('control objects', () => {
  it('are known by names that sort by time', async () => {
    await write([set(1)], [set(2)]);
    for (const key of await keys()) {
      expect(key).toMatch(/^control\/\d{8}T\d{9}Z-[0-9a-f]{8}\.facts$/);
    }
  });

  it('lose nothing where a compaction ends between any two of its calls', async () => {
    await write([set(1)], [set(2)], [set(1, 'x')], [{ ...set(2), value: undefined }], [set(3)]);
    const truth = [line(1, 'x'), line(3)];
    for (let calls = 0; ; calls++) {
      let left = calls;
      const crash = (): void => {
        left -= 1;
        if (left < 0) throw new MosaicError('unavailable', 'store-failed', 'crashed');
      };
      const crashing = through({
        put: async (...args) => {
          crash();
          await store.put(...args);
          crash();
        },
        delete: async (doomed) => {
          for (const key of doomed) {
            crash();
            await store.delete([key]);
          }
        },
      });
      const objects = new ControlObjects({ store: crashing, now: Date.now });
      const done = await objects.join(true).catch(() => undefined);
      expect(await known()).toEqual(truth);
      if (done === undefined) continue;
      expect(calls).toBeGreaterThan(3);
      expect(await keys()).toHaveLength(1);
      return;
    }
  });

  it('are read whole while others join them', async () => {
    await write(...Array.from({ length: 10 }, (_, n) => [set(n)]));
    let joins = 0;
    const objects = new ControlObjects({ store, now: Date.now });
    const racing = through({
      get: async (...args) => {
        // Between the listing and the first read, twice.
        if (joins < 2) {
          joins += 1;
          await new ControlObjects({ store, now: Date.now }).put([
            { name: Buffer.from('users\0z'), value: Buffer.from('new') },
          ]);
          await objects.join(true);
        }
        return store.get(...args);
      },
    });
    const registry = await openMemoryRegistry({ store: racing, pollMs: 60_000 });
    expect(await all(registry)).toHaveLength(11);
    expect(joins).toBe(2);
    await registry.close();
  });

  it('are written once where the answer to a request is lost', async () => {
    const repeating = through({
      put: async (key, bytes) => {
        await store.put(key, bytes);
        throw new MosaicError('conflict', 'object-exists', 'the second request');
      },
    });
    const registry = await openMemoryRegistry({ store: repeating, pollMs: 60_000 });
    await registry.change([set(1)]);
    await registry.close();
    expect(await keys()).toHaveLength(1);
    expect(await known()).toEqual([line(1)]);
  });

  it('get another name where somebody else has taken the first', async () => {
    let isTaken = false;
    const taken = through({
      put: async (key, bytes) => {
        if (!isTaken) {
          isTaken = true;
          const other = Uint8Array.from(bytes);
          await store.put(key, other.fill(0, 24, 32));
        }
        return store.put(key, bytes);
      },
    });
    const objects = new ControlObjects({ store: taken, now: () => 1_800_000_000_000 });
    const { key } = await objects.put([{ name: Buffer.from('users\0a'), value: Buffer.of() }]);
    const names = await keys();
    expect(names).toHaveLength(2);
    expect(names).toContain(key);
  });

  it('that are damaged stop the start, and lose nothing else', async () => {
    await write([set(1)]);
    const [key = ''] = await keys();
    await store.put('control/20260101T000000000Z-00000001.facts', Buffer.from('nonsense'));
    await store.put('control/readme.txt', Buffer.from('not ours'));
    const corrupt = { kind: 'corrupt', code: 'control-object' };
    const error = await failureOf(openMemoryRegistry({ store }));
    expect(error).toMatchObject(corrupt);
    expect(String(error)).toContain('control/20260101T000000000Z-00000001.facts');
    const objects = new ControlObjects({ store, now: Date.now });
    expect(await failureOf(objects.join(true))).toMatchObject(corrupt);
    await store.delete(['control/20260101T000000000Z-00000001.facts']);
    expect(await keys()).toEqual([key, 'control/readme.txt']);
    expect(await known()).toEqual([line(1)]);
  });

  it('forget removals after 30 days, also for who was away for longer', async () => {
    let nowMs = 1_800_000_000_000;
    let isAway = false;
    const open = (pollMs: number) => openMemoryRegistry({ store, pollMs, now: () => nowMs });
    const away = await openMemoryRegistry({
      store: through({
        list: async (listing) => {
          if (isAway) throw new MosaicError('unavailable', 'store-failed', 'away');
          return store.list(listing);
        },
      }),
      pollMs: 20,
      now: () => nowMs,
    });
    const here = await open(60_000);
    await here.change([set(1), set(2)]);
    await expect.poll(() => all(away)).toHaveLength(2);
    isAway = true;
    await expect.poll(() => away.fault()).toBeDefined();
    await here.change([{ ...set(1), value: undefined }]);
    await here.compact();
    const [kept = ''] = await keys();
    expect((await store.get(kept)).length).toBeGreaterThan(90);
    nowMs += FORGET_MS + 1000;
    await here.change([set(3)]);
    await here.compact();
    const [left = ''] = await keys();
    expect(Buffer.from(await store.get(left)).includes('users\0\x01')).toBe(false);
    isAway = false;
    await expect.poll(() => all(away)).toEqual([line(2), line(3)]);
    await Promise.all([here.close(), away.close()]);
  });
});
