/** What every registry must do, as a test suite that each adapter runs. */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import type { Fact, FactChange, Registry } from './registry.ts';
import { failureOf } from './segment-log-fixture.ts';

/** Where the registries of one test keep what they know. */
export interface RegistryPlace {
  readonly store: ObjectStore;
  /** Opens a registry, as another process would. */
  open(options?: { readonly now?: () => number }): Promise<Registry>;
  /** Has everything but the object store forgotten. */
  forget(): Promise<void>;
}

/** How the suite gets an empty place. */
export interface RegistryFixture {
  readonly name: string;
  place(): Promise<RegistryPlace>;
  /** How many sequences of random changes are compared with the model. */
  readonly runs: number;
}

const key = (n: number): Uint8Array => Uint8Array.of(0, n, 0xff, 10);
const text = (value: string): Uint8Array => Buffer.from(value);
const set = (n: number, value: string, collection = 'users'): FactChange => ({
  collection,
  key: key(n),
  value: text(value),
});
const remove = (n: number, collection = 'users'): FactChange => ({
  collection,
  key: key(n),
  value: undefined,
});

/** Facts as lines, to compare. */
export function lines(facts: readonly (Fact | undefined)[]): (string | undefined)[] {
  return facts.map(
    (fact) =>
      fact && `${Buffer.from(fact.key).toString('hex')}=${Buffer.from(fact.value).toString()}`,
  );
}

function sorted(found: readonly (string | undefined)[]): (string | undefined)[] {
  return found.toSorted((a = '', b = '') => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** All of a collection, page by page. */
export async function all(registry: Registry, collection = 'users', limit = 1000) {
  const found: Fact[] = [];
  for (let after: Uint8Array | undefined; ; ) {
    const { facts, hasMore } = await registry.list({ collection, after, limit });
    expect(facts.length).toBeLessThanOrEqual(limit);
    found.push(...facts);
    if (!hasMore) return lines(found);
    expect(facts.length).toBeGreaterThan(0);
    after = facts.at(-1)?.key;
  }
}

/** Declares the suite. */
export function describeRegistry(fixture: RegistryFixture): void {
  describe(`registry: ${fixture.name}`, () => {
    let place: RegistryPlace;
    const opened: Registry[] = [];
    const open: RegistryPlace['open'] = async (options) => {
      const registry = await place.open(options);
      opened.push(registry);
      return registry;
    };
    beforeEach(async () => {
      place = await fixture.place();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((registry) => registry.close()));
    });
    describe('facts', () => describeFacts(open));
    describe('several processes', () => describeProcesses(open, () => place));
    describe('against its model', () => {
      it('gives the same answers after any changes by anybody', { timeout: 120_000 }, async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(step, { minLength: 4, maxLength: 16, size: 'max' }),
            async (steps) => {
              place = await fixture.place();
              await followSteps(steps, place, open);
              await Promise.all(opened.splice(0).map((registry) => registry.close()));
            },
          ),
          { numRuns: fixture.runs },
        );
      });
    });
  });
}

