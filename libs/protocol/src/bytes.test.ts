/** Numbers, hex and base64 against what their definitions and the platform say. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  base64Decode,
  base64Encode,
  compareBytes,
  concatBytes,
  equalBytes,
  hexDecode,
  hexEncode,
  pad8,
  readU16,
  readU16BE,
  readU24,
  readU32,
  readU32BE,
  readU48,
  readU64BE,
  writeU16,
  writeU16BE,
  writeU24,
  writeU32,
  writeU32BE,
  writeU48,
  writeU64BE,
} from './bytes.ts';
import { MosaicError } from './error.ts';

describe('numbers', () => {
  const widths = [
    ['u16', 2, readU16, writeU16, true],
    ['u16 BE', 2, readU16BE, writeU16BE, false],
    ['u24', 3, readU24, writeU24, true],
    ['u32', 4, readU32, writeU32, true],
    ['u32 BE', 4, readU32BE, writeU32BE, false],
    ['u48', 6, readU48, writeU48, true],
  ] as const;

  test.each(widths)('%s is what its bytes say', (_, width, read, write, isLittle) => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** (8 * width) - 1 }), fc.nat({ max: 5 }), (value, at) => {
        const bytes = new Uint8Array(16).fill(0xaa);
        write(bytes, at, value);
        const part = Array.from(bytes.subarray(at, at + width));
        const digits = isLittle ? part.toReversed() : part;
        expect(digits.reduce((sum, byte) => sum * 256 + byte, 0)).toBe(value);
        expect(read(bytes, at)).toBe(value);
        expect(bytes.filter((byte) => byte === 0xaa).length).toBeGreaterThanOrEqual(16 - width);
      }),
    );
  });

  test('u64 BE', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const bytes = new Uint8Array(10);
        writeU64BE(bytes, 1, value);
        expect(BigInt(`0x${hexEncode(bytes.subarray(1, 9))}`)).toBe(value);
        expect(readU64BE(bytes, 1)).toBe(value);
      }),
    );
  });

  test('padding does not wrap at 32 bits', () => {
    expect([0, 1, 7, 8, 9].map(pad8)).toEqual([0, 8, 8, 8, 16]);
    expect(pad8(0xffff_ffff)).toBe(0x1_0000_0000);
  });
});

describe('hex', () => {
  test('round trip, either case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = hexEncode(bytes);
        expect(text).toMatch(/^[0-9a-f]*$/);
        expect(hexDecode(text)).toEqual(bytes);
        expect(hexDecode(text.toUpperCase())).toEqual(bytes);
      }),
    );
  });

  test.each([
    '0',
    'g0',
    '0x00',
    ' 00',
    '0/',
    '0:',
    '0@',
    '0`',
    '0\u0130',
    '𝟘𝟘',
  ])('refuses %o', (text) => {
    expect(() => hexDecode(text)).toThrow(MosaicError);
  });

  test('says where', () => {
    expect(() => hexDecode('00zz')).toThrow(
      expect.objectContaining({ code: 'hex', range: { start: 2, end: 4 } }),
    );
  });
});

describe('base64', () => {
  test('agrees with the platform', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = base64Encode(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(base64Decode(text)).toEqual(bytes);
      }),
    );
  });

  test('what it accepts is the only text of those bytes', () => {
    const character = fc.constantFrom(...'ABQgwx/+09=- \n'.split(''));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        const bytes = base64Decode(text);
        if (bytes !== undefined) expect(base64Encode(bytes)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    'A',
    'AA',
    'AAA',
    '====',
    'A===',
    'AB==',
    'AAB=',
    'AA=A',
    'AA==AAAA',
    'AA\n=',
  ])('refuses %o', (text) => {
    expect(base64Decode(text)).toBeUndefined();
  });
});

describe('comparing', () => {
  test('is the order of memcmp', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  test('joined parts are new bytes', () => {
    const part = Uint8Array.of(1, 2);
    const joined = concatBytes(part, Uint8Array.of(3), new Uint8Array(0));
    part[0] = 9;
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
  });
});
