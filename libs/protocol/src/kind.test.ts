/** Kinds: fields to bytes and back, and constants that nobody can change. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MosaicError } from './error.ts';
import { decodeKind, encodeKind, isProfileKindAt, kindName, KNOWN_KINDS } from './kind.ts';
import { bytesOf, kindFields } from '../testing/arbitraries.ts';

test('fields to bytes and back', () => {
  fc.assert(
    fc.property(kindFields, (fields) => {
      expect(decodeKind(encodeKind(fields))).toEqual(fields);
    }),
  );
});

test('accepted bytes encode to themselves; all others are refused with the code kind', () => {
  const almostKind = fc
    .tuple(bytesOf(6), fc.nat({ max: 1 }), fc.nat({ max: 0xff }))
    .map(([head, high, low]) => Uint8Array.of(...head, high, low));
  fc.assert(
    fc.property(almostKind, (bytes) => {
      const low = bytes[7] ?? 0;
      const isReserved = bytes[6] !== 0 || low > 0x1f || (low & 0x0c) === 0x08;
      if (isReserved)
        expect(() => decodeKind(bytes)).toThrow(expect.objectContaining({ code: 'kind' }));
      else expect(encodeKind(decodeKind(bytes))).toEqual(bytes);
    }),
    { numRuns: 500 },
  );
  expect(() => decodeKind(new Uint8Array(9))).toThrow(MosaicError);
});

test.each([-1, 0.5, 2 ** 32])('refuses the application id %o', (applicationId) => {
  const fields = decodeKind(KNOWN_KINDS.profile);
  expect(() => encodeKind({ ...fields, applicationId })).toThrow(MosaicError);
  expect(() => encodeKind({ ...fields, applicationKind: applicationId })).toThrow(MosaicError);
});

test('nobody can change the known kinds for others', () => {
  const written = KNOWN_KINDS.profile.fill(0xff);
  expect(isProfileKindAt(written, 0)).toBe(false);
  expect(isProfileKindAt(KNOWN_KINDS.profile, 0)).toBe(true);
  expect(kindName(KNOWN_KINDS['blog-post'])).toBe('blog-post');
  expect(kindName(written)).toBeUndefined();
});
