/** What every record index must do, as a test suite that each adapter runs. */
import {
  attestSubkey,
  buildKeySchedule,
  buildRecord,
  coreTag,
  encodeTimestamp,
  hexEncode,
  publicKeyOf,
} from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type IndexAddition,
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
  tagNumber,
} from './record-index-fixture.ts';
import { type ModelEntry, positionOf } from './record-index-model.ts';
import {
  describeAgainstModel,
  EVERYTHING,
  type IndexUnderTest,
  plainEntry,
  scan,
} from './record-index-model-contract.ts';
import { describeIndexRebuild } from './record-index-rebuild-contract.ts';

export type { IndexUnderTest };
export { plainEntry };

const NOTIFIED_SECRET = new Uint8Array(32).fill(0x21);
const SUBKEY_SECRET = new Uint8Array(32).fill(0x22);

function timesOf(entries: readonly ModelEntry[]): number[] {
  return entries.map(({ position }) => Number.parseInt(position.slice(0, 16), 16));
}

/**
 * Declares the suite.
 *
 * @param runs how many sequences of random changes are compared with the model
 */
export function describeRecordIndex(
  name: string,
  open: () => Promise<IndexUnderTest>,
  runs = 60,
): void {
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

    it('finds what is held until it is released, and held it stays', async () => {
      const [one, other, free] = [1, 2, 3].map((timestamp) =>
        additionOf({ timestamp }, { held: timestamp < 3 }),
      ) as [IndexAddition, IndexAddition, IndexAddition];
      await index.add([one, other, free]);
      expect(timesOf(await scan(index, { path: 'held' }))).toEqual([2, 1]);
      await index.release([one.record.id, free.record.id, additionOf({ timestamp: 4 }).record.id]);
      expect(timesOf(await scan(index, { path: 'held' }))).toEqual([2]);
      const looked = await index.lookup([one, other, free].map(({ record }) => record.id));
      expect(looked.map((entry) => entry?.held)).toEqual([true, true, false]);
      expect(await scan(index, { path: 'author', author: keyNumber(1) })).toHaveLength(3);
      await index.remove([one, other]);
      await index.release([one.record.id, other.record.id]);
      expect(await scan(index, { path: 'held' })).toEqual([]);
      await index.add([one]);
      expect(timesOf(await scan(index, { path: 'held' }))).toEqual([1]);
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
      await index.markWhole(undefined);
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
      await index.markWhole(undefined);
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

  describeIndexRebuild(name, open);
  describeAgainstModel(name, open, runs);
}
