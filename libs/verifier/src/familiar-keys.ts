/**
 * What is kept of signing keys that are met often, so that their signatures are checked at two
 * thirds of the cost: see `familiar-signature.ts`. Memory is taken once and never grows.
 */
import { KEY_BYTES } from '@mosaic-cluster/protocol';
import type { Sodium } from './sodium.ts';

/** Slots of a table by default: 1.6 MB. */
export const FAMILIAR_KEYS_DEFAULT = 16_384;
/**
 * Valid signatures after which a key counts as familiar. What is kept of it takes as long to make
 * as two signatures to check, so keys that come and go must not get there.
 */
const FAMILIAR_FROM = 4;
/**
 * Valid signatures after which the short way is taken again where it was taken in vain. A forged
 * signature costs the short way and the ordinary one; so forgers cannot have many go both.
 */
const FAMILIAR_AGAIN_FROM = 16;
/** Instead of a count: the key is ready, or it will never be. */
const READY = 254;
const NEVER = 255;

/** What is kept of a key A, in 32 bytes each; views, overwritten when another key takes the slot. */
export interface FamiliarKey {
  /** The Montgomery u of A/8. */
  readonly eighth: Uint8Array;
  /** t·A, canonical. */
  readonly shift: Uint8Array;
}

/** Keys by slot, each key having exactly one; not shared between threads. */
export class FamiliarKeys {
  readonly #sodium: Sodium;
  readonly #t: Uint8Array;
  readonly #mask: number;
  readonly #keys: Uint8Array;
  readonly #eighths: Uint8Array;
  readonly #shifts: Uint8Array;
  /** Valid signatures seen by the key in a slot, or below READY how many are missing; or NEVER. */
  readonly #seen: Uint8Array;

  /**
   * @param t a scalar below the group order that nobody else knows
   * @param slots how many keys it holds; a power of two, at most 65,536
   */
  constructor(sodium: Sodium, t: Uint8Array, slots: number = FAMILIAR_KEYS_DEFAULT) {
    if (slots < 1 || slots > 65_536 || (slots & (slots - 1)) !== 0) {
      throw new RangeError(`slots must be a power of two up to 65536, not ${slots}`);
    }
    this.#sodium = sodium;
    this.#t = t;
    this.#mask = slots - 1;
    this.#keys = new Uint8Array(slots * KEY_BYTES);
    this.#eighths = new Uint8Array(slots * KEY_BYTES);
    this.#shifts = new Uint8Array(slots * KEY_BYTES);
    this.#seen = new Uint8Array(slots);
  }

  /** What is kept of a key; undefined: nothing, or not yet. */
  find(key: Uint8Array): FamiliarKey | undefined {
    const slot = this.#slotOf(key);
    if (this.#seen[slot] !== READY || !this.#holds(slot, key)) return undefined;
    const at = slot * KEY_BYTES;
    return {
      eighth: this.#eighths.subarray(at, at + KEY_BYTES),
      shift: this.#shifts.subarray(at, at + KEY_BYTES),
    };
  }

  /**
   * A signature by `key` was found valid the ordinary way. Forged ones do not count, so that a key
   * is made familiar, and another one forgotten for it, by its owner alone.
   */
  meet(key: Uint8Array): void {
    const slot = this.#slotOf(key);
    if (!this.#holds(slot, key)) {
      this.#keys.set(key, slot * KEY_BYTES);
      this.#seen[slot] = 1;
      return;
    }
    if (this.#seen[slot]! >= READY) return;
    const seen = this.#seen[slot]! + 1;
    this.#seen[slot] = seen;
    if (seen === FAMILIAR_FROM) this.#seen[slot] = this.#prepare(slot, key) ? READY : NEVER;
  }

  /** A signature by `key` was found invalid: nothing is found of it until it was met often again. */
  doubt(key: Uint8Array): void {
    const slot = this.#slotOf(key);
    if (this.#seen[slot] === READY && this.#holds(slot, key)) {
      this.#seen[slot] = READY - FAMILIAR_AGAIN_FROM;
    }
  }

  /** Whether libsodium took all steps; it refuses keys outside the prime-order subgroup. */
  #prepare(slot: number, key: Uint8Array): boolean {
    const sodium = this.#sodium;
    const at = slot * KEY_BYTES;
    const eighth = new Uint8Array(KEY_BYTES);
    try {
      sodium.crypto_scalarmult_ed25519_noclamp(eighth, ONE_EIGHTH, key);
      const u = this.#eighths.subarray(at, at + KEY_BYTES);
      sodium.crypto_sign_ed25519_pk_to_curve25519(u, eighth);
      const shift = this.#shifts.subarray(at, at + KEY_BYTES);
      sodium.crypto_scalarmult_ed25519_noclamp(shift, this.#t, key);
      return true;
    } catch {
      return false;
    }
  }

  #holds(slot: number, key: Uint8Array): boolean {
    if (this.#seen[slot] === 0) return false;
    const at = slot * KEY_BYTES;
    for (let i = 0; i < KEY_BYTES; i++) if (this.#keys[at + i] !== key[i]) return false;
    return true;
  }

  #slotOf(key: Uint8Array): number {
    return (key[1]! | (key[2]! << 8)) & this.#mask;
  }
}

/** 1/8 modulo the group order 2²⁵² + 27742317777372353535851937790883648493, little-endian. */
const ONE_EIGHTH: Uint8Array = Uint8Array.from(
  '792fdce229e50661d0da1c7db39dd30700000000000000000000000000000006'.match(/../g)!,
  (byte) => Number.parseInt(byte, 16),
);
