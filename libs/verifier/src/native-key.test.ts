/** Key validity at native speed against the exact check, and the table of known keys. */
import { hexDecode, publicKeyFault } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, craft, nonCanonicalPoints, TORSION, vectors } from '../test/support.ts';
import { keyFaultWith, KnownKeys } from './native-key.ts';
import { loadSodium } from './sodium.ts';

const sodium = await loadSodium();

describe('key faults', () => {
  const keyFault = keyFaultWith(sodium, new KnownKeys());
  const checks = vectors('keys').filter((each) => each.type === 'public_key_check');

  it('has vectors to run', () => expect(checks.length).toBeGreaterThan(20));

  it.each(checks)('$name', (each) => {
    const key = hexDecode(each.bytes ?? each.public);
    for (let round = 0; round < 2; round++) {
      expect(keyFault(key)).toBe(publicKeyFault(key));
      expect(keyFault(key) === undefined).toBe(each.spec === 'accept');
    }
  });

  it('are the exact ones for crafted keys', () => {
    const mixed = TORSION.map((_, i) => craft(sodium, { seed: 9, keyShift: i, rShift: 0 }).key);
    const small = Array.from({ length: 40 }, (_, i) => bytesOf(BigInt(i)));
    const keys = [...mixed, ...small, ...nonCanonicalPoints(), ...TORSION, new Uint8Array(31)];
    for (const key of keys) expect(keyFault(key)).toBe(publicKeyFault(key));
  });

  it('are the exact ones for random bytes', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const property = fc.property(bytes, (key) => {
      expect(keyFault(key)).toBe(publicKeyFault(key));
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('of a known key cost no curve arithmetic', () => {
    let tests = 0;
    const counting = keyFaultWith(
      {
        ...sodium,
        crypto_core_ed25519_add: (out, left, right) => {
          tests += 1;
          sodium.crypto_core_ed25519_add(out, left, right);
        },
      },
      new KnownKeys(),
    );
    const { key } = craft(sodium, { seed: 10, keyShift: 0, rShift: 0 });
    for (let i = 0; i < 5; i++) expect(counting(key)).toBeUndefined();
    expect(tests).toBe(1);
  });
});

describe('the table of known keys', () => {
  it('knows what was added until another key takes its slot', () => {
    const known = new KnownKeys(4);
    const key = new Uint8Array(32).fill(8);
    const sameSlot = key.slice();
    sameSlot[31] = 9;
    expect(known.has(key)).toBe(false);
    known.add(key);
    expect(known.has(key)).toBe(true);
    expect(known.has(sameSlot)).toBe(false);
    known.add(sameSlot);
    expect(known.has(key)).toBe(false);
    expect(known.has(sameSlot)).toBe(true);
  });

  it('does not take an empty slot for the key of zeros, which is no valid key', () => {
    expect(new KnownKeys().has(new Uint8Array(32))).toBe(false);
  });

  it('has a size that is a power of two', () => {
    for (const slots of [0, 3, 131_072]) expect(() => new KnownKeys(slots)).toThrow(RangeError);
  });
});
