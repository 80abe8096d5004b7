/** One list of operators in memory, bans or who is allowed: when each entry ends, by subject. */
import type { PublicKey } from '@mosaic-cluster/protocol';
import type { AddressRange } from './address-range.ts';
import { AddressTable, type FoundRange } from './address-table.ts';
import { type BanSubject, isKeySubject } from './ban-facts.ts';

/** Entries by subject; times are in milliseconds since 1970, `Infinity` where an entry has no end. */
export class BanEntries {
  readonly #addresses = new AddressTable();
  readonly #keys = new Map<string, number>();

  /** @param always ranges that are in it for good */
  constructor(always: readonly AddressRange[] = []) {
    for (const range of always) this.#addresses.add(range, Infinity);
  }

  get size(): number {
    return this.#addresses.size + this.#keys.size;
  }

  add(subject: BanSubject, endMs: number): void {
    if (isKeySubject(subject)) this.#keys.set(nameOfKey(subject), endMs);
    else this.#addresses.add(subject, endMs);
  }

  /**
   * Has an entry end at another time, or takes it out.
   *
   * @param endMs undefined: it is no more
   * @returns whether that is another time than before
   */
  change(subject: BanSubject, endMs: number | undefined): boolean {
    if (!isKeySubject(subject)) return this.#addresses.change(subject, endMs);
    const name = nameOfKey(subject);
    if (this.#keys.get(name) === endMs) return false;
    if (endMs === undefined) this.#keys.delete(name);
    else this.#keys.set(name, endMs);
    return true;
  }

  /** The smallest range with an address that has not ended. */
  ofAddress(address: Uint8Array, nowMs: number): FoundRange | undefined {
    return this.#addresses.size === 0 ? undefined : this.#addresses.find(address, nowMs);
  }

  /** When the entry of a key ends, where it has not. */
  ofKey(key: PublicKey, nowMs: number): number | undefined {
    if (this.#keys.size === 0) return undefined;
    const endMs = this.#keys.get(nameOfKey(key)) ?? 0;
    return endMs > nowMs ? endMs : undefined;
  }
}

/** A key's bytes in latin1. */
function nameOfKey(key: PublicKey): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
