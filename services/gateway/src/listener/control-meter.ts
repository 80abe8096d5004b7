/**
 * How many pings and pongs a connection may send. They cost nobody's budget, for they are no
 * messages, and every ping is answered.
 */

/** The time over which they are counted. */
const WINDOW_MS = 10_000;

/** Counts for one connection. */
export class ControlMeter {
  readonly #framesMax: number;
  readonly #now: () => number;
  #since: number;
  #frames = 0;

  /**
   * @param framesMax `controlFramesMax`
   * @param now milliseconds, of any beginning
   */
  constructor(framesMax: number, now: () => number = () => performance.now()) {
    this.#framesMax = framesMax;
    this.#now = now;
    this.#since = now();
  }

  /** @returns false: with these the connection has sent too many */
  add(frames: number): boolean {
    const now = this.#now();
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#frames = 0;
    }
    this.#frames += frames;
    return this.#frames <= this.#framesMax;
  }
}