function describeFacts(open: RegistryPlace['open']): void {
  it('knows nothing at first', async () => {
    const registry = await open();
    expect(await registry.get('users', [key(1), key(2)])).toEqual([undefined, undefined]);
    expect(await all(registry)).toEqual([]);
    expect(registry.fault()).toBeUndefined();
  });

  it('knows what was said, at once and after it was opened again', async () => {
    const registry = await open();
    const before = Date.now();
    const changes = [set(1, 'one'), set(2, ''), set(1, 'other', 'decisions'), set(3, 'x')];
    const { isInEffect, changedAtMs } = await registry.change(changes);
    expect(isInEffect).toBe(true);
    expect(changedAtMs).toBeGreaterThanOrEqual(before);
    const check = async (each: Registry): Promise<void> => {
      const found = await each.get('users', [key(2), key(9), key(1)]);
      expect(lines(found)).toEqual(['0002ff0a=', undefined, '0001ff0a=one']);
      expect(found[2]).toMatchObject({ collection: 'users', changedAtMs });
      expect(lines(await each.get('decisions', [key(1), key(2)]))).toEqual([
        '0001ff0a=other',
        undefined,
      ]);
      expect(await all(each)).toEqual(['0001ff0a=one', '0002ff0a=', '0003ff0a=x']);
    };
    await check(registry);
    await registry.close();
    await check(await open());
  });

  it('changes and removes, and the last of one call counts', async () => {
    const registry = await open();
    await registry.change([set(1, 'a'), set(2, 'b')]);
    await registry.change([set(1, 'c'), remove(2), remove(3), set(4, 'd'), remove(4), set(4, 'e')]);
    expect(await all(registry)).toEqual(['0001ff0a=c', '0004ff0a=e']);
    expect(lines(await registry.get('users', [key(2), key(4)]))).toEqual([undefined, '0004ff0a=e']);
    await registry.change([set(2, 'f')]);
    expect(await all(registry)).toEqual(['0001ff0a=c', '0002ff0a=f', '0004ff0a=e']);
    await registry.change([]);
  });

  it('remembers without asking', async () => {
    const registry = await open();
    const remembered = async (n: number): Promise<unknown> => {
      await registry.get('users', [key(1), key(2)]);
      const fact = registry.peek('users', key(n));
      return fact && Buffer.from(fact.value).toString();
    };
    // A process learns of its own changes once more, and then asks again.
    await registry.change([set(1, 'a')]);
    await expect.poll(() => remembered(1)).toBe('a');
    await expect.poll(() => remembered(2)).toBeNull();
    await registry.change([remove(1), set(2, 'b')]);
    await expect.poll(() => remembered(1)).toBeNull();
    await expect.poll(() => remembered(2)).toBe('b');
  });

  it('keeps keys and values of every length and byte', async () => {
    const registry = await open();
    const bytes = (length: number, first: number): Uint8Array =>
      Uint8Array.from({ length }, (_, i) => first + i);
    const changes = [
      [1, 0],
      [256, 4096],
      [48, 1],
      [2, 64],
      [3, 65],
    ].map(([keyBytes = 1, valueBytes = 0], i) => ({
      collection: 'users',
      key: bytes(keyBytes, i),
      value: bytes(valueBytes, i),
    }));
    await registry.change(changes);
    const found = await (await open()).get(
      'users',
      changes.map((change) => change.key),
    );
    expect(found.map((fact) => fact && [...fact.value])).toEqual(
      changes.map(({ value }) => [...value]),
    );
  });

  it('lists in the order of the keys, in pages of any size', async () => {
    const registry = await open();
    await registry.change(Array.from({ length: 100 }, (_, n) => set((n * 37) % 100, `${n}`)));
    await registry.change([set(5, 'not of it', 'user'), set(5, 'nor this', 'users-2')]);
    await registry.change(Array.from({ length: 10 }, (_, n) => remove(n * 10)));
    const found = await all(registry);
    expect(found).toHaveLength(90);
    expect(found).toEqual(sorted(found));
    for (const limit of [1, 7, 90, 91]) expect(await all(registry, 'users', limit)).toEqual(found);
  });

  it('takes many changes at once', async () => {
    const registry = await open();
    const many = Array.from({ length: 200 }, (_, n) => registry.change([set(n, `${n}`)]));
    const results = await Promise.all(many);
    expect(new Set(results.map((each) => each.changedAtMs)).size).toBeLessThan(20);
    expect(await all(registry)).toHaveLength(200);
  });

  it('refuses what is no fact', async () => {
    const registry = await open();
    const refused = { kind: 'invalid', code: 'registry-fact' };
    const value = new Uint8Array(1);
    const bad: FactChange[] = [
      { collection: 'Users', key: key(1), value },
      { collection: '', key: key(1), value },
      { collection: 'u'.repeat(33), key: key(1), value },
      { collection: 'users', key: new Uint8Array(0), value },
      { collection: 'users', key: new Uint8Array(257), value },
      { collection: 'users', key: key(1), value: new Uint8Array(4097) },
    ];
    for (const change of bad) {
      expect(await failureOf(registry.change([set(1, 'a'), change]))).toMatchObject(refused);
    }
    expect(await failureOf(registry.get('Users', [key(1)]))).toMatchObject(refused);
    expect(await failureOf(registry.get('users', [new Uint8Array(0)]))).toMatchObject(refused);
    const manyKeys = Array.from({ length: 1001 }, () => key(1));
    expect(await failureOf(registry.get('users', manyKeys))).toMatchObject(refused);
    for (const limit of [0, 1001, 1.5]) {
      const listing = { collection: 'users', limit };
      expect(await failureOf(registry.list(listing))).toMatchObject(refused);
    }
    expect(await all(registry)).toEqual([]);
  });

  it('finishes what was accepted when it is closed, and does nothing more', async () => {
    const registry = await open();
    const changes = [registry.change([set(1, 'a')]), registry.change([set(2, 'b')])];
    await Promise.all([registry.close(), registry.close()]);
    await Promise.all(changes);
    const closed = { kind: 'closed', code: 'registry-closed' };
    expect(await failureOf(registry.change([set(1, 'b')]))).toMatchObject(closed);
    expect(await failureOf(registry.get('users', [key(1)]))).toMatchObject(closed);
    expect(await failureOf(registry.list({ collection: 'users' }))).toMatchObject(closed);
    expect(await all(await open())).toEqual(['0001ff0a=a', '0002ff0a=b']);
  });
}

