/** Signatures, hashes and keys: any changed bit shows, and arbitrary bytes are no error. */
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { h32, h64 } from './hash.ts';
import { asPublicKey, generateSecretKey, publicKeyFault, publicKeyOf } from './key.ts';
import {
  isReducedScalar,
  signatureDomain,
  signMessage,
  signPlain,
  signPrehash,
  verifyMessage,
  verifyPlain,
  verifyPrehash,
} from './signature.ts';
import { bytesOf, PUBLIC_KEYS, publicKey, secretKey } from '../testing/arbitraries.ts';
import { flip } from '../testing/edit-bytes.ts';

test('signs what verifies, and the same every time', () => {
  fc.assert(
    fc.property(secretKey, fc.uint8Array(), (secret, message) => {
      const signature = signMessage(message, secret);
      expect(signMessage(message, secret)).toEqual(signature);
      expect(signPrehash(h64(message), secret)).toEqual(signature);
      expect(verifyMessage(signature, message, publicKeyOf(secret))).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('any bit turned over in signature, message or key is another verdict', () => {
  fc.assert(
    fc.property(secretKey, bytesOf(16), fc.nat({ max: 112 * 8 - 1 }), (secret, message, bit) => {
      const parts = [signMessage(message, secret), message.slice(), publicKeyOf(secret).slice()];
      const whole = Uint8Array.from(parts.flatMap((part) => [...part]));
      flip(whole, bit >> 3, 1 << (bit & 7));
      const [signature, changed, key] = [
        whole.subarray(0, 64),
        whole.subarray(64, 80),
        whole.subarray(80),
      ];
      expect(verifyMessage(signature, changed, key)).toBe(false);
    }),
    { numRuns: 60 },
  );
});

test('arbitrary bytes of any length are no signature, and no error', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 70 }),
      fc.oneof(publicKey, bytesOf(32)),
      (bytes, key) => {
        expect(verifyPrehash(bytes, new Uint8Array(64), key)).toBe(false);
        expect(verifyPlain(bytes, bytes, key)).toBe(false);
      },
    ),
    { numRuns: 100 },
  );
});

describe('parts', () => {
  test('the domain is a copy', () => {
    signatureDomain().fill(0);
    expect(new TextDecoder().decode(signatureDomain())).toBe(
      'SigEd25519 no Ed25519 collisions\u0001\u0006Mosaic',
    );
  });

  test('S is below the group order', () => {
    const order = Uint8Array.from(
      Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex'),
    );
    expect(isReducedScalar(order)).toBe(false);
    flip(order, 0);
    expect(isReducedScalar(order)).toBe(true);
    expect(isReducedScalar(new Uint8Array(31))).toBe(false);
  });

  test('H64 is BLAKE3 and begins with its 32 bytes', () => {
    const empty = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';
    expect(Buffer.from(h32(new Uint8Array(0))).toString('hex')).toBe(empty);
    expect(h64(Uint8Array.of(1)).subarray(0, 32)).toEqual(h32(Uint8Array.of(1)));
    expect(h64(Uint8Array.of(1))).toHaveLength(64);
  });

  test('plain Ed25519 is another scheme', () => {
    const secret = generateSecretKey();
    const key = publicKeyOf(secret);
    const message = createHash('sha256').update(secret).digest();
    const signature = signPlain(message, secret);
    expect(verifyPlain(signature, message, key)).toBe(true);
    expect(verifyMessage(signature, message, key)).toBe(false);
    expect(verifyPlain(signMessage(message, secret), message, key)).toBe(false);
  });
});

describe('keys', () => {
  test('say why they are none', () => {
    const ff = new Uint8Array(32).fill(0xff);
    expect(publicKeyFault(new Uint8Array(31))).toBe('length');
    expect(publicKeyFault(new Uint8Array(32))).toBe('small-order');
    expect(publicKeyFault(ff)).toBe('not-canonical');
    expect(publicKeyFault(new Uint8Array(32).fill(2))).toBe('not-a-point');
    for (const key of PUBLIC_KEYS) expect(asPublicKey(key)).toBe(key);
  });

  test('about half of all strings are points, and none of them throws', () => {
    let points = 0;
    fc.assert(
      fc.property(bytesOf(32), (bytes) => {
        if (publicKeyFault(bytes) === undefined) points += 1;
      }),
      { numRuns: 200, seed: 5 },
    );
    expect(points).toBeGreaterThan(50);
    expect(points).toBeLessThan(150);
  });
});
