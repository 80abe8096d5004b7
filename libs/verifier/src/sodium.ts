/**
 * The few functions of libsodium that checking and making Mosaic signatures takes, and how they
 * are loaded. libsodium has no call for a signature over a foreign prehash, so the equation is
 * assembled from its group operations.
 */
import { MosaicError } from '@mosaic-cluster/protocol';

/**
 * The functions used, as `sodium-native` names them: outputs first, all byte strings of exact
 * size. Those that return nothing throw where libsodium's status is not 0.
 */
export interface Sodium {
  /** out (32) = scalar (32, its top bit ignored) · B. Throws where that is the neutral element. */
  crypto_scalarmult_ed25519_base_noclamp(out: Uint8Array, scalar: Uint8Array): void;
  /**
   * out (32) = scalar (32, its top bit ignored) · point. Throws for a point that is not canonical,
   * not on the curve, of small order or outside the prime-order subgroup, and where the result is
   * the neutral element.
   */
  crypto_scalarmult_ed25519_noclamp(out: Uint8Array, scalar: Uint8Array, point: Uint8Array): void;
  /** out (32) = left + right. Throws where one is not on the curve; takes non-canonical points. */
  crypto_core_ed25519_add(out: Uint8Array, left: Uint8Array, right: Uint8Array): void;
  /** out (32) = left − right. Throws where one is not on the curve; takes non-canonical points. */
  crypto_core_ed25519_sub(out: Uint8Array, left: Uint8Array, right: Uint8Array): void;
  /** out (32) = wide (64) modulo the group order. */
  crypto_core_ed25519_scalar_reduce(out: Uint8Array, wide: Uint8Array): void;
  /** out (32) = left + right modulo the group order. */
  crypto_core_ed25519_scalar_add(out: Uint8Array, left: Uint8Array, right: Uint8Array): void;
  /** out (32) = −scalar modulo the group order. */
  crypto_core_ed25519_scalar_negate(out: Uint8Array, scalar: Uint8Array): void;
  /**
   * out (32) = X25519(scalar, u): the u of the scalar, clamped, times a point with this u. Throws
   * where that is the neutral element.
   */
  crypto_scalarmult(out: Uint8Array, scalar: Uint8Array, u: Uint8Array): void;
  /** u (32) of a point (32). Throws for a point outside the prime-order subgroup. */
  crypto_sign_ed25519_pk_to_curve25519(u: Uint8Array, point: Uint8Array): void;
  /** out (64) = SHA-512(message). */
  crypto_hash_sha512(out: Uint8Array, message: Uint8Array): void;
  /** publicKey (32) and secretKey (64) from a seed (32), by RFC 8032. */
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
}

const NAMES: readonly (keyof Sodium)[] = [
  'crypto_scalarmult_ed25519_base_noclamp',
  'crypto_scalarmult_ed25519_noclamp',
  'crypto_core_ed25519_add',
  'crypto_core_ed25519_sub',
  'crypto_core_ed25519_scalar_reduce',
  'crypto_core_ed25519_scalar_add',
  'crypto_core_ed25519_scalar_negate',
  'crypto_scalarmult',
  'crypto_sign_ed25519_pk_to_curve25519',
  'crypto_hash_sha512',
  'crypto_sign_seed_keypair',
];

/**
 * Loads libsodium.
 *
 * @throws MosaicError `unavailable` with code `native-module` where the platform has no binary, or
 *   the module is not the one expected
 */
export async function loadSodium(): Promise<Sodium> {
  let module: { readonly default?: unknown };
  try {
    module = await import('sodium-native');
  } catch (cause) {
    throw unavailable('sodium-native does not load on this platform', cause);
  }
  const functions = module.default as Readonly<Record<string, unknown>> | undefined;
  const missing = NAMES.find((name) => typeof functions?.[name] !== 'function');
  if (missing !== undefined) throw unavailable(`sodium-native has no ${missing}`, undefined);
  return functions as unknown as Sodium;
}

function unavailable(message: string, cause: unknown): MosaicError {
  return new MosaicError('unavailable', 'native-module', message, { cause });
}
