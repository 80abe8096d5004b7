/**
 * Ed25519 public keys: who somebody is (a master key) or what signs for them (a signing key), and
 * which 32 bytes are acceptable as one. Small-order points are refused because signatures under
 * them say nothing; other encodings of a point because a key must have exactly one name.
 *
 * Source: Mosaic specification 0.8.0, "Cryptography".
 */
import { etc, getPublicKey, hashes, Point } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { hexEncode } from './bytes.ts';
import { MosaicError } from './error.ts';

hashes.sha512 = sha512;

/** 32 bytes: a compressed Edwards point. */
export type PublicKey = Uint8Array;
/** 32 bytes: the seed that a key pair comes from (RFC 8032 §5.1.5). Handle as a secret. */
export type SecretKey = Uint8Array;

/** Bytes of a public key, and of a secret key. */
export const KEY_BYTES = 32;

/** Why 32 bytes are no public key. */
export type KeyFault = 'length' | 'not-canonical' | 'not-a-point' | 'small-order';

const FAULT_TEXT: Readonly<Record<KeyFault, string>> = {
  length: 'a key has 32 bytes',
  'not-canonical': 'the key is not the canonical encoding of its point',
  'not-a-point': 'the key is not a point on the curve',
  'small-order': 'the key is a point of small order',
};

const FIELD_PRIME = 2n ** 255n - 19n;

/** The encodings of the 8 small-order points, canonical or not, with the sign bit cleared. */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/**
 * Why `bytes` may not stand as an author or signing key; undefined where they may. Mixed-order
 * points are fine. Costs a square root in the field, some tens of microseconds.
 */
export function publicKeyFault(bytes: Uint8Array): KeyFault | undefined {
  if (bytes.length !== KEY_BYTES) return 'length';
  const text = hexEncode(bytes);
  const withoutSign = text.slice(0, 62) + (bytes[31]! & 0x7f).toString(16).padStart(2, '0');
  if (SMALL_ORDER_Y.has(withoutSign)) return 'small-order';
  let y = 0n;
  for (let i = 31; i >= 0; i--) y = (y << 8n) | BigInt(i === 31 ? bytes[i]! & 0x7f : bytes[i]!);
  if (y >= FIELD_PRIME) return 'not-canonical';
  try {
    Point.fromBytes(bytes);
    return undefined;
  } catch {
    return 'not-a-point';
  }
}

/** Whether `bytes` may stand as an author or signing key. */
export function isPublicKey(bytes: Uint8Array): boolean {
  return publicKeyFault(bytes) === undefined;
}

/** The sentence for a {@link KeyFault}. */
export function describeKeyFault(fault: KeyFault): string {
  return FAULT_TEXT[fault];
}

/**
 * Returns `bytes` where they are a public key.
 *
 * @throws MosaicError `invalid` with code `key`
 */
export function asPublicKey(bytes: Uint8Array): PublicKey {
  const fault = publicKeyFault(bytes);
  if (fault === undefined) return bytes;
  throw new MosaicError('invalid', 'key', FAULT_TEXT[fault], {
    range: { start: 0, end: bytes.length },
  });
}

/**
 * The public key of a seed.
 *
 * @throws MosaicError `invalid` with code `secret-key` where `secret` has not 32 bytes
 */
export function publicKeyOf(secret: SecretKey): PublicKey {
  assertSecretKey(secret);
  return getPublicKey(secret);
}

/** A new seed from the host's secure random source. */
export function generateSecretKey(): SecretKey {
  return etc.randomBytes(KEY_BYTES);
}

/** @throws MosaicError `invalid` with code `secret-key` where `secret` has not 32 bytes */
export function assertSecretKey(secret: SecretKey): void {
  if (secret.length === KEY_BYTES) return;
  throw new MosaicError('invalid', 'secret-key', 'a secret key has 32 bytes');
}
