/**
 * Records that break one rule and no other: fields are changed in a valid record, and what depends
 * on them (ID, signature) is made anew, so that nothing but the change can be at fault.
 */
import { createHash } from 'node:crypto';
import {
  h64,
  hexDecode,
  type RecordView,
  type SecretKey,
  signatureDomain,
  signPrehash,
} from '@mosaic-cluster/protocol';

/** The order of the prime-order subgroup of Ed25519. */
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** A point of order 8: no multiple of the base point, and nothing after multiplying by 8. */
const SMALL_ORDER_POINT = hexDecode(
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
);
/** The identity, y = 1, written as y = p + 1. */
const IDENTITY_NOT_CANONICAL = hexDecode(
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
);

/** Keys that no record may have: what is wrong, and 32 bytes. */
export const BAD_KEYS: readonly (readonly [string, Uint8Array])[] = [
  ['the identity', hexDecode(`01${'00'.repeat(31)}`)],
  ['a point of order 2', hexDecode(`ec${'ff'.repeat(30)}7f`)],
  ['a point of order 4', new Uint8Array(32)],
  ['a point of order 8', SMALL_ORDER_POINT],
  ['the identity with its sign bit set', hexDecode(`01${'00'.repeat(30)}80`)],
  ['y = p', hexDecode(`ed${'ff'.repeat(30)}7f`)],
  ['y = p + 1', IDENTITY_NOT_CANONICAL],
  ['y = p + 3', hexDecode(`f0${'ff'.repeat(30)}7f`)],
  ['no point of the curve', hexDecode(`02${'00'.repeat(31)}`)],
];

/** A copy with some bytes changed, and everything else as it was. */
export function withBytes(record: RecordView, change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = record.bytes.slice();
  change(bytes);
  return bytes;
}

/** A copy with some signed bytes changed, its ID and signature made anew. */
export function forged(
  record: RecordView,
  secretKey: SecretKey,
  change: (bytes: Uint8Array) => void,
  sign: (prehash: Uint8Array) => Uint8Array = (prehash) => signPrehash(prehash, secretKey),
): Uint8Array {
  const bytes = withBytes(record, change);
  const prehash = h64(bytes.subarray(48, record.signedEnd));
  bytes.set(bytes.subarray(128, 136), 0);
  bytes.set(prehash.subarray(0, 40), 8);
  bytes.set(sign(prehash), record.signedEnd);
  return bytes;
}

function scalarOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function bytesOf(scalar: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((scalar >> BigInt(8 * i)) & 0xffn));
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** A signature whose R is `nonce` (worth nothing, times 8) and whose S is k·a. */
function signWithNonce(
  prehash: Uint8Array,
  secretKey: SecretKey,
  publicKey: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  const digest = sha512(secretKey).slice(0, 32);
  digest[0]! &= 0xf8;
  digest[31] = (digest[31]! & 0x7f) | 0x40;
  const k = scalarOf(sha512(signatureDomain(), nonce, publicKey, prehash)) % GROUP_ORDER;
  const signature = new Uint8Array(64);
  signature.set(nonce);
  signature.set(bytesOf((k * scalarOf(digest)) % GROUP_ORDER), 32);
  return signature;
}

/** Valid by the cofactored equation and by no other: R is a point of small order. */
export function smallOrderNonce(
  prehash: Uint8Array,
  secretKey: SecretKey,
  publicKey: Uint8Array,
): Uint8Array {
  return signWithNonce(prehash, secretKey, publicKey, SMALL_ORDER_POINT);
}

/** Satisfies the equation, but R is written in a way that is not canonical. */
export function nonCanonicalNonce(
  prehash: Uint8Array,
  secretKey: SecretKey,
  publicKey: Uint8Array,
): Uint8Array {
  return signWithNonce(prehash, secretKey, publicKey, IDENTITY_NOT_CANONICAL);
}

/** The same signature with S + L in place of S: it satisfies the equation, but is refused. */
export function unreducedScalar(prehash: Uint8Array, secretKey: SecretKey): Uint8Array {
  const signature = signPrehash(prehash, secretKey).slice();
  signature.set(bytesOf(scalarOf(signature.subarray(32)) + GROUP_ORDER), 32);
  return signature;
}
