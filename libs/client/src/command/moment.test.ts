/**
 * Moments are read strictly, and none is lost between text and timestamp.
 */
import { timestampFromMillis } from '@mosaic-cluster/protocol';
import { assert, bigInt, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMoment, leapSeconds, parseMoment } from './moment.ts';

const NOW = Date.UTC(2026, 10, 22);

function parse(text: string): bigint {
  return parseMoment('--since', text, NOW);
}

describe('moments', () => {
  test('are read in every form', () => {
    expect(parse('now')).toBe(timestampFromMillis(NOW));
    expect(parse('2026-11-22')).toBe(timestampFromMillis(NOW));
    expect(parse('2026-11-22T01:00:00+01:00')).toBe(timestampFromMillis(NOW));
    expect(parse('2026-11-22T00:00:00.000000001Z')).toBe(timestampFromMillis(NOW) + 1n);
    expect(parse('1750014400526656623')).toBe(1750014400526656623n);
  });

  test('inside leap seconds are read and written as second 60', () => {
    const before = parse('2016-12-31T23:59:59Z');
    expect(parse('2016-12-31T23:59:60Z')).toBe(before + 1_000_000_000n);
    expect(parse('2017-01-01T00:00:00Z')).toBe(before + 2_000_000_000n);
    expect(parse('2017-01-01T01:59:60+02:00')).toBe(before + 1_000_000_000n);
    expect(formatMoment(before + 1_500_000_000n)).toBe('2016-12-31T23:59:60.5Z');
    expect(leapSeconds(before)).toBe(27);
    expect(leapSeconds(before + 2_000_000_000n)).toBe(28);
  });

  test.each([
    ['yesterday', /no time that I can read/],
    ['2026-11-22T10:00:00', /no time that I can read/],
    ['2026-02-30', /no such day/],
    ['2026-11-22T25:00:00Z', /no such day or hour/],
    ['2026-06-30T23:59:60Z', /no leap second/],
    ['1969-12-31', /outside 1970/],
    ['2500-01-01', /outside 1970 to 2262/],
    ['9223372036854775808', /more than 2\^63-1/],
  ])('%s is refused, with the option and a remedy', (text, problem) => {
    expect(() => parse(text)).toThrow(problem);
    expect(() => parse(text)).toThrow(/^--since: .*\nGive now, /s);
  });

  test('written and read again are the same, to the nanosecond', () => {
    assert(
      property(bigInt({ min: 0n, max: 2n ** 63n - 1n }), (timestamp) => {
        expect(parse(formatMoment(timestamp))).toBe(timestamp);
      }),
    );
  });
});
