/** Remembers where the entries of the growing segment lie, for its footer. */
import type { LogEntry } from './segment-log.ts';

const ROWS_AT_FIRST = 1024;

/** Offset and record bytes of every entry of one segment, in order. */
export class EntryTable {
  #values = new Uint32Array(ROWS_AT_FIRST * 2);
  #used = 0;

  /** Two numbers per entry: its offset in the segment, the bytes of its record. A view. */
  get rows(): Uint32Array {
    return this.#values.subarray(0, this.#used);
  }

  /** @param offsets one per entry */
  add(offsets: Uint32Array, entries: readonly Pick<LogEntry, 'record'>[]): void {
    const needed = this.#used + entries.length * 2;
    if (needed > this.#values.length) {
      const larger = new Uint32Array(Math.max(needed, this.#values.length * 2));
      larger.set(this.#values);
      this.#values = larger;
    }
    for (let i = 0; i < entries.length; i++) {
      this.#values[this.#used] = offsets[i]!;
      this.#values[this.#used + 1] = entries[i]!.record.bytes.length;
      this.#used += 2;
    }
  }
}
