/** The native signature check against the exact one, on vectors, crafted and mutated signatures. */
import { hexDecode, publicKeyFault, verifyPrehash } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  craft,
  flipBit,
  L,
  NEUTRAL,
  nonCanonicalPoints,
  numberOf,
  type Signed,
  TORSION,
  vectors,
} from '../test/support.ts';
import { NativeSignatureCheck, verifyWith } from './native-signature.ts';
import { testNativeSignature } from './self-test.ts';
import { loadSodium } from './sodium.ts';

const sodium = await loadSodium();
const native = new NativeSignatureCheck(sodium);
const verify = verifyWith(native, verifyPrehash);

function nativeAnswer({ signature, prehash, key }: Signed): string {
  return native.answer(signature, prehash, key);
}

/** Whether the native verdict, and the one with the exact check behind it, is the exact one. */
function expectExact({ signature, prehash, key }: Signed): void {
  // A record's key was validated before its signature is looked at; the checks alone need not say.
  const expected = verifyPrehash(signature, prehash, key);
  expect(verify(signature, prehash, key)).toBe(expected);
  const answer = native.answer(signature, prehash, key);
  if (answer !== 'unsure') expect(answer === 'valid').toBe(expected);
}

function replace(bytes: Uint8Array, at: number, part: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.set(part, at);
  return copy;
}

describe('the golden vectors', () => {
  const cases = vectors('signatures');

  it.each(cases)('$name', ({ public: key, prehash, signature, spec }) => {
    const accepted = verify(hexDecode(signature), hexDecode(prehash), hexDecode(key));
    expect(accepted).toBe(spec === 'accept');
  });

  it('hold both verdicts, reached natively', () => {
    const answers = cases.map((each) =>
      nativeAnswer({
        key: hexDecode(each.public),
        prehash: hexDecode(each.prehash),
        signature: hexDecode(each.signature),
      }),
    );
    expect(answers).toContain('valid');
    expect(answers).toContain('invalid');
  });
});

describe('points of small order added', () => {
  const shifts = TORSION.map((_, i) => i);

  it('to R: valid, without the exact check', () => {
    for (const rShift of shifts) {
      const signed = craft(sodium, { seed: 1, keyShift: 0, rShift });
      expect(nativeAnswer(signed)).toBe('valid');
      expectExact(signed);
    }
  });

  it('as R itself: valid', () => {
    for (const rShift of shifts) {
      const signed = craft(sodium, { seed: 2, keyShift: 0, rShift, r: 0n });
      expect(nativeAnswer(signed)).toBe('valid');
      expectExact(signed);
    }
  });

  it('to the key, and to both: valid', () => {
    for (const keyShift of shifts) {
      for (const rShift of [0, 1, 4, (8 - keyShift) % 8]) {
        const signed = craft(sodium, { seed: 3, keyShift, rShift });
        expectExact(signed);
        expect(verify(signed.signature, signed.prehash, signed.key)).toBe(true);
      }
    }
  });

  it('to R or the key after signing: invalid', () => {
    const { signature, prehash, key } = craft(sodium, { seed: 4, keyShift: 0, rShift: 0 });
    for (const torsion of TORSION.slice(1)) {
      const shifted = new Uint8Array(32);
      sodium.crypto_core_ed25519_add(shifted, signature.subarray(0, 32), torsion);
      const other = { signature: replace(signature, 0, shifted), prehash, key };
      expect(nativeAnswer(other)).toBe('invalid');
      expectExact(other);
      sodium.crypto_core_ed25519_add(shifted, key, torsion);
      expectExact({ signature, prehash, key: shifted });
    }
  });
});

