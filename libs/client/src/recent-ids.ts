/**
 * Remembers the IDs of records that were handed on, up to a bound, so that what a server sends
 * again after a reconnect is recognised.
 */
import type { Reference } from '@mosaic-cluster/protocol';

/** Bytes of an ID that are remembered: its timestamp and 128 bits of its hash. */
const ID_BYTES = 24;

/** A short text that stands for an ID. */
export function idText(id: Reference): string {
  return String.fromCharCode(...id.subarray(0, ID_BYTES));
}

/** A bounded set of IDs. */
export class RecentIds {
  readonly #max: number;
  readonly #ids = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Remembers an ID; the one remembered longest is forgotten where there is no room. */
  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#max) return;
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  /**
   * Remembers an ID only where there is room. Stored records come newest first, and the newest are
   * those that a reconnect soon after brings again.
   */
  addWhereRoom(id: string): void {
    if (this.#ids.size < this.#max) this.#ids.add(id);
  }
}
