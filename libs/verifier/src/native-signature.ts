/**
 * The Mosaic signature check out of libsodium's group operations: some eight times as fast as the
 * exact check in plain JavaScript, and the same verdict for every input. Signatures by keys that
 * are met often take a shorter way to a "valid", see `familiar-signature.ts`.
 *
 *     k = SHA-512( domain ‖ R ‖ A ‖ prehash ) mod L      P = S·B − k·A
 *     valid    P's bytes are R, or P − R has small order
 *     unsure   an operation refused its input: the exact check decides
 *
 * Why "valid" is final. libsodium writes P canonically: y below p, and the sign of x, which is 0
 * where x is 0. So a byte string that equals P's is R's one canonical encoding, R is P, and
 * S·B = R + k·A. Times 8, that is the equation to check, and it holds for the unreduced k too,
 * because 8·A lies in the subgroup of order L. S below L is checked here. That A is canonical, on
 * the curve and not of small order is what the multiplication insists on. It insists on more, that
 * A lies in the prime-order subgroup (older releases of libsodium let some mixed-order points
 * through): nothing above needs that.
 *
 * The difference P − R, for an R that is canonical and on the curve, decides the rest: the
 * cofactored equation says that 8·(P − R) is neutral, that P − R is one of the 8 points of small
 * order, whose canonical encodings are known. So forged signatures are refused at native speed
 * and cannot be used to make a server fall back to the slow check. What is left for that are
 * mixed-order keys, and S or k of 0.
 */
import {
  isReducedScalar,
  SIGNATURE_BYTES,
  signatureDomain,
  type VerifyFunction,
} from '@mosaic-cluster/protocol';
import { FamiliarSignatureCheck } from './familiar-signature.ts';
import { isCanonicalPoint, isSmallOrderPoint } from './point.ts';
import type { Sodium } from './sodium.ts';

/** What the native check can say; `unsure` is a question to the exact one. */
export type NativeAnswer = 'valid' | 'invalid' | 'unsure';

/** The native signature check with its scratch space. Not shared between threads. */
export class NativeSignatureCheck {
  readonly #sodium: Sodium;
  readonly #hashed: Uint8Array;
  readonly #hashedAt: number;
  readonly #digest: Uint8Array = new Uint8Array(64);
  readonly #k: Uint8Array = new Uint8Array(32);
  readonly #s: Uint8Array = new Uint8Array(32);
  readonly #left: Uint8Array = new Uint8Array(32);
  readonly #right: Uint8Array = new Uint8Array(32);
  readonly #point: Uint8Array = new Uint8Array(32);
  readonly #familiar: FamiliarSignatureCheck;

  /** @param familiar is asked first; by default one that knows no key yet */
  constructor(
    sodium: Sodium,
    familiar: FamiliarSignatureCheck = new FamiliarSignatureCheck(sodium),
  ) {
    this.#sodium = sodium;
    this.#familiar = familiar;
    const domain = signatureDomain();
    this.#hashedAt = domain.length;
    this.#hashed = new Uint8Array(domain.length + 128);
    this.#hashed.set(domain);
  }

  /**
   * @param signature R and S; any other length than 64 is `invalid`
   * @param prehash 64 bytes, H64 of the message
   * @param key 32 bytes, A
   */
  answer(signature: Uint8Array, prehash: Uint8Array, key: Uint8Array): NativeAnswer {
    if (signature.length !== SIGNATURE_BYTES || key.length !== 32) return 'invalid';
    if (prehash.length !== 64) return 'unsure';
    this.#s.set(signature.subarray(32));
    if (this.#s[31]! >= 0x10 && !isReducedScalar(this.#s)) return 'invalid';
    this.#computeK(signature, prehash, key);
    const R = signature.subarray(0, 32);
    if (this.#familiar.isValid(R, this.#s, this.#k, key)) return 'valid';
    const answer = this.#ordinaryAnswer(R, key);
    if (answer === 'valid') this.#familiar.meet(key);
    else this.#familiar.doubt(key);
    return answer;
  }

  #computeK(signature: Uint8Array, prehash: Uint8Array, key: Uint8Array): void {
    const sodium = this.#sodium;
    const hashed = this.#hashed;
    const at = this.#hashedAt;
    for (let i = 0; i < 32; i++) hashed[at + i] = signature[i]!;
    hashed.set(key, at + 32);
    hashed.set(prehash, at + 64);
    sodium.crypto_hash_sha512(this.#digest, hashed);
    sodium.crypto_core_ed25519_scalar_reduce(this.#k, this.#digest);
  }

  #ordinaryAnswer(R: Uint8Array, key: Uint8Array): NativeAnswer {
    const sodium = this.#sodium;
    const point = this.#point;
    try {
      sodium.crypto_scalarmult_ed25519_noclamp(this.#right, this.#k, key);
      sodium.crypto_scalarmult_ed25519_base_noclamp(this.#left, this.#s);
      sodium.crypto_core_ed25519_sub(point, this.#left, this.#right);
    } catch {
      return 'unsure';
    }
    for (let i = 0; i < 32; i++) if (point[i] !== R[i]) return this.#compare(R);
    return 'valid';
  }

  /** The cofactored comparison of the computed point with an R of other bytes. */
  #compare(R: Uint8Array): NativeAnswer {
    if (!isCanonicalPoint(R)) return 'invalid';
    try {
      this.#sodium.crypto_core_ed25519_sub(this.#left, this.#point, R);
    } catch {
      return 'invalid';
    }
    return isSmallOrderPoint(this.#left) ? 'valid' : 'invalid';
  }
}

/** A {@link VerifyFunction} that asks `native` and, where that is unsure, `exact`. */
export function verifyWith(native: NativeSignatureCheck, exact: VerifyFunction): VerifyFunction {
  return (signature, prehash, key) => {
    const answer = native.answer(signature, prehash, key);
    return answer === 'unsure' ? exact(signature, prehash, key) : answer === 'valid';
  };
}
