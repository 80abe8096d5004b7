/** Timestamps against leap seconds counted one by one from the calendar. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MosaicError } from './error.ts';
import { timestamp } from '../testing/arbitraries.ts';
import {
  compareTimestampAt,
  decodeTimestamp,
  encodeTimestamp,
  TIMESTAMP_MAX,
  timestampFromMillis,
  timestampFromUnix,
  timestampToMillis,
  timestampToUnix,
} from './timestamp.ts';

/** The days on which a second was inserted at the end, as the calendar has them. */
const INSERTED_ON = (
  '1971-12-31 1972-06-30 1972-12-31 1973-12-31 1974-12-31 1975-12-31 1976-12-31 1977-12-31 ' +
  '1978-12-31 1979-12-31 1981-06-30 1982-06-30 1983-06-30 1985-06-30 1987-12-31 1989-12-31 ' +
  '1990-12-31 1992-06-30 1993-06-30 1994-06-30 1995-12-31 1997-06-30 1998-12-31 2005-12-31 ' +
  '2008-12-31 2012-06-30 2015-06-30 2016-12-31'
).split(' ');

const BOUNDARIES = INSERTED_ON.map((day) => BigInt(Date.parse(day) / 1000 + 86_400));

/** Counts the insertions one by one, as slowly as the rule reads. */
function naive(seconds: bigint, nanoseconds: number): bigint {
  const leapSeconds = BOUNDARIES.filter((boundary) => boundary <= seconds).length;
  return (seconds + BigInt(leapSeconds)) * 1_000_000_000n + BigInt(nanoseconds);
}

const nearBoundary = fc
  .tuple(fc.constantFrom(...BOUNDARIES), fc.bigInt({ min: -3n, max: 3n }))
  .map(([boundary, offset]) => boundary + offset);
const seconds = fc.oneof(fc.bigInt({ min: 0n, max: 9_000_000_000n }), nearBoundary);
const nanoseconds = fc.oneof(fc.nat({ max: 999_999_999 }), fc.constantFrom(0, 999_999_999));

describe('unix time', () => {
  test('to a timestamp counts the leap seconds, and back', () => {
    fc.assert(
      fc.property(seconds, nanoseconds, (s, n) => {
        expect(timestampFromUnix(s, n)).toBe(naive(s, n));
        expect(timestampToUnix(timestampFromUnix(s, n))).toEqual({ seconds: s, nanoseconds: n });
      }),
      { numRuns: 1000 },
    );
  });

  test('never runs backwards but inside the leap second that it has no name for', () => {
    for (const boundary of BOUNDARIES) {
      const after = timestampFromUnix(boundary);
      const before = timestampFromUnix(boundary - 1n);
      expect(after - before).toBe(2_000_000_000n);
      expect(timestampToUnix(after - 1n)).toEqual({
        seconds: boundary - 1n,
        nanoseconds: 999_999_999,
      });
      expect(timestampToUnix(after - 1_000_000_000n)).toEqual({
        seconds: boundary - 1n,
        nanoseconds: 0,
      });
    }
  });

  test('in milliseconds', () => {
    fc.assert(
      fc.property(fc.nat({ max: 9_000_000_000_000 }), (millis) => {
        expect(timestampToMillis(timestampFromMillis(millis))).toBe(millis);
      }),
    );
    expect(timestampFromMillis(1.9)).toBe(timestampFromMillis(1));
  });

  test.each([
    [-1n, 0],
    [9_300_000_000n, 0],
    [0n, -1],
    [0n, 1_000_000_000],
    [0n, 0.5],
    [0n, Number.NaN],
  ])('refuses %o s %o ns', (s, n) => {
    expect(() => timestampFromUnix(s, n)).toThrow(MosaicError);
  });

  test.each([-1, Number.NaN, Infinity, 1e300])('refuses %o ms', (millis) => {
    expect(() => timestampFromMillis(millis)).toThrow(MosaicError);
  });
});

describe('bytes', () => {
  test('round trip, and order as numbers', () => {
    fc.assert(
      fc.property(timestamp, timestamp, (a, b) => {
        const bytes = encodeTimestamp(a);
        expect(decodeTimestamp(bytes)).toBe(a);
        const order = compareTimestampAt(bytes, 0, Number(b >> 32n), Number(b & 0xffff_ffffn));
        expect(Math.sign(order)).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  test('the first bit is 0', () => {
    expect(() => decodeTimestamp(Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0))).toThrow(MosaicError);
    expect(() => encodeTimestamp(TIMESTAMP_MAX + 1n)).toThrow(MosaicError);
    expect(() => encodeTimestamp(-1n)).toThrow(MosaicError);
    expect(() => decodeTimestamp(new Uint8Array(7))).toThrow(MosaicError);
  });
});
