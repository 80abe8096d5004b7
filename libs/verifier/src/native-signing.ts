/**
 * Making keys and signatures with libsodium, for those who sign by the thousand: load generators
 * and tools. The bytes are those of the protocol library.
 *
 * The last step multiplies secret scalars with BigInt arithmetic, whose time depends on the
 * numbers, as everywhere in plain JavaScript. Do not sign for others with it where they can
 * measure how long it takes.
 */
import {
  assertSecretKey,
  type HashFunction,
  type SecretKey,
  SIGNATURE_BYTES,
  signatureDomain,
  type SigningTools,
} from '@mosaic-cluster/protocol';
import type { Sodium } from './sodium.ts';

/** The order of the base point. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** {@link SigningTools} with nothing left to default. */
export type NativeSigningTools = Required<SigningTools>;

/** The signing tools on a loaded libsodium, with the hash given. */
export function signingToolsWith(sodium: Sodium, hash: HashFunction): NativeSigningTools {
  const domain = signatureDomain();

  function sha512(...parts: readonly Uint8Array[]): Uint8Array {
    const digest = new Uint8Array(64);
    sodium.crypto_hash_sha512(digest, Buffer.concat(parts));
    return digest;
  }

  function scalarOf(digest: Uint8Array): Uint8Array {
    const scalar = new Uint8Array(32);
    sodium.crypto_core_ed25519_scalar_reduce(scalar, digest);
    return scalar;
  }

  function publicKeyOf(secret: SecretKey): Uint8Array {
    assertSecretKey(secret);
    const key = new Uint8Array(32);
    sodium.crypto_sign_seed_keypair(key, new Uint8Array(64), secret);
    return key;
  }

  function sign(prehash: Uint8Array, secret: SecretKey): Uint8Array {
    const key = publicKeyOf(secret);
    const expanded = sha512(secret);
    expanded[0]! &= 248;
    expanded[31]! &= 127;
    expanded[31]! |= 64;
    const r = scalarOf(sha512(domain, expanded.subarray(32), prehash));
    const signature = new Uint8Array(SIGNATURE_BYTES);
    const R = signature.subarray(0, 32);
    sodium.crypto_scalarmult_ed25519_base_noclamp(R, r);
    const k = scalarOf(sha512(domain, R, key, prehash));
    const secretScalar = littleEndian(expanded.subarray(0, 32));
    let s = (littleEndian(r) + littleEndian(k) * secretScalar) % L;
    for (let i = 32; i < SIGNATURE_BYTES; i++, s >>= 8n) signature[i] = Number(s & 0xffn);
    return signature;
  }

  return { hash, sign, publicKeyOf };
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}
