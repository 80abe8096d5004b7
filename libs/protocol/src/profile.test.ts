/** Profiles: CBOR that is one and CBOR that is none. */
import { encode } from 'cbor2';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hexDecode } from './bytes.ts';
import { isMosaicError } from './error.ts';
import { KNOWN_KINDS } from './kind.ts';
import { decodeProfile, encodeProfile, parseProfile, type Profile } from './profile.ts';
import { buildRecord } from './record-build.ts';
import { PUBLIC_KEYS, SECRET_KEYS } from '../testing/arbitraries.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const profile = fc.record(
  {
    name: text,
    display_name: text,
    about: text,
    avatar: fc.uint8Array(),
    website: text,
    banner: fc.uint8Array(),
    org: fc.boolean(),
    bot: fc.boolean(),
    lud16: text,
  },
  { requiredKeys: ['name'] },
) as fc.Arbitrary<Profile>;

test('fields to CBOR and back', () => {
  fc.assert(
    fc.property(profile, (fields) => {
      expect(decodeProfile(encodeProfile(fields))).toEqual(fields);
    }),
  );
});

test('fields without a meaning are skipped, whatever they hold', () => {
  fc.assert(
    fc.property(profile, fc.dictionary(text, fc.jsonValue({ maxDepth: 5 })), (fields, others) => {
      const all = new Map<string, unknown>([...Object.entries(others), ...Object.entries(fields)]);
      for (const name of Object.keys(others)) if (!(name in fields)) all.set(`x_${name}`, 1);
      const known = decodeOrCode(encode(all));
      if (typeof known === 'string') expect(known).toBe('profile');
      else expect(known).toMatchObject(fields);
    }),
  );
});

/** The profile, or the code of the refusal. */
function decodeOrCode(payload: Uint8Array): Profile | string {
  try {
    return decodeProfile(payload);
  } catch (error) {
    if (isMosaicError(error)) return error.code;
    throw error;
  }
}

describe('CBOR that means no profile', () => {
  const name = '646e616d65';
  test.each([
    ['nothing', ''],
    ['no map', '646e616d65'],
    ['a list', '80'],
    ['no name', 'a0'],
    ['a name that is a number', `a1${name}07`],
    ['a name that is bytes', `a1${name}43626f62`],
    ['a name that is null', `a1${name}f6`],
    ['a name behind a tag', `a1${name}d82063626f62`],
    ['text that is no UTF-8', `a1${name}62fffe`],
    ['a number as key', `a2${name}63626f620001`],
    ['a key twice', `a2${name}63626f62${name}63616e6e`],
    ['a key twice, written in two ways', `a2${name}63626f6278046e616d6563616e6e`],
    ['bytes behind it', `a1${name}63626f6200`],
    ['a map that is cut off', `a2${name}63626f62`],
    ['a map of 2⁶⁴ fields', `bbffffffffffffffff${name}63626f62`],
    ['text of 2⁶³ bytes', `a1${name}7b7fffffffffffffff626f62`],
    ['a bot that is a number', `a2${name}63626f6263626f7401`],
    ['an avatar that is text', `a2${name}63626f62666176617461726161`],
    ['an avatar behind a typed array tag', `a2${name}63626f6266617661746172d8404161`],
    ['nesting without end', `a2${name}63626f626178${'81'.repeat(5000)}00`],
    ['tags without end', `a2${name}63626f626178${'c1'.repeat(5000)}00`],
  ])('%s', (_, hex) => {
    expect(() => decodeProfile(hexDecode(hex))).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'profile' }),
    );
  });

  test.each([
    ['of indefinite length', `bf${name}63626f62ff`],
    ['with text in pieces', `a1${name}7f6162626f62ff`],
    ['with a date that is none', `a2${name}63626f626178c0636e6f70`],
    ['with a regular expression', `a2${name}63626f626178d823612a`],
    ['with a key like a prototype', `a2${name}63626f62695f5f70726f746f5f5fa0`],
  ])('a map %s is one', (_, hex) => {
    const decoded = decodeProfile(hexDecode(hex));
    expect(decoded.name).toMatch(/^b?bob$/);
    expect(Object.keys(decoded)).toEqual(['name']);
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  });
});

test('a record holds one only by kind and signer', () => {
  const [secretKey = new Uint8Array(32), other = new Uint8Array(32)] = SECRET_KEYS;
  const [author = new Uint8Array(32)] = PUBLIC_KEYS;
  const payload = encodeProfile({ name: 'bob' });
  const common = { timestamp: 1n, payload };
  const kind = KNOWN_KINDS.profile;
  expect(parseProfile(buildRecord({ ...common, kind, secretKey }))).toEqual({ name: 'bob' });
  const bySub = buildRecord({ ...common, kind, secretKey: other, author });
  const chat = buildRecord({ ...common, kind: KNOWN_KINDS['chat-message'], secretKey });
  for (const record of [bySub, chat]) {
    expect(() => parseProfile(record)).toThrow(expect.objectContaining({ code: 'profile' }));
  }
});
