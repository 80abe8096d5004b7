/** Keys of segments sort as they should under every one of their names, and nothing else passes for one. */
import { compareBytes } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeObjectLocation,
  decodeSegmentKey,
  encodeSegmentKey,
  objectLocationsIn,
  parseSegmentName,
  SEGMENT_OBJECT_BYTES_MAX,
  SEGMENT_TIME_MS_MAX,
  segmentName,
} from './segment-log-objects-address.ts';
import { compareKeys } from './segment-log-objects-scan.ts';

const anyKey = fc.record({
  timeMs: fc.oneof(
    fc.integer({ min: 0, max: SEGMENT_TIME_MS_MAX }),
    fc.integer({ min: 1_790_000_000_000, max: 1_790_000_000_010 }),
  ),
  writer: fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 3 })),
});

describe('the key of a segment', () => {
  it('is the same in a name, in a position and in a location', () => {
    const offsets = fc.integer({ min: 0, max: SEGMENT_OBJECT_BYTES_MAX / 8 - 1 });
    const sizes = fc.integer({ min: 0, max: 0xff_ffff });
    fc.assert(
      fc.property(anyKey, offsets, sizes, (key, units, recordBytes) => {
        expect(parseSegmentName(segmentName(key))).toEqual(key);
        expect(decodeSegmentKey(encodeSegmentKey(key))).toEqual(key);
        const location = objectLocationsIn(key)(units * 8, recordBytes);
        expect(location).toHaveLength(16);
        expect(decodeObjectLocation(location)).toEqual({ key, offset: units * 8, recordBytes });
      }),
    );
  });

  it('sorts by time, then by writer, as a name and as a position', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        const order = Math.sign(compareKeys(a, b));
        expect(Math.sign(compareBytes(encodeSegmentKey(a), encodeSegmentKey(b)))).toBe(order);
        const [nameA, nameB] = [segmentName(a), segmentName(b)];
        expect(nameA < nameB ? -1 : nameA > nameB ? 1 : 0).toBe(order);
      }),
    );
  });

  it('looks as it is written down', () => {
    const key = { timeMs: Date.UTC(2026, 10, 23, 3, 15, 2, 123), writer: 0x1f3a9c02 };
    expect(segmentName(key)).toBe('20261123T031502123Z-1f3a9c02.segment');
    expect(Buffer.from(encodeSegmentKey(key)).toString('hex')).toBe('01a206665f6b1f3a9c02');
  });

  it('is not in other names', () => {
    for (const name of [
      '',
      '20261123T031502123Z-1f3a9c02',
      '20261123T031502123Z-1F3A9C02.segment',
      '20261131T031502123Z-1f3a9c02.segment',
      '20261123T241502123Z-1f3a9c02.segment',
      '20261123T031502123Z-1f3a9c02.segment.new',
      '0000000041-20261123T031502Z.segment',
    ]) {
      expect(parseSegmentName(name)).toBeUndefined();
    }
  });

  it('is not in other positions', () => {
    const invalid = expect.objectContaining({ kind: 'invalid', code: 'log-position' }) as Error;
    expect(() => decodeSegmentKey(new Uint8Array(8))).toThrow(invalid);
    expect(() => decodeSegmentKey(new Uint8Array(10).fill(255))).toThrow(invalid);
  });
});
