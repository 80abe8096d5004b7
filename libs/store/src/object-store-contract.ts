/** What every object store does, whatever it keeps its objects on. */
import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import { failureOf, itemAt } from './segment-log-fixture.ts';

/** Bounds that the suite asks for. */
export interface ContractStoreOptions {
  readonly requestsMax?: number;
  readonly requestsWaitingMax?: number;
}

/** How the suite opens a store. */
export interface ObjectStoreFixture {
  readonly name: string;
  /** Makes a place where nothing is yet, and returns how to open it, as often as wanted. */
  place(): Promise<(options?: ContractStoreOptions) => Promise<ObjectStore>>;
}

type Open = (options?: ContractStoreOptions) => Promise<ObjectStore>;

/** Registers the suite. */
export function describeObjectStore(fixture: ObjectStoreFixture): void {
  describe(fixture.name, () => {
    let openHere: Open;
    const opened: ObjectStore[] = [];
    const open: Open = async (options) => {
      const store = await openHere(options);
      opened.push(store);
      return store;
    };
    beforeEach(async () => {
      openHere = await fixture.place();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });
    describe('writing and reading', () => describeBytes(open));
    describe('writing once', () => describeWriteOnce(open));
    describe('listing and deleting', () => describeListing(open));
    describe('bounds', () => describeBounds(open));
  });
}

async function keysOf(store: ObjectStore, prefix: string, limit: number): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await store.list({ prefix, after, limit });
    expect(page.objects.length).toBeLessThanOrEqual(limit);
    for (const { key } of page.objects) keys.push(key);
    if (!page.hasMore) return keys;
    expect(page.objects.length).toBeGreaterThan(0);
    after = keys.at(-1);
  }
}

function describeBytes(open: Open): void {
  it('returns what was written, of every size', async () => {
    const store = await open();
    for (const length of [0, 1, 4095, 100_000, 5 * 1024 * 1024 + 3]) {
      const bytes = randomBytes(length);
      const key = `sizes/${length}`;
      await store.put(key, bytes);
      expect(Buffer.compare(await store.get(key), bytes)).toBe(0);
      expect(await store.head(key)).toMatchObject({ key, bytes: length });
    }
  });

  it('takes a view into a larger buffer', async () => {
    const store = await open();
    const larger = randomBytes(1000);
    await store.put('view', larger.subarray(301, 702));
    expect(Buffer.compare(await store.get('view'), larger.subarray(301, 702))).toBe(0);
  });

  it('returns ranges, cut off where the object ends', async () => {
    const store = await open();
    const bytes = randomBytes(1000);
    await store.put('ranges', bytes);
    const ranges = [
      [0, 1],
      [0, 1000],
      [17, 400],
      [999, 1000],
      [900, 2000],
      [1000, 1001],
      [5000, 6000],
      [10, 10],
    ] as const;
    for (const [start, end] of ranges) {
      const found = await store.get('ranges', { start, end });
      expect(Buffer.compare(found, bytes.subarray(start, end))).toBe(0);
    }
    await store.put('nothing', new Uint8Array(0));
    expect(await store.get('nothing', { start: 0, end: 10 })).toHaveLength(0);
  });

  it('hands out bytes that are the caller’s', async () => {
    const store = await open();
    const bytes = randomBytes(64);
    await store.put('mine', bytes);
    (await store.get('mine')).fill(0);
    expect(Buffer.compare(await store.get('mine'), bytes)).toBe(0);
  });

  it('says when an object was written', async () => {
    const store = await open();
    await store.put('young', randomBytes(4));
    const { modifiedAtMs = 0 } = (await store.head('young')) ?? {};
    expect(Math.abs(modifiedAtMs - Date.now())).toBeLessThan(30_000);
    const { objects } = await store.list({ prefix: 'young' });
    expect(objects).toMatchObject([{ key: 'young', bytes: 4 }]);
    expect(Math.abs((objects[0]?.modifiedAtMs ?? 0) - Date.now())).toBeLessThan(30_000);
  });

  it('says that an object is not there', async () => {
    const store = await open();
    const missing = { kind: 'not-found', code: 'object', retryable: false };
    expect(await failureOf(store.get('a/b'))).toMatchObject(missing);
    expect(await failureOf(store.get('a/b', { start: 0, end: 5 }))).toMatchObject(missing);
    expect(await store.head('a/b')).toBeUndefined();
  });

  it('refuses keys that not every store can hold', async () => {
    const store = await open();
    const bad = ['', '/', 'a/', '/a', 'a//b', '..', 'a/../b', '.new', 'ä', 'a b', 'a'.repeat(513)];
    for (const key of bad) {
      const refused = { kind: 'invalid', code: 'object-key' };
      expect(await failureOf(store.put(key, randomBytes(1)))).toMatchObject(refused);
      expect(await failureOf(store.get(key))).toMatchObject(refused);
      expect(await failureOf(store.delete([key]))).toMatchObject(refused);
    }
  });
}