describe('encodings', () => {
  const signed = craft(sodium, { seed: 5, keyShift: 0, rShift: 0 });

  it('R replaced by one that is not canonical: invalid, natively', () => {
    for (const R of nonCanonicalPoints()) {
      const other = { ...signed, signature: replace(signed.signature, 0, R) };
      expect(nativeAnswer(other)).toBe('invalid');
      expectExact(other);
    }
  });

  it('R not canonical: invalid, natively, though it decodes to the right point', () => {
    for (const rBytes of nonCanonicalPoints()) {
      const other = craft(sodium, { seed: 5, keyShift: 0, rShift: 0, r: 0n, rBytes });
      expect(nativeAnswer(other)).toBe('invalid');
      expectExact(other);
    }
  });

  it('key not canonical, of small order, or no point: never valid', () => {
    for (const key of [...nonCanonicalPoints(), ...TORSION, bytesOf(2n), bytesOf(7n)]) {
      expect(publicKeyFault(key)).toBeDefined();
      const other = { ...signed, key };
      expect(nativeAnswer(other)).not.toBe('valid');
      expectExact(other);
    }
  });

  it('S plus multiples of L, and S at the borders', () => {
    const s = numberOf(signed.signature.subarray(32));
    const values = [0n, 1n, L - 1n, L, L + 1n, 2n ** 252n, 2n ** 252n - 1n, 2n ** 256n - 1n];
    for (let n = 1n; s + n * L < 2n ** 256n; n++) values.push(s + n * L);
    for (const value of values) {
      const other = { ...signed, signature: replace(signed.signature, 32, bytesOf(value)) };
      expect(nativeAnswer(other)).not.toBe('valid');
      expectExact(other);
    }
  });

  it('other lengths: invalid', () => {
    for (const length of [0, 63, 65]) {
      const signature = new Uint8Array(length);
      expect(nativeAnswer({ ...signed, signature })).toBe('invalid');
    }
    expect(nativeAnswer({ ...signed, key: signed.key.subarray(1) })).toBe('invalid');
  });
});

describe('mutations', () => {
  const bits = fc.array(fc.nat({ max: 160 * 8 - 1 }), { minLength: 0, maxLength: 2 });
  const shift = fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 5, 6, 7);

  it('get the exact verdict', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 40 }),
      shift,
      shift,
      bits,
      (seed, keyShift, rShift, flipped) => {
        const signed = craft(sodium, { seed, keyShift, rShift });
        const all = replace(new Uint8Array(160), 0, signed.signature);
        all.set(signed.prehash, 64);
        all.set(signed.key, 128);
        for (const bit of flipped) flipBit(all, bit);
        expectExact({
          signature: all.slice(0, 64),
          prehash: all.slice(64, 128),
          key: all.slice(128),
        });
      },
    );
    fc.assert(property, { numRuns: 250 });
  });

  it('of R, S or the message under an ordinary key never need the exact check', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.nat({ max: 128 * 8 - 1 }),
      (seed, bit) => {
        const { signature, prehash, key } = craft(sodium, { seed, keyShift: 0, rShift: 0 });
        const all = replace(new Uint8Array(128), 0, signature);
        all.set(prehash, 64);
        flipBit(all, bit);
        const mutated = { signature: all.slice(0, 64), prehash: all.slice(64), key };
        expect(nativeAnswer(mutated)).toBe('invalid');
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe('the self-test', () => {
  it('passes on a good libsodium', () => {
    expect(() => testNativeSignature(native)).not.toThrow();
  });

  it('finds a subtraction that computes wrongly, and a multiplication that accepts anything', () => {
    const wrongSub = new NativeSignatureCheck({
      ...sodium,
      crypto_core_ed25519_sub: (out, left, right) =>
        sodium.crypto_core_ed25519_add(out, left, right),
    });
    expect(() => testNativeSignature(wrongSub)).toThrow('refuses a valid signature');
    const neutral = new NativeSignatureCheck({
      ...sodium,
      crypto_core_ed25519_sub: (out, left) => out.set(left.length === 32 ? NEUTRAL : left),
    });
    expect(() => testNativeSignature(neutral)).toThrow('accepts a signature with another R');
  });
});
