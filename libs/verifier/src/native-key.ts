/**
 * Key validity at native speed: a table of keys found valid before, then libsodium's test for the
 * curve. Whatever is not found valid here is put to the exact check, which names the fault.
 */
import { KEY_BYTES, type KeyFault, publicKeyFault } from '@mosaic-cluster/protocol';
import { isCanonicalPoint, isSmallOrderPoint } from './point.ts';
import type { Sodium } from './sodium.ts';

/** Keys that the table of a checker holds by default: 512 KiB. */
export const KNOWN_KEYS_DEFAULT = 16_384;

/**
 * Remembers keys found valid, one per slot, each key having exactly one slot. Memory is taken
 * once and never grows; a new key overwrites the one in its slot. Someone who sends many keys can
 * so evict others, which costs those a curve test (about a tenth of a signature check) and nothing
 * more: the table only ever holds keys that are valid, and it is compared on all 32 bytes.
 */
export class KnownKeys {
  readonly #slots: Uint8Array;
  readonly #mask: number;

  /** @param slots how many keys it holds; a power of two, at most 65,536 */
  constructor(slots: number = KNOWN_KEYS_DEFAULT) {
    if (slots < 1 || slots > 65_536 || (slots & (slots - 1)) !== 0) {
      throw new RangeError(`slots must be a power of two up to 65536, not ${slots}`);
    }
    this.#slots = new Uint8Array(slots * KEY_BYTES);
    this.#mask = slots - 1;
  }

  /** Whether `key` was added and not overwritten since. An empty slot is 32 zeros: no valid key. */
  has(key: Uint8Array): boolean {
    const at = this.#slotOf(key);
    let filled = 0;
    for (let i = 0; i < KEY_BYTES; i++) {
      const byte = this.#slots[at + i]!;
      if (byte !== key[i]) return false;
      filled |= byte;
    }
    return filled !== 0;
  }

  /** Adds a valid key in the place of the one in its slot. */
  add(key: Uint8Array): void {
    this.#slots.set(key, this.#slotOf(key));
  }

  #slotOf(key: Uint8Array): number {
    return ((key[1]! | (key[2]! << 8)) & this.#mask) * KEY_BYTES;
  }
}

/**
 * Why 32 bytes are no key, like the protocol library's `publicKeyFault` and with its results.
 *
 * @param exact is asked about everything that is not found valid
 */
export function keyFaultWith(
  sodium: Sodium,
  known: KnownKeys,
  exact: typeof publicKeyFault = publicKeyFault,
): typeof publicKeyFault {
  const scratch = new Uint8Array(KEY_BYTES);
  return (bytes: Uint8Array): KeyFault | undefined => {
    if (bytes.length !== KEY_BYTES) return exact(bytes);
    if (known.has(bytes)) return undefined;
    if (!isCanonicalPoint(bytes) || isSmallOrderPoint(bytes)) return exact(bytes);
    try {
      sodium.crypto_core_ed25519_add(scratch, bytes, bytes);
    } catch {
      return exact(bytes);
    }
    known.add(bytes);
    return undefined;
  };
}
