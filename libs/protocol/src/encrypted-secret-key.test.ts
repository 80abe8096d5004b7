/** Secret keys under a password: round trips, and which failures are told apart. */
import { describe, expect, test } from 'vitest';
import {
  decodeEncryptedSecretKey,
  decryptSecretKey,
  encryptSecretKey,
} from './encrypted-secret-key.ts';
import { encodeHuman } from './human.ts';
import { generateSecretKey } from './key.ts';

const CHEAP = { logN: 2 } as const;

test('round trip with random salt; every encryption is another text', () => {
  const secret = generateSecretKey();
  const texts = [1, 2].map(() => encryptSecretKey(secret, 'pass word', CHEAP));
  expect(new Set(texts).size).toBe(2);
  for (const text of texts) expect(decryptSecretKey(text, 'pass word')).toEqual(secret);
});

test('a password is the same however its accents are typed', () => {
  const secret = generateSecretKey();
  const text = encryptSecretKey(secret, 'caf\u00e9 \ufb01', CHEAP);
  expect(decryptSecretKey(text, 'cafe\u0301 fi')).toEqual(secret);
});

describe('refusals', () => {
  const text = encryptSecretKey(new Uint8Array(32), 'right', CHEAP);

  test('a wrong password is unauthorized, not invalid', () => {
    expect(() => decryptSecretKey(text, 'wrong')).toThrow(
      expect.objectContaining({ kind: 'unauthorized', code: 'password' }),
    );
  });

  test.each([0, 1, 23, 255])('another version or a cost of 2^%i', (value) => {
    const bytes = decodeEncryptedSecretKey(text).slice();
    bytes[1] = value === 1 ? 0 : value;
    expect(() => decryptSecretKey(encodeHuman('encryptedSecretKey', bytes), 'right')).toThrow(
      expect.objectContaining({ code: 'encrypted-key' }),
    );
    bytes[0] = 2;
    expect(() => decodeEncryptedSecretKey(encodeHuman('encryptedSecretKey', bytes))).toThrow(
      expect.objectContaining({ code: 'encrypted-key' }),
    );
  });

  test.each([
    [new Uint8Array(31), {}, 'secret-key'],
    [new Uint8Array(32), { logN: 0 }, 'encrypted-key'],
    [new Uint8Array(32), { logN: 23 }, 'encrypted-key'],
    [new Uint8Array(32), { logN: 1.5 }, 'encrypted-key'],
    [new Uint8Array(32), { ...CHEAP, salt: new Uint8Array(15) }, 'encrypted-key'],
    [new Uint8Array(32), { ...CHEAP, random: new Uint8Array(5) }, 'encrypted-key'],
  ])('%o with %o', (secret, options, code) => {
    expect(() => encryptSecretKey(secret, 'x', options)).toThrow(expect.objectContaining({ code }));
  });
});
