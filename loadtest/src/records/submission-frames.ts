/**
 * Submissions as they go over the wire, ready before the clock starts: WebSocket frames one behind
 * the other, so that any number of them is one write of a slice.
 */
import { MESSAGE_HEAD_BYTES, writeU24, MESSAGE } from '@mosaic-cluster/protocol';
import { FRAME_HEAD_BYTES_MAX, frameHeadBytes, writeFrameHead } from '../generator/frame.ts';

/** Bytes of an ID that a Submission Result repeats. */
const ID_PREFIX_BYTES = 32;

/** Framed submissions. */
export class SubmissionFrames {
  /** All frames. */
  readonly bytes: Buffer;
  readonly count: number;
  /** Where frame i starts; one more for the end. */
  readonly #starts: Float64Array;
  /** Where record i starts. */
  readonly #records: Float64Array;

  constructor(records: readonly Uint8Array[]) {
    this.count = records.length;
    this.#starts = new Float64Array(records.length + 1);
    this.#records = new Float64Array(records.length);
    const room = FRAME_HEAD_BYTES_MAX + MESSAGE_HEAD_BYTES;
    const total = records.reduce((sum, { length }) => sum + length + room, 0);
    this.bytes = Buffer.alloc(total);
    let at = 0;
    for (const [i, record] of records.entries()) {
      const length = MESSAGE_HEAD_BYTES + record.length;
      this.#starts[i] = at;
      writeFrameHead(this.bytes, at, length);
      at += frameHeadBytes(length);
      this.bytes[at] = MESSAGE.submission;
      writeU24(this.bytes, at + 1, length);
      this.#records[i] = at + MESSAGE_HEAD_BYTES;
      this.bytes.set(record, at + MESSAGE_HEAD_BYTES);
      at += length;
    }
    this.#starts[records.length] = at;
  }

  /** The frames from `from` up to, not including, `to`: a view. */
  slice(from: number, to: number): Buffer {
    return this.bytes.subarray(this.#starts[from], this.#starts[to]);
  }

  /** A number that stands for record i: 48 bits of its hash. See {@link idNumberAt}. */
  idNumber(i: number): number {
    return idNumberAt(this.bytes, this.#records[i]!);
  }

  /** Whether the ID prefix at `at` is record i's. */
  hasPrefix(i: number, bytes: Buffer, at: number): boolean {
    const start = this.#records[i]!;
    return (
      this.bytes.compare(bytes, at, at + ID_PREFIX_BYTES, start, start + ID_PREFIX_BYTES) === 0
    );
  }

  /** Whether the `length` bytes at `at` are record i. */
  isRecord(i: number, bytes: Buffer, at: number, length: number): boolean {
    const start = this.#records[i]!;
    return this.bytes.compare(bytes, at, at + length, start, this.#starts[i + 1]) === 0;
  }
}

/** 48 bits of the hash in the ID at `at`: tells the records of a run apart, as a cheap map key. */
export function idNumberAt(bytes: Buffer, at: number): number {
  return bytes.readUIntBE(at + 8, 6);
}
