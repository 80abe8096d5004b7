/** What every record index must do for a rebuild, as a test suite that each adapter runs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RebuildClaim, RecordIndex } from './record-index.ts';
import { additionOf, present } from './record-index-fixture.ts';
import type { IndexUnderTest } from './record-index-model-contract.ts';
import { LOG_START } from './segment-log.ts';

/** Declares the suite. */
export function describeIndexRebuild(name: string, open: () => Promise<IndexUnderTest>): void {
  describe(`rebuild of a record index: ${name}`, () => {
    let subject: IndexUnderTest;
    let index: RecordIndex;
    beforeEach(async () => {
      subject = await open();
      ({ index } = subject);
    });
    afterEach(() => subject.destroy());

    const claim = (owner: string, isFresh = false): Promise<RebuildClaim | undefined> =>
      index.claimRebuild({ owner, leaseMs: 60_000, isFresh });

    it('is one at a time, and makes the index whole in the end', async () => {
      const first = present(await claim('a'));
      expect(await claim('b')).toBeUndefined();
      expect(first.from).toBeUndefined();
      await index.add([additionOf({})], Uint8Array.of(3));
      expect(await index.appliedTo()).toBeUndefined();
      await first.renew();
      await first.finish(Uint8Array.of(2));
      expect(await index.appliedTo()).toEqual(Uint8Array.of(2));
      await index.add([], Uint8Array.of(4));
      expect(await index.appliedTo()).toEqual(Uint8Array.of(4));
      expect(present(await claim('b')).notes.size).toBe(0);
    });

    it('goes on where an interrupted one was, unless it is to begin anew', async () => {
      const first = present(await claim('a'));
      await first.note('part 1', Uint8Array.of(1, 2));
      await first.note('part 2', Uint8Array.of());
      await first.release();
      const second = present(await claim('b'));
      expect([...second.notes].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
        ['part 1', Uint8Array.of(1, 2)],
        ['part 2', Uint8Array.of()],
      ]);
      await expect(first.note('part 3', Uint8Array.of())).rejects.toMatchObject({
        code: 'rebuild-lost',
      });
      await expect(first.finish(Uint8Array.of(9))).rejects.toMatchObject({ kind: 'conflict' });
      await first.release();
      await second.release();
      expect(present(await claim('c', true)).notes.size).toBe(0);
      expect(await index.appliedTo()).toBeUndefined();
    });

    it('is not needed where the log is empty', async () => {
      await index.markWhole(undefined);
      expect(await index.appliedTo()).toEqual(LOG_START);
      await index.add([additionOf({})], Uint8Array.of(0, 1));
      expect(await index.appliedTo()).toEqual(Uint8Array.of(0, 1));
    });

    it('leaves an index whole that was, until it is done', async () => {
      await index.markWhole(Uint8Array.of(5));
      const again = present(await claim('a', true));
      await index.add([], Uint8Array.of(6));
      expect(await index.appliedTo()).toEqual(Uint8Array.of(6));
      await again.finish(Uint8Array.of(5));
      expect(await index.appliedTo()).toEqual(Uint8Array.of(6));
    });

    it('adds what is missing and says what is there', async () => {
      const old = additionOf({ timestamp: 1, kind: 1 });
      const next = additionOf({ timestamp: 2, kind: 1 });
      const plain = additionOf({ timestamp: 3 });
      expect(await index.restore([next, plain])).toEqual(['added', 'added']);
      expect(await index.restore([old, next, plain])).toEqual([
        'outdated',
        'duplicate',
        'duplicate',
      ]);
      const last = additionOf({ timestamp: 4, kind: 1 });
      expect(await index.restore([last])).toEqual(['conflict']);
      expect(await index.restore([{ ...last, replaces: next }])).toEqual(['added']);
      expect(await index.count()).toBe(2);
    });

    it('does not move the position past what it could not add', async () => {
      await index.markWhole(Uint8Array.of(1));
      await index.add([additionOf({ timestamp: 1, kind: 1 })], Uint8Array.of(2));
      const next = additionOf({ timestamp: 2, kind: 1 });
      expect(await index.add([next], Uint8Array.of(3))).toEqual(['conflict']);
      expect(await index.appliedTo()).toEqual(Uint8Array.of(2));
    });
  });
}
