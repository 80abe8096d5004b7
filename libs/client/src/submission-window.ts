/**
 * How many submissions may be under way. The bound starts at its maximum, is halved when the server
 * says TOO_FAST and grows back by one for each bound's worth of good answers.
 */
import { RESULT } from '@mosaic-cluster/protocol';

/** TOO_FAST answers to submissions that were sent together count once: this long, in milliseconds. */
const HALVING_MS = 100;

/** The submissions under way on a client's connection. */
export class SubmissionWindow {
  readonly #max: number;
  readonly #bytesMax: number;
  #size: number;
  #halvedAt = Number.NEGATIVE_INFINITY;
  #count = 0;
  #bytes = 0;

  constructor(max: number, bytesMax: number) {
    this.#max = max;
    this.#bytesMax = bytesMax;
    this.#size = max;
  }

  /** Submissions that may be under way at present. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /** Whether another submission of so many bytes may be sent; one may always. */
  admits(bytes: number): boolean {
    if (this.#count === 0) return true;
    return this.#count < this.size && this.#bytes + bytes <= this.#bytesMax;
  }

  sent(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
  }

  /** @param now milliseconds */
  answered(bytes: number, result: number, now: number): void {
    this.lost(bytes);
    if (result !== RESULT.TOO_FAST) {
      this.#size = Math.min(this.#max, this.#size + 1 / this.#size);
    } else if (now - this.#halvedAt >= HALVING_MS) {
      this.#halvedAt = now;
      this.#size = Math.max(1, this.#size / 2);
    }
  }

  /** There will be no answer. */
  lost(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
  }
}
