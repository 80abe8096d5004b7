/** zbase32 against its definition, and prefixes that never stand for one another. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes } from './bytes.ts';
import { isMosaicError, MosaicError } from './error.ts';
import {
  decodeHuman,
  decodeRecord,
  decodeServerKey,
  decodeUserKey,
  encodeHuman,
  encodeRecord,
  encodeUserKey,
  HUMAN_PREFIX,
  type HumanKind,
  humanKind,
  zbase32Decode,
  zbase32Encode,
} from './human.ts';
import { buildRecord } from './record-build.ts';
import { bytesOf, PUBLIC_KEYS, recordInput } from '../testing/arbitraries.ts';

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';

/** zbase32 as its definition reads: the bits in groups of five. */
function naive(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? [])
    .map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)])
    .join('');
}

describe('zbase32', () => {
  test('is what the definition says, and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(zbase32Encode(bytes)).toBe(naive(bytes));
        expect(zbase32Decode(zbase32Encode(bytes))).toEqual(bytes);
      }),
    );
  });

  test('every character of the last place decodes; the unused bits are ignored', () => {
    const text = zbase32Encode(Uint8Array.of(0xff));
    const decoded = ALPHABET.split('').map((last) => zbase32Decode(text[0] + last)[0]);
    expect(new Set(decoded).size).toBe(8);
    expect(decoded.filter((byte) => byte === 0xff)).toHaveLength(4);
  });

  test.each([
    'y',
    'yyy',
    'yyyyyy',
    'y y',
    'YY',
    '0y',
    'yv',
    'yl',
    'y2',
    'yé',
    'y\u2028',
  ])('refuses %o', (text) => {
    expect(() => zbase32Decode(text)).toThrow(expect.objectContaining({ code: 'human-encoding' }));
  });
});

describe('prefixes', () => {
  const lengths: Readonly<Partial<Record<HumanKind, number>>> = {
    userKey: 32,
    serverKey: 32,
    secretKey: 32,
    encryptedSecretKey: 58,
    reference: 48,
  };

  test.each(Object.entries(lengths))('%s of %i bytes only', (name, length) => {
    const kind = name as HumanKind;
    fc.assert(
      fc.property(bytesOf(length), (bytes) => {
        const text = encodeHuman(kind, bytes);
        expect(text.startsWith(HUMAN_PREFIX[kind])).toBe(true);
        expect(humanKind(text)).toBe(kind);
        expect(decodeHuman(kind, text)).toEqual(bytes);
        for (const other of Object.keys(HUMAN_PREFIX) as HumanKind[]) {
          if (other !== kind) expect(() => decodeHuman(other, text)).toThrow(MosaicError);
        }
      }),
    );
    for (const wrong of [0, length - 1, length + 1]) {
      const text = encodeHuman(kind, new Uint8Array(wrong));
      expect(() => decodeHuman(kind, text)).toThrow(MosaicError);
    }
  });

  test('records', () => {
    fc.assert(
      fc.property(recordInput, (input) => {
        const record = buildRecord(input, { sign: () => new Uint8Array(64) });
        const text = encodeRecord(record);
        expect(equalBytes(decodeRecord(text).bytes, record.bytes)).toBe(true);
        expect(() => decodeRecord(text.slice(0, -2))).toThrow(MosaicError);
      }),
      { numRuns: 20 },
    );
  });

  test('text that is longer than anything can be is not decoded', () => {
    const endless = 'y'.repeat(3_000_000);
    for (const [kind, prefix] of Object.entries(HUMAN_PREFIX)) {
      expect(() => decodeHuman(kind as HumanKind, prefix + endless)).toThrow(
        /longer than \d+ bytes/,
      );
    }
  });

  test('32 bytes that are no key are no user and no server', () => {
    const bytes = new Uint8Array(32);
    for (const [kind, decode] of [
      ['userKey', decodeUserKey],
      ['serverKey', decodeServerKey],
    ] as const) {
      expect(() => decode(encodeHuman(kind, bytes))).toThrow(
        expect.objectContaining({ code: 'key' }),
      );
    }
  });

  test('a changed character is another key or an error, never a crash', () => {
    const text = encodeUserKey(PUBLIC_KEYS[0] ?? new Uint8Array(32));
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.string({ maxLength: 2 }), (at, part) => {
        const changed = text.slice(0, at) + part + text.slice(at + 1);
        try {
          expect(encodeUserKey(decodeUserKey(changed)).slice(0, -1)).toBe(changed.slice(0, -1));
        } catch (error) {
          expect(isMosaicError(error)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
