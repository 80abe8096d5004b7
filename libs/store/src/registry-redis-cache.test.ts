/** What a process may answer without asking Redis, and what it forgets first. */
import { expect, it } from 'vitest';
import { factName } from './fact-block.ts';
import { RegistryCache } from './registry-redis-cache.ts';

const VERSION = new Uint8Array(10);
const nameOf = (n: number, collection = 'users'): string =>
  factName(collection, Buffer.from(`key ${n}`)).toString('latin1');
const factOf = (name: string) => ({
  name: Buffer.from(name, 'latin1'),
  version: VERSION,
  value: VERSION,
});
const cacheOf = (entriesMax = 10): RegistryCache =>
  new RegistryCache({ entriesMax, freshMs: 700, graceMs: 60_000 });

it('keeps facts, however many names without one are asked for', () => {
  const cache = cacheOf();
  cache.heard(undefined, 0);
  const [known, other] = [Array.from({ length: 5 }, (_, n) => nameOf(n)), nameOf(5)];
  for (const name of known) cache.put(name, factOf(name), 0, 0);
  for (let n = 0; n < 100; n++) cache.put(nameOf(n, 'removed'), null, 0, 0);
  for (const name of known) expect(cache.fresh(name, 0)).toEqual(factOf(name));
  const missed = Array.from({ length: 100 }, (_, n) => nameOf(n, 'removed'));
  expect(missed.filter((name) => cache.fresh(name, 0) === null)).toEqual(missed.slice(95));
  cache.put(other, factOf(other), 0, 0);
  expect([...known, other].filter((name) => cache.fresh(name, 0))).toHaveLength(5);
  expect(cache.fresh(other, 0)).toBeDefined();
});

it('has all the room for whatever there is', () => {
  for (const fact of [null, factOf(nameOf(0))]) {
    const cache = cacheOf();
    cache.heard(undefined, 0);
    const names = Array.from({ length: 20 }, (_, n) => nameOf(n));
    for (const name of names) cache.put(name, fact, 0, 0);
    expect(names.filter((name) => cache.fresh(name, 0) !== undefined)).toEqual(names.slice(10));
  }
});

it('counts a removed fact as a name without one', () => {
  const cache = cacheOf(2);
  cache.heard(undefined, 0);
  cache.put(nameOf(0), factOf(nameOf(0)), 0, 0);
  for (const n of [1, 2]) cache.put(nameOf(n), { ...factOf(nameOf(n)), value: undefined }, 0, 0);
  expect([0, 1, 2].map((n) => cache.fresh(nameOf(n), 0) !== undefined)).toEqual([
    true,
    false,
    true,
  ]);
});

it('knows that collections are empty for as long as what it remembers', () => {
  const cache = cacheOf();
  expect(cache.isEmpty('removed', 0)).toBe(false);
  cache.heard(new Set(['users']), 1_000);
  expect([cache.isEmpty('removed', 1_700), cache.isEmpty('removed', 1_701)]).toEqual([true, false]);
  expect(cache.isEmpty('users', 1_000)).toBe(false);
  expect(cache.stale(nameOf(1, 'removed'), 61_000)).toBeNull();
  expect(cache.stale(nameOf(1, 'removed'), 61_001)).toBeUndefined();
  expect(cache.stale(nameOf(1), 1_000)).toBeUndefined();
  cache.heard(undefined, 2_000);
  expect(cache.isEmpty('removed', 2_000)).toBe(false);
  expect(cache.stale(nameOf(1, 'removed'), 2_000)).toBeUndefined();
});

it('takes no collection for empty that it has changed, whatever it hears', () => {
  const cache = cacheOf();
  cache.drop([nameOf(1, 'removed')]);
  cache.heard(new Set(), 0);
  expect([cache.isEmpty('removed', 0), cache.isEmpty('users', 0)]).toEqual([false, true]);
  expect(cache.stale(nameOf(2, 'removed'), 0)).toBeUndefined();
});

it('takes none for empty once it has changed more than 64', () => {
  const cache = cacheOf();
  cache.heard(new Set(), 0);
  const change = (n: number): void => cache.drop([nameOf(0, `c-${n}`)]);
  for (let n = 0; n < 64; n++) change(n);
  expect([cache.isEmpty('c-64', 0), cache.isEmpty('users', 0)]).toEqual([true, true]);
  for (let n = 64; n < 100; n++) change(n);
  expect([cache.isEmpty('c-99', 0), cache.isEmpty('users', 0)]).toEqual([false, false]);
});
