/**
 * Remembers of records what says whether they may go, side by side in one buffer: a segment has hundreds of
 * thousands, and as objects they would take several times its own size.
 */
import { REFERENCE_BYTES } from '@mosaic-cluster/protocol';
import type { LeavingRecord } from './joins/compaction.ts';

const RECORD_BYTES = 2 * REFERENCE_BYTES;
const BYTES_AT_FIRST = 64 * RECORD_BYTES;

/** Records that are to go. */
export class LeavingRecords {
  #bytes = new Uint8Array(BYTES_AT_FIRST);
  readonly #handlings: LeavingRecord['duplicateHandling'][] = [];

  /** Takes a copy. */
  add({ id, address, duplicateHandling }: LeavingRecord): void {
    const at = this.#handlings.length * RECORD_BYTES;
    if (at === this.#bytes.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(id, at);
    this.#bytes.set(address, at + REFERENCE_BYTES);
    this.#handlings.push(duplicateHandling);
  }

  /** So many at a time, in the order in which they came. */
  *inPieces(recordsMax: number): Generator<LeavingRecord[]> {
    for (let from = 0; from < this.#handlings.length; from += recordsMax) {
      const handlings = this.#handlings.slice(from, from + recordsMax);
      yield handlings.map((duplicateHandling, i) => {
        const at = (from + i) * RECORD_BYTES;
        const middle = at + REFERENCE_BYTES;
        const id = this.#bytes.subarray(at, middle);
        const address = this.#bytes.subarray(middle, at + RECORD_BYTES);
        return { id, address, duplicateHandling };
      });
    }
  }
}