function describeProcesses(open: RegistryPlace['open'], here: () => RegistryPlace): void {
  it('sees within a second what another one changed', async () => {
    const [one, other] = [await open(), await open()];
    expect(await all(other)).toEqual([]);
    for (const value of ['a', 'b', undefined, 'c']) {
      expect(await other.get('users', [key(1)])).toHaveLength(1);
      await one.change([value === undefined ? remove(1) : set(1, value)]);
      const expected = value === undefined ? [undefined] : [`0001ff0a=${value}`];
      await expect
        .poll(async () => lines(await other.get('users', [key(1)])), {
          timeout: 1_000,
          interval: 20,
        })
        .toEqual(expected);
    }
  });

  it('sees within a second what another one put where nothing was', async () => {
    const [one, other] = [await open(), await open()];
    for (const collection of ['first', 'second']) {
      expect(lines(await other.get(collection, [key(1)]))).toEqual([undefined]);
      await one.change([set(1, 'a', collection)]);
      expect(lines(await one.get(collection, [key(1), key(2)]))).toEqual(['0001ff0a=a', undefined]);
      await expect
        .poll(async () => lines(await other.get(collection, [key(1)])), {
          timeout: 1_000,
          interval: 20,
        })
        .toEqual(['0001ff0a=a']);
    }
  });

  it('has the later change win, whatever the clocks say', async () => {
    const ahead = await open({ now: () => Date.now() + 86_400_000 });
    const behind = await open({ now: () => Date.now() - 86_400_000 });
    await ahead.change([set(1, 'ahead')]);
    await behind.change([set(1, 'behind')]);
    expect(lines(await behind.get('users', [key(1)]))).toEqual(['0001ff0a=behind']);
    await ahead.change([set(2, 'ahead')]);
    const fresh = await open();
    expect(await all(fresh)).toEqual(['0001ff0a=behind', '0002ff0a=ahead']);
    await fresh.compact();
    await behind.change([remove(2)]);
    expect(await all(await open())).toEqual(['0001ff0a=behind']);
  });

  it('agrees on one of two racing changes', async () => {
    const registries = [await open(), await open(), await open()];
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        registries.map((registry, i) => registry.change([set(1, `${round}.${i}`)])),
      );
    }
    const truth = await all(await open());
    expect(truth[0]).toMatch(/=4\.\d$/);
    for (const registry of registries) {
      await expect.poll(() => all(registry), { timeout: 2_000 }).toEqual(truth);
    }
  });

  it('loses nothing while several compact and change', async () => {
    const registries = [await open(), await open(), await open()];
    const work = registries.map(async (registry, i) => {
      for (let n = 0; n < 20; n++) {
        await registry.change([set(n, `${i}`, `mine-${i}`), set(n, `${i}`)]);
        if (n % 3 === i) await registry.compact();
      }
    });
    await Promise.all(work);
    const fresh = await open();
    for (const i of [0, 1, 2]) expect(await all(fresh, `mine-${i}`)).toHaveLength(20);
    const truth = await all(fresh);
    expect(truth).toHaveLength(20);
    for (const registry of registries) {
      await expect.poll(() => all(registry), { timeout: 2_000 }).toEqual(truth);
    }
    await fresh.compact();
    const { objects } = await here().store.list({ prefix: 'control/' });
    expect(objects).toHaveLength(1);
    expect(await all(await open())).toEqual(truth);
  });

  it('joins control objects by itself when there are many', async () => {
    const registry = await open();
    for (let n = 0; n < 70; n++) await registry.change([set(n, 'a')]);
    const count = async (): Promise<number> =>
      (await here().store.list({ prefix: 'control/' })).objects.length;
    await expect.poll(count, { timeout: 10_000 }).toBeLessThan(32);
    expect(await all(await open())).toHaveLength(70);
  });

  it('knows everything again after all but the objects was forgotten', async () => {
    const registry = await open();
    await registry.change([set(1, 'a'), set(2, 'b')]);
    await registry.compact();
    await registry.change([set(3, 'c'), remove(1)]);
    await here().forget();
    const truth = ['0002ff0a=b', '0003ff0a=c'];
    expect(await all(await open())).toEqual(truth);
    await expect.poll(() => all(registry).catch(() => []), { timeout: 10_000 }).toEqual(truth);
    expect(lines(await registry.get('users', [key(1), key(2)]))).toEqual([undefined, truth[0]]);
  });
}

