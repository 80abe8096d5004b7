/** Random changes to a record index, and the same answers as its model gives. */
import { compareBytes, hexEncode } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type IndexAddition,
  type IndexEntry,
  type IndexPath,
  POSITION_BYTES,
  type RecordIndex,
  type ScanRange,
} from './record-index.ts';
import {
  additionOf,
  keyNumber,
  kindNumber,
  PLAIN_SPEC,
  present,
  recordOf,
  type RecordSpec,
  tagNumber,
} from './record-index-fixture.ts';
import { type ModelEntry, ModelIndex } from './record-index-model.ts';

/** An empty index for a test. */
export interface IndexUnderTest {
  readonly index: RecordIndex;
  /** Closes it and opens what it kept. */
  reopen(): Promise<RecordIndex>;
  /** Closes it and removes what it kept. */
  destroy(): Promise<void>;
}

/** All of a path. */
export const EVERYTHING: ScanRange = { limit: 1_000_000 };

/** An entry in plain values, to compare. */
export function plainEntry(entry: IndexEntry): ModelEntry {
  const { position, location, held } = entry;
  return { position: hexEncode(position), location: hexEncode(location), held };
}

/** Scans, all of the path unless a range is given. */
export async function scan(
  index: RecordIndex,
  path: IndexPath,
  range: ScanRange = EVERYTHING,
): Promise<ModelEntry[]> {
  return (await index.scan(path, range)).map(plainEntry);
}

/** Declares the comparison. */
export function describeAgainstModel(
  name: string,
  open: () => Promise<IndexUnderTest>,
  runs: number,
): void {
  describe(`record index against its model: ${name}`, () => {
    it('gives the same answers after any changes', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(command, { maxLength: 12, size: 'max' }),
          checks,
          async (commands, ranges) => {
            const subject = await open();
            try {
              const model = new ModelIndex();
              for (const each of commands) await run(each, subject.index, model);
              await compare(subject.index, model, ranges);
            } finally {
              await subject.destroy();
            }
          },
        ),
        { numRuns: runs },
      );
    });
  });
}

/** Declares that calls take effect in their order, also where nobody awaits the one before. */
export function describeOrderedCalls(
  name: string,
  open: () => Promise<IndexUnderTest>,
  runs: number,
): void {
  describe(`calls to a record index at the same time: ${name}`, () => {
    it('take effect one after the other, in their order', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 8, size: 'max' }), async (commands) => {
          const subject = await open();
          try {
            const model = new ModelIndex();
            await Promise.all(commands.map((each) => run(each, subject.index, model)));
            await compare(subject.index, model, []);
          } finally {
            await subject.destroy();
          }
        }),
        { numRuns: runs },
      );
    });
  });
}

const spec: fc.Arbitrary<RecordSpec> = fc.record({
  timestamp: fc.nat({ max: 60 }),
  author: fc.nat({ max: 2 }),
  signer: fc.nat({ max: 2 }),
  kind: fc.nat({ max: 3 }),
  nonce: fc.nat({ max: 4 }),
  tags: fc.array(fc.nat({ max: 11 }), { maxLength: 4, size: 'max' }),
});

/** Which record an addition says it replaces. */
const claim = fc.constantFrom('right', 'right', 'none', 'wrong');

