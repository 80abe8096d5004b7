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

/** A bounded set of IDs, and when each was remembered. */
export class RecentIds {
  readonly #max: number;
  readonly #ids = new Map<string, number>();
  #completeSince: number | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** The moment after which no ID came that is not remembered; undefined: none ever was forgotten. */
  get completeSince(): number | undefined {
    return this.#completeSince;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Remembers an ID; the one remembered longest is forgotten where there is no room. */
  add(id: string, at: number): void {
    this.#ids.set(id, at);
    if (this.#ids.size <= this.#max) return;
    const [oldest] = this.#ids;
    if (oldest === undefined) return;
    this.#ids.delete(oldest[0]);
    this.#lack(oldest[1]);
  }

  /**
   * Remembers an ID only where there is room. Stored records come newest first, and the newest are
   * those that a reconnect soon after brings again.
   */
  addWhereRoom(id: string, at: number): void {
    if (this.#ids.size < this.#max) this.#ids.set(id, at);
    else this.#lack(at);
  }

  #lack(at: number): void {
    this.#completeSince = Math.max(this.#completeSince ?? at, at);
  }
}
