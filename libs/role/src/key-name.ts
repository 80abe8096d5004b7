/** Keys as text, for maps: short, quick to make, and not for people. */
import type { PublicKey } from '@mosaic-cluster/protocol';

/** The 32 bytes of a key as a string of 32 characters. */
export function keyName(key: PublicKey): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