function describeWriteOnce(open: Open): void {
  it('never overwrites', async () => {
    const store = await open();
    const bytes = randomBytes(100);
    await store.put('once', bytes);
    const exists = { kind: 'conflict', code: 'object-exists', retryable: false };
    expect(await failureOf(store.put('once', randomBytes(100)))).toMatchObject(exists);
    expect(await failureOf(store.put('once', bytes))).toMatchObject(exists);
    expect(Buffer.compare(await store.get('once'), bytes)).toBe(0);
  });

  it('lets one of many racing creators win, also from several openings', async () => {
    const stores = await Promise.all([open(), open()]);
    for (let round = 0; round < 5; round++) {
      const contents = Array.from({ length: 16 }, () => randomBytes(5000));
      const puts = contents.map((bytes, i) => itemAt(stores, i % 2).put(`race/${round}`, bytes));
      const results = await Promise.allSettled(puts);
      const winners = contents.filter((_, i) => results[i]?.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      const found = await itemAt(stores, 0).get(`race/${round}`);
      expect(winners.map((bytes) => Buffer.compare(bytes, found))).toEqual([0]);
    }
  });

  it('takes a key again after it was deleted', async () => {
    const store = await open();
    await store.put('again', randomBytes(10));
    await store.delete(['again']);
    await store.put('again', Uint8Array.of(1, 2, 3));
    expect([...(await store.get('again'))]).toEqual([1, 2, 3]);
  });
}

function describeListing(open: Open): void {
  it('lists in the order of the keys, in pages, from any key on', async () => {
    const store = await open();
    const keys = [
      'a-b',
      'a.b',
      'a0',
      'aB',
      'ab',
      'b/1',
      'b/10',
      'b/2',
      'b-1',
      'b0',
      'c/d/e/f',
      'c/d-e',
    ];
    await Promise.all(keys.map((key) => store.put(key, randomBytes(3))));
    const sorted = keys.toSorted();
    for (const limit of [1, 5, 1000]) expect(await keysOf(store, '', limit)).toEqual(sorted);
    for (const prefix of ['a', 'b/', 'b/1', 'c/d', 'c/d/', 'd', 'zz/']) {
      const expected = sorted.filter((key) => key.startsWith(prefix));
      expect(await keysOf(store, prefix, 2)).toEqual(expected);
    }
  });

  it('agrees with a sorted list, whatever is asked', async () => {
    const store = await open();
    const part = fc.stringMatching(/^[ab.-]{0,2}$/).map((text) => `x${text}`);
    const anyKey = fc
      .tuple(
        fc.array(
          part.map((text) => `${text}_/`),
          { maxLength: 2 },
        ),
        part,
      )
      .map(([folders, name]) => folders.join('') + name);
    const keys = [...new Set(fc.sample(anyKey, { numRuns: 40, seed: 7 }))].toSorted();
    await Promise.all(keys.map((key) => store.put(key, randomBytes(1))));
    const asked = fc.record({
      prefix: fc
        .nat()
        .chain((n) => fc.nat(6).map((length) => itemAt(keys, n % keys.length).slice(0, length))),
      after: fc.option(anyKey, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(asked, async ({ prefix, after, limit }) => {
        const expected = keys.filter((key) => key.startsWith(prefix) && key > (after ?? ''));
        const { objects, hasMore } = await store.list({ prefix, after, limit });
        expect(objects.map(({ key }) => key)).toEqual(expected.slice(0, limit));
        // A full page may be the last one all the same.
        if (expected.length !== limit) expect(hasMore).toBe(expected.length > limit);
      }),
      { numRuns: 60 },
    );
  });

  it('deletes many at once and passes over what is not there', async () => {
    const store = await open();
    const keys = Array.from({ length: 20 }, (_, i) => `many/${i}`);
    await Promise.all(keys.map((key) => store.put(key, randomBytes(2))));
    const missing = Array.from({ length: 1000 }, (_, i) => `missing/${i}`);
    await store.delete([...missing, ...keys.slice(1)]);
    expect(await keysOf(store, '', 1000)).toEqual(['many/0']);
    await store.delete([]);
    await store.delete(keys);
    expect(await keysOf(store, '', 1000)).toEqual([]);
  });

  it('refuses a listing that makes no sense', async () => {
    const store = await open();
    for (const limit of [0, 1001, 1.5]) {
      const refused = { kind: 'invalid', code: 'object-listing' };
      expect(await failureOf(store.list({ prefix: '', limit }))).toMatchObject(refused);
    }
  });
}

function describeBounds(open: Open): void {
  it('lets only so many calls wait', async () => {
    const store = await open({ requestsMax: 2, requestsWaitingMax: 3 });
    const puts = Array.from({ length: 10 }, (_, i) => store.put(`busy/${i}`, randomBytes(10)));
    const results = await Promise.allSettled(puts);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(5);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ kind: 'limited', code: 'store-busy', retryable: true });
    }
    expect(await keysOf(store, 'busy/', 1000)).toHaveLength(5);
  });

  it('gives up where the caller did', async () => {
    const store = await open();
    const error = await failureOf(
      store.put('given-up', randomBytes(10), { signal: AbortSignal.abort() }),
    );
    expect(error).toMatchObject({ kind: 'unavailable', code: 'store-aborted' });
    expect(await store.head('given-up')).toBeUndefined();
  });

  it('finishes what was accepted when it is closed, and does nothing more', async () => {
    const store = await open();
    const puts = Array.from({ length: 20 }, (_, i) => store.put(`closing/${i}`, randomBytes(100)));
    await Promise.all([store.close(), store.close()]);
    await Promise.all(puts);
    const closed = { kind: 'closed', code: 'store-closed' };
    expect(await failureOf(store.get('closing/1'))).toMatchObject(closed);
    expect(await failureOf(store.list({ prefix: '' }))).toMatchObject(closed);
    const again = await open();
    expect(await keysOf(again, 'closing/', 1000)).toHaveLength(20);
  });

  it('passes its own test and leaves nothing behind', async () => {
    const store = await open();
    await store.put('self-test/somebody-elses', randomBytes(1));
    await store.selfTest();
    await Promise.all([store.selfTest(), store.selfTest()]);
    expect(await keysOf(store, '', 1000)).toEqual(['self-test/somebody-elses']);
  });
}
