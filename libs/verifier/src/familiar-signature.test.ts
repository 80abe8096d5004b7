/** The shorter way for familiar keys: never another verdict, and how keys get there. */
import { verifyPrehash } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  craft,
  flipBit,
  L,
  nonCanonicalPoints,
  type Signed,
  TORSION,
} from '../test/support.ts';
import { FamiliarKeys } from './familiar-keys.ts';
import { FamiliarSignatureCheck } from './familiar-signature.ts';
import { NativeSignatureCheck } from './native-signature.ts';
import { loadSodium } from './sodium.ts';

const sodium = await loadSodium();

/** A familiar check that counts how often it is sure. */
class Counting extends FamiliarSignatureCheck {
  sure = 0;

  override isValid(R: Uint8Array, s: Uint8Array, k: Uint8Array, key: Uint8Array): boolean {
    const isValid = super.isValid(R, s, k, key);
    if (isValid) this.sure += 1;
    return isValid;
  }
}

function answer(check: NativeSignatureCheck, { signature, prehash, key }: Signed): string {
  return check.answer(signature, prehash, key);
}

/** A check that the key of `seed` is familiar to. */
function familiarTo(
  seed: number,
  familiar = new Counting(sodium),
): { check: NativeSignatureCheck; familiar: Counting; ordinary: Signed } {
  const check = new NativeSignatureCheck(sodium, familiar);
  const ordinary = craft(sodium, { seed, keyShift: 0, rShift: 0 });
  becomeFamiliar(check, ordinary);
  return { check, familiar, ordinary };
}

/** Also where a forged signature was seen. */
function becomeFamiliar(check: NativeSignatureCheck, ordinary: Signed): void {
  for (let i = 0; i < 16; i++) expect(answer(check, ordinary)).toBe('valid');
}

function changed(signed: Signed, change: (signature: Uint8Array) => void): Signed {
  const signature = signed.signature.slice();
  change(signature);
  return { ...signed, signature };
}

