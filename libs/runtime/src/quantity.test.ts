/** A misread unit is a thousandfold error in production; these pin every unit down. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatBytes, formatDurationMs, parseBytes, parseDurationMs } from './quantity.ts';

const count = fc.integer({ min: 0, max: 2 ** 45 });

describe('durations', () => {
  it('read back what they write', () => {
    fc.assert(
      fc.property(count, (ms) => {
        expect(parseDurationMs(formatDurationMs(ms))).toBe(ms);
      }),
    );
  });

  it.each([
    ['0', 0],
    ['500ms', 500],
    ['5s', 5000],
    ['2m', 120_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1.5s', 1500],
    ['0.07s', 70],
  ])('read %s as %i ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each([
    '',
    '5',
    's',
    '-5s',
    '5 s',
    '5S',
    '1s1s',
    '1.5ms',
    '1e3s',
    '99999999999999999d',
  ])('refuse %j', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
});

describe('sizes', () => {
  it('read back what they write', () => {
    fc.assert(
      fc.property(count, (bytes) => {
        expect(parseBytes(formatBytes(bytes))).toBe(bytes);
      }),
    );
  });

  it.each([
    ['4096', 4096],
    ['1B', 1],
    ['10kB', 10_000],
    ['64KiB', 65_536],
    ['1.5 GiB', 1_610_612_736],
    ['2MB', 2_000_000],
    ['1tib', 2 ** 40],
  ])('read %s as %i bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each([
    '',
    'KiB',
    '1iB',
    '-1',
    '1.5',
    '1,5MB',
    '0x10',
    '1Ki',
    '99999999TiB',
  ])('refuse %j', (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });
});
