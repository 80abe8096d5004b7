/** What a stream has received and its caller has not taken yet, bounded by bytes. */
import type { Item } from './stream-script.ts';

/** What an item costs beside its record's bytes. */
const ITEM_BYTES = 256;

/** A queue with a bound. */
export class ItemBuffer<T> {
  readonly #bytesMax: number;
  #items: Item<T>[] = [];
  /** Index of the oldest item; what is before it was taken. */
  #first = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#first === this.#items.length;
  }

  /** Half full: reading from the network should stop if it can. */
  get isHigh(): boolean {
    return this.#bytes > this.#bytesMax / 2;
  }

  /** A quarter full or less: reading may go on. */
  get isLow(): boolean {
    return this.#bytes <= this.#bytesMax / 4;
  }

  /** Whether a record of so many bytes fits; into an empty buffer any does. */
  fits(bytes: number): boolean {
    return this.isEmpty || this.#bytes + bytes + ITEM_BYTES <= this.#bytesMax;
  }

  push(item: Item<T>): void {
    this.#items.push(item);
    this.#bytes += bytesOf(item);
  }

  shift(): Item<T> | undefined {
    const item = this.#items[this.#first];
    if (item === undefined) return undefined;
    this.#first += 1;
    this.#bytes -= bytesOf(item);
    // Cut off in blocks: shifting a long array for each item would cost its length.
    if (this.#first === this.#items.length || this.#first >= 1024) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = 0;
    this.#bytes = 0;
  }
}

function bytesOf<T>(item: Item<T>): number {
  return ITEM_BYTES + (item.record?.bytes.length ?? 0);
}
