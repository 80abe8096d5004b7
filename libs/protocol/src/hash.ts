/**
 * H64, the hash of Mosaic: BLAKE3, unkeyed, 64 bytes of extended output. Record IDs and every
 * signature stand on it.
 */
import { blake3 } from '@noble/hashes/blake3.js';

/** Bytes of an H64. */
export const H64_BYTES = 64;

/** A function from a message to its 64-byte BLAKE3; servers may supply a faster one. */
export type HashFunction = (message: Uint8Array) => Uint8Array;

const OPTIONS = { dkLen: H64_BYTES } as const;

/** The 64-byte BLAKE3 of `message`, in a new array. */
export function h64(message: Uint8Array): Uint8Array {
  return blake3(message, OPTIONS);
}

/** The 32-byte BLAKE3 of `message`: the first half of its {@link h64}. Names BLOBs. */
export function h32(message: Uint8Array): Uint8Array {
  return blake3(message);
}