const command = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    specs: fc.array(fc.tuple(spec, claim, fc.boolean(), fc.nat({ max: 9 })), {
      maxLength: 40,
      size: 'max',
    }),
  }),
  /** Many of one author and kind: enough to split pages, in any direction of time. */
  fc.record({
    do: fc.constant('burst' as const),
    base: spec,
    count: fc.integer({ min: 20, max: 300 }),
    step: fc.constantFrom(1, -1, 0, 7),
  }),
  /** Takes out a part of all that is there, or every second or third of it. */
  fc.record({
    do: fc.constant('sweep' as const),
    start: fc.double({ min: 0, max: 1, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    every: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    do: fc.constant('repeat' as const),
    picks: fc.array(fc.nat(), { maxLength: 10, size: 'max' }),
  }),
  fc.record({
    do: fc.constant('release' as const),
    picks: fc.array(fc.nat(), { maxLength: 60, size: 'max' }),
  }),
  fc.record({
    do: fc.constant('remove' as const),
    picks: fc.array(fc.nat(), { maxLength: 150, size: 'max' }),
  }),
);

type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function run(each: Command, index: RecordIndex, model: ModelIndex): Promise<void> {
  const there = model.all;
  if (each.do === 'remove' || each.do === 'sweep') {
    const records = each.do === 'sweep' ? sweptBy(each, there) : picked(each.picks, there);
    model.remove(records);
    await index.remove(records);
    return;
  }
  if (each.do === 'release') {
    const ids = picked(each.picks, there).map(({ record }) => record.id);
    model.release(ids);
    await index.release(ids);
    return;
  }
  const additions = additionsOf(each, there, model);
  const expected = model.add(additions);
  expect(await index.add(additions)).toEqual(expected);
}

function picked(picks: readonly number[], there: readonly IndexAddition[]): IndexAddition[] {
  return picks.flatMap((pick) => there[pick % there.length] ?? []);
}

function sweptBy(
  { start, share, every }: Extract<Command, { do: 'sweep' }>,
  there: readonly IndexAddition[],
): IndexAddition[] {
  const sorted = [...there].sort((a, b) => compareBytes(a.record.id, b.record.id));
  const first = Math.floor(start * sorted.length);
  const count = Math.ceil(share * sorted.length);
  return sorted.slice(first, first + count).filter((_, n) => n % every === 0);
}

function additionsOf(
  each: Exclude<Command, { do: 'remove' | 'release' | 'sweep' }>,
  there: readonly IndexAddition[],
  model: ModelIndex,
): IndexAddition[] {
  if (each.do === 'repeat') return picked(each.picks, there);
  if (each.do === 'burst') {
    const { base, count, step } = each;
    return Array.from({ length: count }, (_, n) => {
      const timestamp = 1_000 + base.timestamp + n * step;
      const spec = { ...base, timestamp, nonce: 100 + n };
      return additionOf(spec, { receivedAt: BigInt(1_000 + n), location: Uint8Array.of(n) });
    });
  }
  return each.specs.map(([spec, claim, held, n]) => {
    const addition = additionOf(spec, {
      held,
      receivedAt: BigInt(n),
      location: new Uint8Array(n).fill(n),
    });
    if (claim === 'none') return addition;
    const replaces = claim === 'right' ? model.holder(addition.record.address) : there[0];
    return replaces === undefined ? addition : { ...addition, replaces };
  });
}

/** Bounds by number of an entry of the path, or a position that is not there. */
const bound = fc.option(fc.oneof(fc.nat(), fc.uint8Array({ maxLength: POSITION_BYTES })), {
  nil: undefined,
});
const checks = fc.array(
  fc.record({ below: bound, from: bound, limit: fc.oneof(fc.nat({ max: 70 }), fc.nat()) }),
  { minLength: 3, maxLength: 6 },
);
type Check = typeof checks extends fc.Arbitrary<(infer T)[]> ? T : never;

const PATHS: readonly IndexPath[] = [
  { path: 'all' },
  { path: 'received' },
  { path: 'held' },
  ...[0, 1, 2].flatMap((n): IndexPath[] => [
    { path: 'author', author: keyNumber(n) },
    { path: 'signing-key', signingKey: keyNumber(n) },
    { path: 'author-kind', author: keyNumber(n), kind: kindNumber(1) },
    { path: 'author-kind', author: keyNumber(n), kind: kindNumber(0) },
  ]),
  ...[0, 1, 2, 3].map((n): IndexPath => ({ path: 'kind', kind: kindNumber(n) })),
  ...Array.from({ length: 12 }, (_, n): IndexPath => ({ path: 'tag', tag: tagNumber(n) })),
  ...Array.from({ length: 5 }, (_, nonce): IndexPath => {
    const { address } = recordOf({ ...PLAIN_SPEC, kind: 1, nonce });
    return { path: 'address', address };
  }),
];

async function compare(
  index: RecordIndex,
  model: ModelIndex,
  ranges: readonly Check[],
): Promise<void> {
  expect(await index.count()).toBe(model.count);
  const ids = model.all.map(({ record }) => record.id);
  const looked = await index.lookup(ids);
  expect(looked.map((entry) => plainEntry(present(entry)))).toEqual(
    ids.map((id) => model.lookup(id)),
  );
  for (const path of PATHS) {
    const whole = model.scan(path, EVERYTHING);
    expect(await scan(index, path), path.path).toEqual(whole);
    for (const { below, from, limit } of ranges) {
      const range = { below: boundOf(below, whole), from: boundOf(from, whole), limit };
      expect(await scan(index, path, range), path.path).toEqual(model.scan(path, range));
    }
    expect(await pageThrough(index, path), path.path).toEqual(whole);
  }
}

function boundOf(
  bound: number | Uint8Array | undefined,
  whole: readonly ModelEntry[],
): Uint8Array | undefined {
  if (typeof bound !== 'number') return bound;
  const entry = whole[bound % whole.length];
  return entry === undefined ? undefined : Uint8Array.from(Buffer.from(entry.position, 'hex'));
}

async function pageThrough(index: RecordIndex, path: IndexPath): Promise<ModelEntry[]> {
  const entries: ModelEntry[] = [];
  let below: Uint8Array | undefined;
  for (;;) {
    const page = await index.scan(path, { below, limit: 17 });
    entries.push(...page.map(plainEntry));
    if (page.length < 17) return entries;
    below = present(page[16]).position;
  }
}