describe('a familiar key', () => {
  it('is one with four valid signatures; forged ones do not count', () => {
    const familiar = new Counting(sodium);
    const check = new NativeSignatureCheck(sodium, familiar);
    const good = craft(sodium, { seed: 1, keyShift: 0, rShift: 0 });
    const bad = changed(good, (signature) => flipBit(signature, 300));
    const sure = [good, bad, good, bad, bad, good, bad, good, good, good].map((signed) => {
      expect(answer(check, signed)).toBe(signed === good ? 'valid' : 'invalid');
      return familiar.sure;
    });
    expect(sure).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
  });

  it('is none after a forged signature, until there were sixteen valid ones', () => {
    const { check, familiar, ordinary } = familiarTo(7);
    const before = familiar.sure;
    const forged = changed(ordinary, (signature) => flipBit(signature, 300));
    for (let i = 0; i < 3; i++) expect(answer(check, forged)).toBe('invalid');
    becomeFamiliar(check, ordinary);
    expect(familiar.sure).toBe(before);
    expect(answer(check, ordinary)).toBe('valid');
    expect(familiar.sure).toBe(before + 1);
  });

  it('has every valid signature found valid the short way', () => {
    const { check, familiar } = familiarTo(2);
    const property = fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (prehash) => {
      const before = familiar.sure;
      const signed = craft(sodium, { seed: 2, keyShift: 0, rShift: 0, prehash });
      expect(answer(check, signed)).toBe('valid');
      expect(familiar.sure).toBe(before + 1);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('has no altered signature found valid', () => {
    const { check, ordinary } = familiarTo(3);
    for (let bit = 0; bit < 512; bit++) {
      becomeFamiliar(check, ordinary);
      const other = changed(ordinary, (signature) => flipBit(signature, bit));
      expect(answer(check, other), `bit ${bit}`).toBe('invalid');
    }
  });

  it('gets the exact verdict on points of small order in R, put there before and after', () => {
    const { check, familiar, ordinary } = familiarTo(4);
    for (const [rShift, torsion] of TORSION.entries()) {
      if (rShift === 0) continue;
      becomeFamiliar(check, ordinary);
      const before = familiar.sure;
      expect(answer(check, craft(sodium, { seed: 4, keyShift: 0, rShift }))).toBe('valid');
      const after = changed(ordinary, (signature) => {
        const R = signature.subarray(0, 32);
        sodium.crypto_core_ed25519_add(R, R, torsion);
      });
      expect(answer(check, after)).toBe('invalid');
      expect(verifyPrehash(after.signature, after.prehash, after.key)).toBe(false);
      expect(familiar.sure).toBe(before);
    }
  });

  it('has no R accepted that is not canonical, though it decodes to the right point', () => {
    const { check, familiar, ordinary } = familiarTo(5);
    for (const rBytes of nonCanonicalPoints()) {
      becomeFamiliar(check, ordinary);
      const before = familiar.sure;
      const signed = craft(sodium, { seed: 5, keyShift: 0, rShift: 0, r: 0n, rBytes });
      expect(answer(check, signed)).toBe('invalid');
      expect(familiar.sure).toBe(before);
    }
  });
});

describe('a signature for the other sign', () => {
  /** S·B − R is −(k + 2t)·A here: the owner of a key can make it who knows t, or believes to. */
  const forgedFor = (t: bigint): Signed => craft(sodium, { ...shape, forT: t });
  const shape = { seed: 6, keyShift: 0, rShift: 0 };

  it('passes the short way where t is known: that is why it is secret', () => {
    const t = 123_456_789n;
    const { check } = familiarTo(6, new Counting(sodium, bytesOf(t)));
    const { signature, prehash, key } = forgedFor(t);
    expect(verifyPrehash(signature, prehash, key)).toBe(false);
    expect(answer(check, { signature, prehash, key })).toBe('valid');
  });

  it('does not pass where it is random', () => {
    const { check, familiar, ordinary } = familiarTo(6);
    for (const t of [0n, 1n, 123_456_789n, L - 1n]) {
      becomeFamiliar(check, ordinary);
      const before = familiar.sure;
      expect(answer(check, forgedFor(t))).toBe('invalid');
      expect(familiar.sure).toBe(before);
    }
  });
});

describe('the table of familiar keys', () => {
  const t = bytesOf(77n);
  const keyOf = (seed: number): Uint8Array => craft(sodium, { seed, keyShift: 0, rShift: 0 }).key;
  const meet = (keys: FamiliarKeys, key: Uint8Array, times: number): void => {
    for (let i = 0; i < times; i++) keys.meet(key);
  };

  it('has one key in a slot, the last one met', () => {
    const keys = new FamiliarKeys(sodium, t, 1);
    meet(keys, keyOf(1), 4);
    expect(keys.find(keyOf(1))).toBeDefined();
    expect(keys.find(keyOf(2))).toBeUndefined();
    keys.meet(keyOf(2));
    expect(keys.find(keyOf(1))).toBeUndefined();
    meet(keys, keyOf(2), 2);
    expect(keys.find(keyOf(2))).toBeUndefined();
    keys.meet(keyOf(2));
    expect(keys.find(keyOf(2))).toBeDefined();
  });

  it('keeps t·A, and the u of A/8', () => {
    const keys = new FamiliarKeys(sodium, t);
    const key = keyOf(3);
    meet(keys, key, 300);
    const { shift, eighth } = keys.find(key)!;
    const expected = new Uint8Array(32);
    sodium.crypto_scalarmult_ed25519_noclamp(expected, t, key);
    expect(shift).toEqual(expected);
    // 8·(L − x)·(A/8) is −x·A, whose u is that of x·A; X25519 takes such a large scalar as it is.
    const x = 2n ** 130n;
    const u = new Uint8Array(32);
    sodium.crypto_scalarmult(u, bytesOf(8n * (L - x)), eighth);
    sodium.crypto_scalarmult_ed25519_noclamp(expected, bytesOf(x), key);
    sodium.crypto_sign_ed25519_pk_to_curve25519(expected, expected);
    expect(u).toEqual(expected);
  });

  it('never has a key outside the prime-order subgroup, and does not try again', () => {
    const keys = new FamiliarKeys(sodium, t);
    const { key } = craft(sodium, { seed: 4, keyShift: 1, rShift: 0 });
    meet(keys, key, 1000);
    expect(keys.find(key)).toBeUndefined();
  });

  it('has a number of slots that is a power of two', () => {
    for (const slots of [0, 3, 131_072]) {
      expect(() => new FamiliarKeys(sodium, t, slots)).toThrow(RangeError);
    }
  });
});
