/** Every subscription that a record may concern is found, and few others. */
import type { LiveInterest } from '@mosaic-cluster/bus';
import {
  buildFilter,
  compileFilter,
  type FilterElementInput,
  hexEncode,
  type TagInput,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interestKeys } from './interest-choice.ts';
import { type Filed, InterestIndex } from './interest-index.ts';
import { fakeKey, fakeRecord, KIND, notifyTag } from '@mosaic-cluster/protocol/testing';
import { at, quiet } from '../../testing/test-gateway.ts';

const KEYS = [1, 2, 3].map((number) => fakeKey(number));
const KINDS = [KIND.everybody, KIND.everybodyToo];
const TAGS: readonly TagInput[] = [
  ...KEYS.map((key) => notifyTag(key)),
  { type: 0x01, value: new Uint8Array(0) },
  { type: 0x99, value: Uint8Array.of(1, 2, 3) },
  { type: 0x99, value: new Uint8Array(0) },
];

const some = <T>(from: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...from), { maxLength: 3 });

const element: fc.Arbitrary<FilterElementInput> = fc.oneof(
  some(KEYS).map((keys): FilterElementInput => ({ name: 'authors', keys })),
  some(KEYS).map((keys): FilterElementInput => ({ name: 'signingKeys', keys })),
  some(KINDS).map((kinds): FilterElementInput => ({ name: 'kinds', kinds })),
  some(TAGS).map((tags): FilterElementInput => ({ name: 'includedTags', tags })),
  some(TAGS).map((tags): FilterElementInput => ({ name: 'excludedTags', tags })),
  some([1n, 2n]).map((list): FilterElementInput => ({ name: 'timestamps', timestamps: list })),
  fc.constant<FilterElementInput>({ name: 'since', timestamp: 2n }),
);
const filter = fc
  .array(element, { minLength: 1, maxLength: 4 })
  .map((elements) => buildFilter(elements))
  .filter(({ isNarrow }) => isNarrow);
const record = fc
  .record({
    timestamp: fc.integer({ min: 1, max: 3 }),
    author: fc.constantFrom(...KEYS),
    signingKey: fc.constantFrom(...KEYS),
    kind: fc.constantFrom(...KINDS),
    tags: fc.array(fc.constantFrom(...TAGS), { maxLength: 4 }),
  })
  .map((fields) => fakeRecord(fields));

class Listener {
  readonly wanted = new Map<string, number>();

  async add(interest: LiveInterest): Promise<void> {
    this.#count(interest, 1);
  }

  remove(interest: LiveInterest): void {
    this.#count(interest, -1);
  }

  #count(interest: LiveInterest, by: number): void {
    const name = JSON.stringify(interest, (_key, value: unknown) =>
      value instanceof Uint8Array ? hexEncode(value) : value,
    );
    const count = (this.wanted.get(name) ?? 0) + by;
    if (count === 0) this.wanted.delete(name);
    else this.wanted.set(name, count);
  }
}

describe('the interest index', () => {
  test('finds every filter that a record matches, once, before and after removals', async () => {
    const filters = fc.array(fc.tuple(filter, fc.boolean()), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(filters, fc.array(record, { maxLength: 5 }), async (entries, records) => {
        const listener = new Listener();
        const filed = entries.map(([filter, isRemoved]) => ({
          lookUp: 0,
          filter,
          isRemoved,
          keys: interestKeys(filter),
        }));
        const index = new InterestIndex<(typeof filed)[number]>(listener);
        await Promise.all(filed.map((entry) => index.add(entry, entry.keys)));
        for (const entry of filed) if (entry.isRemoved) index.remove(entry, entry.keys);
        const kept = filed.filter(({ isRemoved }) => !isRemoved);
        for (const record of records) {
          const found: (typeof filed)[number][] = [];
          index.lookUp(record, found);
          expect(new Set(found).size).toBe(found.length);
          expect(found.every((entry) => kept.includes(entry))).toBe(true);
          for (const entry of kept) {
            const matches = compileFilter(entry.filter).matches(record, 0n);
            if (matches) expect(found).toContain(entry);
          }
        }
        await quiet();
        expect([...listener.wanted.values()].every((count) => count > 0)).toBe(true);
        for (const entry of kept) index.remove(entry, entry.keys);
        await quiet();
        expect(listener.wanted.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('asks the bus once for what many want', async () => {
    const listener = new Listener();
    const index = new InterestIndex<Filed>(listener);
    const keys = interestKeys(buildFilter([{ name: 'authors', keys: [at(KEYS, 0)] }]));
    await Promise.all(Array.from({ length: 9 }, () => index.add({ lookUp: 0 }, keys)));
    expect([...listener.wanted.values()]).toEqual([1]);
  });
});

describe('a filter is filed under', () => {
  const authors: FilterElementInput = { name: 'authors', keys: KEYS };
  const signingKeys: FilterElementInput = { name: 'signingKeys', keys: KEYS };
  const kinds: FilterElementInput = { name: 'kinds', kinds: [KIND.everybody] };
  const oneTag: FilterElementInput = { name: 'includedTags', tags: TAGS.slice(0, 1) };
  const tags: FilterElementInput = { name: 'includedTags', tags: TAGS };
  const none: FilterElementInput = { name: 'authors', keys: [] };
  test.each([
    ['author', 3, [kinds, authors]],
    ['signingKey', 3, [authors, signingKeys, kinds]],
    ['tag', 1, [authors, kinds, tags, oneTag]],
    ['author', 3, [tags, authors]],
    ['kind', 1, [kinds]],
    ['timestamp', 1, [oneTag, { name: 'timestamps', timestamps: [1n] }]],
    ['nothing', 0, [none, oneTag]],
    ['author', 3, [authors, none]],
  ] as const)('%s: %i keys', (name, count, elements) => {
    const keys = interestKeys(buildFilter(elements));
    expect(keys).toHaveLength(count);
    expect(keys.every((key) => key.name === name)).toBe(true);
  });
});
