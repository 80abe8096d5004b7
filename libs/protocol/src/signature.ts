/**
 * Mosaic signatures: Ed25519ph with context "Mosaic", the prehash being H64 instead of SHA-512.
 * Verification is exact (cofactored, canonical encodings only), so that every implementation
 * gives the same verdict on every byte string.
 *
 *     k = SHA-512( "SigEd25519 no Ed25519 collisions" ‖ 01 ‖ 06 ‖ "Mosaic" ‖ R ‖ A ‖ H64(message) )
 *     accept  ⇔  8·S·B = 8·R + 8·k·A
 *
 * Source: Mosaic specification 0.8.0, "Cryptography"; RFC 8032 §5.1.
 */
import { Point, sign, utils, verify } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, hexDecode } from './bytes.ts';
import { h64 } from './hash.ts';
import { assertSecretKey, publicKeyFault, type PublicKey, type SecretKey } from './key.ts';

/** Bytes of a signature: R (32), then S (32, little endian). */
export const SIGNATURE_BYTES = 64;

/** Decides whether `signature` is `key`'s over the 64-byte `prehash`. */
export type VerifyFunction = (
  signature: Uint8Array,
  prehash: Uint8Array,
  key: PublicKey,
) => boolean;

/** The order of the base point. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** "SigEd25519 no Ed25519 collisions", prehash flag 1, context length 6, "Mosaic". */
const DOMAIN: Uint8Array = hexDecode(
  '53696745643235353139206e6f204564323535313920636f6c6c6973696f6e7301064d6f73616963',
);

/** The domain separation prefix of every SHA-512 in a Mosaic signature; 40 bytes, a copy. */
export function signatureDomain(): Uint8Array {
  return DOMAIN.slice();
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

function modL(hash: Uint8Array): bigint {
  return littleEndian(hash) % L;
}

/** Whether the 32 bytes of S are below the group order, as a signature's second half must be. */
export function isReducedScalar(scalar: Uint8Array): boolean {
  return scalar.length === 32 && littleEndian(scalar) < L;
}

/**
 * Signs a prehash.
 *
 * @param prehash 64 bytes, H64 of the message
 * @returns 64 bytes; the same for the same input
 */
export function signPrehash(prehash: Uint8Array, secret: SecretKey): Uint8Array {
  assertSecretKey(secret);
  const { prefix, scalar, pointBytes } = utils.getExtendedPublicKey(secret);
  const r = modL(sha512(concatBytes(DOMAIN, prefix, prehash)));
  const R = Point.BASE.multiply(r).toBytes();
  const k = modL(sha512(concatBytes(DOMAIN, R, pointBytes, prehash)));
  let s = (r + k * scalar) % L;
  const signature = new Uint8Array(SIGNATURE_BYTES);
  signature.set(R);
  for (let i = 32; i < SIGNATURE_BYTES; i++, s >>= 8n) signature[i] = Number(s & 0xffn);
  return signature;
}

/** Signs `message`: {@link signPrehash} over its H64. */
export function signMessage(message: Uint8Array, secret: SecretKey): Uint8Array {
  return signPrehash(h64(message), secret);
}

/**
 * The exact verdict on a signature over a prehash. About a millisecond; servers put a faster
 * check in front and ask this one when that says no.
 *
 * @returns false for anything malformed; never throws
 */
export function verifyPrehash(signature: Uint8Array, prehash: Uint8Array, key: PublicKey): boolean {
  if (signature.length !== SIGNATURE_BYTES || publicKeyFault(key) !== undefined) return false;
  const s = littleEndian(signature.subarray(32));
  if (s >= L) return false;
  const R = signature.subarray(0, 32);
  const k = modL(sha512(concatBytes(DOMAIN, R, key, prehash)));
  try {
    const left = Point.BASE.multiply(s, false);
    const right = Point.fromBytes(R).add(Point.fromBytes(key).multiply(k, false));
    return right.subtract(left).clearCofactor().is0();
  } catch {
    return false;
  }
}

/** The exact verdict on a signature over `message`; see {@link verifyPrehash}. */
export function verifyMessage(signature: Uint8Array, message: Uint8Array, key: PublicKey): boolean {
  return verifyPrehash(signature, h64(message), key);
}

/** Plain RFC 8032 Ed25519, which only the `mosaic2025` handshake uses. */
export function signPlain(message: Uint8Array, secret: SecretKey): Uint8Array {
  assertSecretKey(secret);
  return sign(message, secret);
}

/** Checks {@link signPlain}, strictly. False for anything malformed; never throws. */
export function verifyPlain(signature: Uint8Array, message: Uint8Array, key: PublicKey): boolean {
  try {
    return verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}