type Step =
  | { readonly does: 'change'; readonly who: number; readonly changes: readonly FactChange[] }
  | { readonly does: 'compact' | 'reopen'; readonly who: number }
  | { readonly does: 'forget' };

const who = fc.integer({ min: 0, max: 1 });
const change = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom('users', 'bans'), fc.option(fc.string()))
  .map(([n, collection, value]) =>
    value === null ? remove(n, collection) : set(n, value, collection),
  );
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('change' as const),
      who,
      changes: fc.array(change, { maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('compact', 'reopen'), who }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('forget' as const) }) },
);

async function followSteps(
  steps: readonly Step[],
  place: RegistryPlace,
  open: RegistryPlace['open'],
): Promise<void> {
  const model = new Map<string, Map<string, string>>();
  const modelOf = (collection: string): Map<string, string> => {
    const facts = model.get(collection) ?? new Map<string, string>();
    model.set(collection, facts);
    return facts;
  };
  const expected = (collection: string): (string | undefined)[] =>
    sorted([...modelOf(collection)].map((pair) => pair.join('=')));
  const registries = [await open(), await open()];
  for (const each of steps) {
    if (each.does === 'forget') {
      await place.forget();
      continue;
    }
    let registry = registries[each.who]!;
    if (each.does === 'compact') await registry.compact();
    if (each.does === 'reopen') {
      await registry.close();
      registry = await open();
      registries[each.who] = registry;
      for (const collection of ['users', 'bans']) {
        expect(sorted(await all(registry, collection))).toEqual(expected(collection));
      }
    }
    if (each.does !== 'change') continue;
    await registry.change(each.changes);
    for (const { collection, key: changed, value } of each.changes) {
      const name = Buffer.from(changed).toString('hex');
      if (value === undefined) modelOf(collection).delete(name);
      else modelOf(collection).set(name, Buffer.from(value).toString());
    }
    for (const { collection, key: changed } of each.changes) {
      const known = modelOf(collection).get(Buffer.from(changed).toString('hex'));
      const [fact] = await registry.get(collection, [changed]);
      expect(fact && Buffer.from(fact.value).toString()).toBe(known);
    }
  }
  for (const registry of [...registries, await open()]) {
    for (const collection of ['users', 'bans']) {
      await expect
        .poll(async () => sorted(await all(registry, collection)), { timeout: 5_000 })
        .toEqual(expected(collection));
    }
  }
}
