/** Finds the smallest range that an address is in, among very many: one lookup per length of prefix. */
import { type AddressRange, maskAddress } from './address-range.ts';

/** A range that was found. */
export interface FoundRange {
  readonly prefixBits: number;
  /** As it was added. */
  readonly endMs: number;
}

/** Ranges of one family: the longest prefix first. */
type Family = { readonly prefixBits: number; readonly ends: Map<string, number> }[];

/** Ranges with the time at which each ends. */
export class AddressTable {
  readonly #ipv4: Family = [];
  readonly #ipv6: Family = [];
  #size = 0;

  /** How many ranges there are. */
  get size(): number {
    return this.#size;
  }

  /** @param endMs in milliseconds since 1970, or `Infinity`; of a range that is added twice the later counts */
  add({ bytes, prefixBits }: AddressRange, endMs: number): void {
    const family = this.#familyOf(bytes);
    let level = family.find((each) => each.prefixBits === prefixBits);
    if (level === undefined) {
      level = { prefixBits, ends: new Map() };
      family.push(level);
      family.sort((a, b) => b.prefixBits - a.prefixBits);
    }
    const name = nameOf(bytes, prefixBits);
    const before = level.ends.get(name);
    if (before === undefined) this.#size += 1;
    level.ends.set(name, Math.max(before ?? 0, endMs));
  }

  /**
   * Has a range end at another time, or takes it out.
   *
   * @param endMs as for {@link add}; undefined: it is no more
   * @returns whether that is another time than before
   */
  change({ bytes, prefixBits }: AddressRange, endMs: number | undefined): boolean {
    const name = nameOf(bytes, prefixBits);
    const level = this.#familyOf(bytes).find((each) => each.prefixBits === prefixBits);
    if (level?.ends.get(name) === endMs) return false;
    if (level?.ends.delete(name) === true) this.#size -= 1;
    if (endMs !== undefined) this.add({ bytes, prefixBits }, endMs);
    return true;
  }

  /** The smallest range with an address that has not ended. */
  find(address: Uint8Array, nowMs: number): FoundRange | undefined {
    for (const { prefixBits, ends } of this.#familyOf(address)) {
      const endMs = ends.get(nameOf(address, prefixBits));
      if (endMs !== undefined && endMs > nowMs) return { prefixBits, endMs };
    }
    return undefined;
  }

  #familyOf({ length }: Uint8Array): Family {
    return length === 4 ? this.#ipv4 : this.#ipv6;
  }
}

function nameOf(bytes: Uint8Array, prefixBits: number): string {
  const masked = prefixBits === bytes.length * 8 ? bytes : maskAddress(bytes, prefixBits);
  return String.fromCharCode(...masked);
}
