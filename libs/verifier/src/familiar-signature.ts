/**
 * A quicker "valid" for signatures by keys that are met often. libsodium's multiplication by a
 * point tests on every call whether that lies in the prime-order subgroup, which takes half of its
 * time. Its X25519 does not test, but keeps the u coordinate only: it loses the sign. A secret
 * number t brings the sign back:
 *
 *     D = S·B − R        valid    u(D + t·A) = u((k + t)·A)
 *
 * A u belongs to a point and its negative. If D + t·A is the point, D is k·A, as it should be. If it
 * is the negative, D is −(k + 2t)·A: whoever makes such a signature has guessed t, one number
 * among 2²⁵². What is not valid by this is asked of the ordinary check, so a "no" is never given here.
 *
 * X25519 multiplies by 8·m for an m of 252 bits whose top bit is set. So A/8 is what is kept, and m is
 * k + t or its negative modulo the group order, one of which has that bit. More in the README.
 */
import { randomBytes } from 'node:crypto';
import { FamiliarKeys } from './familiar-keys.ts';
import { isCanonicalPoint } from './point.ts';
import type { Sodium } from './sodium.ts';

/** The prime 2²⁵⁵ − 19. */
const P = 2n ** 255n - 19n;
const TOP_WORD = 2n ** 63n - 1n;

/** See the file's head. Not shared between threads: it has scratch space. */
export class FamiliarSignatureCheck {
  readonly #sodium: Sodium;
  readonly #t: Uint8Array;
  readonly #keys: FamiliarKeys;
  readonly #m: Uint8Array = new Uint8Array(32);
  readonly #point: Uint8Array = new Uint8Array(32);
  readonly #u: Uint8Array = new Uint8Array(32);
  readonly #pointWords: DataView = new DataView(this.#point.buffer);
  readonly #uWords: DataView = new DataView(this.#u.buffer);

  /**
   * @param t a scalar below the group order, 32 bytes; whoever knows it can have signatures of their
   *   own keys accepted that others refuse. By default random
   * @param slots how many keys are kept; see `FamiliarKeys`
   */
  constructor(sodium: Sodium, t: Uint8Array = randomScalar(sodium), slots?: number) {
    this.#sodium = sodium;
    this.#t = t;
    this.#keys = new FamiliarKeys(sodium, t, slots);
  }

  /** A signature by `key` was found valid the ordinary way. */
  meet(key: Uint8Array): void {
    this.#keys.meet(key);
  }

  /** A signature by `key` was found invalid. */
  doubt(key: Uint8Array): void {
    this.#keys.doubt(key);
  }

  /**
   * Whether a signature is certainly valid; false: not known.
   *
   * @param R 32 bytes, any
   * @param s 32 bytes, below the group order
   * @param k 32 bytes, below the group order
   * @param key 32 bytes, any
   */
  isValid(R: Uint8Array, s: Uint8Array, k: Uint8Array, key: Uint8Array): boolean {
    const known = this.#keys.find(key);
    if (known === undefined || !isCanonicalPoint(R)) return false;
    const sodium = this.#sodium;
    const m = this.#m;
    const point = this.#point;
    sodium.crypto_core_ed25519_scalar_add(m, k, this.#t);
    if ((m[31]! & 0x08) === 0) sodium.crypto_core_ed25519_scalar_negate(m, m);
    if ((m[31]! & 0xf8) !== 0x08) return false;
    timesEight(m);
    try {
      sodium.crypto_scalarmult_ed25519_base_noclamp(point, s);
      sodium.crypto_core_ed25519_sub(point, point, R);
      sodium.crypto_core_ed25519_add(point, point, known.shift);
      sodium.crypto_scalarmult(this.#u, m, known.eighth);
    } catch {
      return false;
    }
    const y = numberOf(this.#pointWords);
    const u = numberOf(this.#uWords);
    // u is (1 + y) / (1 − y).
    return (u * (P + 1n - y) - 1n - y) % P === 0n;
  }
}

function randomScalar(sodium: Sodium): Uint8Array {
  const scalar = new Uint8Array(32);
  sodium.crypto_core_ed25519_scalar_reduce(scalar, randomBytes(64));
  return scalar;
}

/** Multiplies 32 little-endian bytes by 8, in place; the top three bits must be 0. */
function timesEight(bytes: Uint8Array): void {
  for (let i = 31; i > 0; i--) bytes[i] = (bytes[i]! << 3) | (bytes[i - 1]! >> 5);
  bytes[0] = bytes[0]! << 3;
}

/** The low 255 bits of 32 little-endian bytes: a coordinate without the sign of the other. */
function numberOf(words: DataView): bigint {
  const low = words.getBigUint64(0, true) | (words.getBigUint64(8, true) << 64n);
  const high = words.getBigUint64(16, true) | ((words.getBigUint64(24, true) & TOP_WORD) << 64n);
  return low | (high << 128n);
}
