/** The IDs of the records that the store was filled with, to ask for them and to judge answers. */
import { REFERENCE_BYTES } from '@mosaic-cluster/protocol';
import type { RecordCache } from './record-cache.ts';
import type { RecordRange } from './record-range.ts';

/** IDs by record number. */
export class StoreIds {
  readonly first: number;
  readonly count: number;
  readonly #ids: Buffer;

  constructor(range: RecordRange, cache: RecordCache) {
    this.first = range.first;
    this.count = range.count;
    this.#ids = Buffer.alloc(range.count * REFERENCE_BYTES);
    let at = 0;
    for (const record of cache.read(range)) {
      this.#ids.set(record.subarray(0, REFERENCE_BYTES), at);
      at += REFERENCE_BYTES;
    }
  }

  /** The ID of a record: a view. */
  id(index: number): Buffer {
    const at = (index - this.first) * REFERENCE_BYTES;
    return this.#ids.subarray(at, at + REFERENCE_BYTES);
  }

  /** Compares the ID at `at` with a record's: below, at or above 0. */
  compare(index: number, bytes: Buffer, at: number): number {
    const start = (index - this.first) * REFERENCE_BYTES;
    return bytes.compare(this.#ids, start, start + REFERENCE_BYTES, at, at + REFERENCE_BYTES);
  }
}
