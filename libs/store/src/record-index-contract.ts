/** What every record index must do, as a test suite that each adapter runs. */
import {
  attestSubkey,
  buildKeySchedule,
  buildRecord,
  compareBytes,
  coreTag,
  encodeTimestamp,
  hexEncode,
  publicKeyOf,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
import { type ModelEntry, ModelIndex, positionOf } from './record-index-model.ts';

/** An empty index for a test. */
export interface IndexUnderTest {
  readonly index: RecordIndex;
  /** Closes it and opens what it kept. */
  reopen(): Promise<RecordIndex>;
  /** Closes it and removes what it kept. */
  destroy(): Promise<void>;
}

const NOTIFIED_SECRET = new Uint8Array(32).fill(0x21);
const SUBKEY_SECRET = new Uint8Array(32).fill(0x22);
const EVERYTHING: ScanRange = { limit: 1_000_000 };

/** An entry in plain values, to compare. */
export function plainEntry(entry: IndexEntry): ModelEntry {
  const { position, location, held } = entry;
  return { position: hexEncode(position), location: hexEncode(location), held };
}

async function scan(
  index: RecordIndex,
  path: IndexPath,
  range: ScanRange = EVERYTHING,
): Promise<ModelEntry[]> {
  return (await index.scan(path, range)).map(plainEntry);
}

function timesOf(entries: readonly ModelEntry[]): number[] {
  return entries.map(({ position }) => Number.parseInt(position.slice(0, 16), 16));
}

/** Declares the suite. */
export function describeRecordIndex(name: string, open: () => Promise<IndexUnderTest>): void {
  describe(`record index: ${name}`, () => {
    let subject: IndexUnderTest;
    let index: RecordIndex;
    beforeEach(async () => {
      subject = await open();
      ({ index } = subject);
    });
    afterEach(() => subject.destroy());

    it('is empty at first', async () => {
      expect(await index.count()).toBe(0);
      expect(await index.appliedTo()).toBeUndefined();
      expect(await scan(index, { path: 'all' })).toEqual([]);
      expect(await scan(index, { path: 'received' })).toEqual([]);
      expect(await index.lookup([recordOf(PLAIN_SPEC).id])).toEqual([undefined]);
    });

    it('finds what was added as soon as add resolves, on every path it is on', async () => {
      const addition = additionOf({ signer: 2, tags: [2, 5] }, { held: true });
      expect(await index.add([addition])).toEqual(['added']);
      const { record } = addition;
      const paths: IndexPath[] = [
        { path: 'all' },
        { path: 'author', author: record.author },
        { path: 'author-kind', author: record.author, kind: record.kind },
        { path: 'signing-key', signingKey: record.signingKey },
        { path: 'kind', kind: record.kind },
        { path: 'tag', tag: tagNumber(2) },
        { path: 'tag', tag: tagNumber(5) },
        { path: 'address', address: record.address },
      ];
      const position = hexEncode(record.id.subarray(0, POSITION_BYTES));
      const entry = { position, location: '010203', held: true };
      for (const path of paths) expect(await scan(index, path), path.path).toEqual([entry]);
      expect(await scan(index, { path: 'received' })).toEqual([
        { ...entry, position: hexEncode(encodeTimestamp(5_000n)) + position },
      ]);
      const [found] = await index.lookup([record.id]);
      expect(plainEntry(present(found))).toEqual(entry);
      expect(await scan(index, { path: 'author', author: keyNumber(7) })).toEqual([]);
    });

    it('finds a Notify tag by its key where its reserved bytes are not zero', async () => {
      const { record } = additionOf({});
      const notified = publicKeyOf(NOTIFIED_SECRET);
      const { type, value } = coreTag({ name: 'notify', key: notified });
      const odd = value.slice();
      odd[3] = 1;
      const made = [value, odd, odd.subarray(0, 35)].map((tag, n) =>
        buildRecord({
          kind: record.kind,
          timestamp: BigInt(n + 1),
          secretKey: NOTIFIED_SECRET,
          tags: [{ type, value: tag }],
        }),
      );
      await index.add(made.map((each) => additionOf({}, { record: each })));
      expect(timesOf(await scan(index, { path: 'odd-notify', notified }))).toEqual([2]);
      const other = keyNumber(3);
      expect(await scan(index, { path: 'odd-notify', notified: other })).toEqual([]);
      await index.remove(made.map((each) => ({ record: each, receivedAt: 5_000n })));
      expect(await scan(index, { path: 'odd-notify', notified })).toEqual([]);
    });

    it('finds key schedules by the subkeys that attested to them, whatever their tags say', async () => {
      const master = publicKeyOf(NOTIFIED_SECRET);
      const subkey = publicKeyOf(SUBKEY_SECRET);
      const attestation = attestSubkey(SUBKEY_SECRET, master);
      const schedule = buildKeySchedule({
        masterSecretKey: NOTIFIED_SECRET,
        timestamp: 7n,
        entries: [
          { marker: 'activeEncryption', encryptionKey: keyNumber(9) },
          { marker: 'activeSigning', attestation },
        ],
      });
      const claim = buildRecord({
        kind: schedule.kind,
        timestamp: 8n,
        secretKey: NOTIFIED_SECRET,
        tags: [coreTag({ name: 'subkey', key: subkey })],
      });
      const additions = [schedule, claim].map((record) => additionOf({}, { record }));
      await index.add(additions);
      expect(timesOf(await scan(index, { path: 'subkey', subkey }))).toEqual([7]);
      expect(await scan(index, { path: 'subkey', subkey: keyNumber(9) })).toEqual([]);
    });

    it('has records signed by their author on no signing-key path', async () => {
      await index.add([additionOf({ author: 1, signer: 1 })]);
      expect(await scan(index, { path: 'signing-key', signingKey: keyNumber(1) })).toEqual([]);
    });

    it('keeps entries that were read when others are written', async () => {
      const additions = Array.from({ length: 30 }, (_, n) => additionOf({ timestamp: n }));
      await index.add(additions);
      const entries = await index.scan({ path: 'author', author: keyNumber(1) }, { limit: 10 });
      const [looked] = await index.lookup([present(additions[4]).record.id]);
      const before = [...entries, present(looked)].map(plainEntry);
      await index.add(Array.from({ length: 200 }, (_, n) => additionOf({ timestamp: 100 + n })));
      await scan(index, { path: 'author', author: keyNumber(1) });
      expect([...entries, present(looked)].map(plainEntry)).toEqual(before);
    });

    it('answers duplicate to an ID that is there, in the same call too', async () => {
      const addition = additionOf({});
      expect(await index.add([addition, addition])).toEqual(['added', 'duplicate']);
      expect(await index.add([{ ...addition, location: Uint8Array.of(9) }])).toEqual(['duplicate']);
      expect(await index.count()).toBe(1);
      expect(present((await scan(index, { path: 'all' }))[0]).location).toBe('010203');
    });

    it('keeps unique and versioned records of one address side by side', async () => {
      for (const kind of [0, 2]) {
        const additions = [3, 1, 2].map((timestamp) => additionOf({ timestamp, kind }));
        await index.add(additions);
        const { address } = present(additions[0]).record;
        expect(timesOf(await scan(index, { path: 'address', address }))).toEqual([3, 2, 1]);
      }
    });

    describe('replaceable records', () => {
      const at = (timestamp: number, rest: Partial<IndexAddition> = {}): IndexAddition =>
        additionOf({ timestamp, kind: 1, tags: [timestamp % 6] }, rest);
      const { address } = at(1).record;

      it('takes the old record off all paths', async () => {
        const old = at(10);
        await index.add([old]);
        expect(await index.add([at(11, { replaces: old })])).toEqual(['added']);
        const paths: IndexPath[] = [
          { path: 'all' },
          { path: 'received' },
          { path: 'author', author: keyNumber(1) },
          { path: 'kind', kind: kindNumber(1) },
          { path: 'address', address },
        ];
        for (const path of paths) expect(await scan(index, path), path.path).toHaveLength(1);
        expect(await scan(index, { path: 'tag', tag: tagNumber(10 % 6) })).toEqual([]);
        expect(await index.lookup([old.record.id])).toEqual([undefined]);
        expect(await index.count()).toBe(1);
      });

      it('answers outdated to an older one, whatever it says it replaces', async () => {
        const holder = at(10);
        await index.add([holder]);
        expect(await index.add([at(9), at(8, { replaces: holder })])).toEqual([
          'outdated',
          'outdated',
        ]);
        expect(timesOf(await scan(index, { path: 'address', address }))).toEqual([10]);
      });

      it('lets the greater ID win where timestamps are equal', async () => {
        const two = [0, 1].map((tag) => additionOf({ timestamp: 10, kind: 1, tags: [tag] }));
        two.sort((a, b) => (hexEncode(a.record.id) < hexEncode(b.record.id) ? -1 : 1));
        const [lesser, greater] = [present(two[0]), present(two[1])];
        await index.add([lesser]);
        expect(await index.add([{ ...greater, replaces: lesser }])).toEqual(['added']);
        expect(await index.add([lesser])).toEqual(['outdated']);
      });

      it('answers conflict where another record holds the address than the caller knows', async () => {
        const first = at(10);
        const second = at(11, { replaces: first });
        await index.add([first]);
        await index.add([second]);
        expect(await index.add([at(12), at(13, { replaces: first })])).toEqual([
          'conflict',
          'conflict',
        ]);
        expect(await index.add([at(12, { replaces: second })])).toEqual(['added']);
      });

      it('lets a later addition of a call replace an earlier one', async () => {
        const old = at(10);
        await index.add([old]);
        const call = [at(12, { replaces: old }), at(11, { replaces: old }), at(13), at(12)];
        expect(await index.add(call)).toEqual(['added', 'outdated', 'added', 'outdated']);
        expect(timesOf(await scan(index, { path: 'all' }))).toEqual([13]);
      });

      it('finds an address free that nothing holds any more', async () => {
        const gone = at(10);
        await index.add([gone]);
        await index.remove([gone]);
        expect(await index.add([at(9, { replaces: gone })])).toEqual(['added']);
      });
    });

    it('passes over records to remove that are not there', async () => {
      await index.add([additionOf({ timestamp: 1 })]);
      await index.remove([additionOf({ timestamp: 2 }), additionOf({ timestamp: 2 })]);
      expect(await index.count()).toBe(1);
    });

    it('takes a record off the path received even where the caller errs on its time', async () => {
      const addition = additionOf({});
      await index.add([addition]);
      await index.remove([{ ...addition, receivedAt: 6_000n }]);
      expect(await scan(index, { path: 'received' })).toEqual([]);
    });

    it('moves appliedTo with an add, and never back', async () => {
      await index.add([additionOf({})], Uint8Array.of(5, 1));
      expect([...present(await index.appliedTo())]).toEqual([5, 1]);
      await index.add([additionOf({ timestamp: 2 })]);
      await index.add([], Uint8Array.of(4, 9));
      expect([...present(await index.appliedTo())]).toEqual([5, 1]);
      await index.add([], Uint8Array.of(6));
      expect([...present(await index.appliedTo())]).toEqual([6]);
      expect(await index.count()).toBe(2);
    });

    it('cuts a range exactly, at whole and at partial positions', async () => {
      const additions = Array.from({ length: 200 }, (_, n) => additionOf({ timestamp: n }));
      await index.add(additions);
      const path: IndexPath = { path: 'author', author: keyNumber(1) };
      const at = (n: number): Uint8Array => positionOf(present(additions[n]), false);
      const times = async (range: ScanRange): Promise<number[]> =>
        timesOf(await scan(index, path, range));
      expect(await times({ below: at(100), from: at(97), limit: 9 })).toEqual([99, 98, 97]);
      expect(await times({ below: at(100), from: at(97), limit: 2 })).toEqual([99, 98]);
      expect(await times({ below: at(0), limit: 9 })).toEqual([]);
      expect(await times({ from: at(199), limit: 9 })).toEqual([199]);
      expect(await times({ limit: 0 })).toEqual([]);
      const whole = { below: encodeTimestamp(3n), from: encodeTimestamp(1n), limit: 9 };
      expect(await times(whole)).toEqual([2, 1]);
      expect(timesOf(await scan(index, { path: 'all' }, whole))).toEqual([2, 1]);
    });

    it('refuses ranges and paths that make no sense', async () => {
      const invalid = { kind: 'invalid' };
      const path: IndexPath = { path: 'received' };
      await expect(index.scan(path, { limit: -1 })).rejects.toMatchObject(invalid);
      await expect(index.scan(path, { limit: 0.5 })).rejects.toMatchObject(invalid);
      const below = new Uint8Array(33);
      await expect(index.scan(path, { below, limit: 1 })).rejects.toMatchObject(invalid);
      const author = new Uint8Array(31);
      await expect(index.scan({ path: 'author', author }, { limit: 1 })).rejects.toMatchObject(
        invalid,
      );
    });

    it('adds nothing of a call that fails', async () => {
      const location = new Uint8Array(128);
      const bad = additionOf({ timestamp: 2 }, { location });
      await expect(index.add([additionOf({}), bad], Uint8Array.of(1))).rejects.toMatchObject({
        kind: 'invalid',
      });
      expect(await index.count()).toBe(0);
      expect(await index.appliedTo()).toBeUndefined();
      expect(await scan(index, { path: 'all' })).toEqual([]);
    });

    it('refuses everything once closed', async () => {
      await index.close();
      const closed = { kind: 'closed' };
      await expect(index.add([additionOf({})])).rejects.toMatchObject(closed);
      await expect(index.scan({ path: 'all' }, EVERYTHING)).rejects.toMatchObject(closed);
      await expect(index.count()).rejects.toMatchObject(closed);
    });

    it('keeps everything when it is opened again', async () => {
      const additions = Array.from({ length: 300 }, (_, n) =>
        additionOf({ timestamp: n, author: n % 3, tags: [n % 6] }),
      );
      await index.add(additions, Uint8Array.of(7));
      const path: IndexPath = { path: 'kind', kind: kindNumber(0) };
      const before = await scan(index, path);
      const again = await subject.reopen();
      expect(await scan(again, path)).toEqual(before);
      expect(await again.count()).toBe(300);
      expect([...present(await again.appliedTo())]).toEqual([7]);
      expect(await again.add([present(additions[5])])).toEqual(['duplicate']);
    });
  });

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
        { numRuns: 60 },
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
  const additions = additionsOf(each, there, model);
  const outcomes = await index.add(additions);
  expect(outcomes).toEqual(model.add(additions));
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
  each: Exclude<Command, { do: 'remove' | 'sweep' }>,
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
