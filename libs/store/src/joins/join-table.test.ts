/** Joins on disk: what was written is read, and a byte that is another is noticed. */
import { describe, expect, it } from 'vitest';
import { fakeRecord, flipped } from '../segment-log-fixture.ts';
import { encodeJoin, type JoinContent } from './join-format.ts';
import { JoinTable } from './join-table.ts';

const [one, two] = [fakeRecord(1), fakeRecord(2)];
const JOIN: JoinContent = {
  role: 'encryption',
  key: { timeMs: 1_790_000_000_005, writer: 8 },
  segmentBytes: 4096,
  salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  writtenAtMs: 1_790_000_100_000,
  sources: [
    { key: { timeMs: 1, writer: 9 }, bytes: 300, kept: [{ from: 88, to: 88 }], leftOut: [] },
    {
      key: { timeMs: 2, writer: 0 },
      bytes: 700,
      kept: [
        { from: 88, to: 688 },
        { from: 1288, to: 1288 },
      ],
      leftOut: [
        { offset: 688, recordBytes: 600, why: 'removed', id: one.id, address: one.address },
        { offset: 1888, recordBytes: 400, why: 'replaced', id: two.id, address: two.address },
      ],
    },
    { key: { timeMs: 1_790_000_000_005, writer: 7 }, bytes: 9, kept: [], leftOut: [] },
  ],
};

describe('a join', () => {
  it('says where everything is', () => {
    const table = new JoinTable(encodeJoin(JOIN), 'a join');
    expect(table.key).toEqual(JOIN.key);
    expect(table.head).toMatchObject({
      role: 'encryption',
      segmentBytes: 4096,
      kept: 3,
      leftOut: 2,
    });
    expect([...table.head.salt]).toEqual([...JOIN.salt]);
    expect(table.head.writtenAtMs).toBe(JOIN.writtenAtMs);
    JOIN.sources.forEach(({ key, bytes, kept, leftOut }, i) => {
      expect(table.indexOf(key)).toBe(i);
      expect(table.source(i)).toEqual({ key, bytes, kept: kept.length, leftOut: leftOut.length });
      expect([...table.keptOf(i)]).toEqual(kept.map(({ from, to }) => [from, to]));
      for (const { from, to } of kept) expect(table.placeOf(i, from)).toBe(to);
      for (const { offset } of leftOut) expect(table.placeOf(i, offset)).toBeUndefined();
      const told = table.leftOutOf(i);
      expect(
        told.map((each) => ({ ...each, id: [...each.id], address: [...each.address] })),
      ).toEqual(leftOut.map((each) => ({ ...each, id: [...each.id], address: [...each.address] })));
    });
    expect(table.indexOf({ timeMs: 1, writer: 8 })).toBe(-1);
    expect(table.indexOf(JOIN.key)).toBe(-1);
  });

  it('is refused where a byte is another, it is cut, or it is of a newer version', () => {
    const bytes = encodeJoin(JOIN);
    for (let at = 0; at < bytes.length; at++) {
      // Zero, and not looked at.
      if (at >= 84 && at < 88) continue;
      expect(() => new JoinTable(flipped(bytes, at, 1), 'a join'), `byte ${at}`).toThrow(/a join/);
    }
    expect(() => new JoinTable(bytes.subarray(0, 80), 'a join')).toThrow('no header');
    expect(() => new JoinTable(bytes.subarray(0, -1), 'a join')).toThrow('checksum');
    const disordered = encodeJoin({ ...JOIN, sources: JOIN.sources.toReversed() });
    expect(() => new JoinTable(disordered, 'a join')).toThrow('not in order');
  });
});
