/**
 * Whether a connection is alive, and up to which moment everything that the server wrote on it has
 * arrived. Both come from probes: a silent connection says nothing by itself, and a message that
 * arrives now may have waited in a queue for minutes.
 */

/** What to do after a look at the clock. */
export type PulseVerdict = 'fine' | 'probe' | 'dead';

/** The probes of one connection. Times are in milliseconds, of this machine's clock. */
export class Pulse {
  readonly #intervalMs: number;
  #probedAt: number;
  #heardAt: number;
  #awaitedSince: number | undefined;
  #confirmedAt = 0;

  /** @param intervalMs between probes, and the longest silence while one is unanswered */
  constructor(intervalMs: number, now: number) {
    this.#intervalMs = intervalMs;
    this.#probedAt = now;
    this.#heardAt = now;
  }

  /** When the newest probe that was answered had been sent; 0: none was. */
  get confirmedAt(): number {
    return this.#confirmedAt;
  }

  /** Something came, or reading was taken up again after silence of our own making. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** The answer to the probe came. */
  answered(now: number): void {
    this.#heardAt = now;
    if (this.#awaitedSince === undefined) return;
    this.#confirmedAt = this.#awaitedSince;
    this.#awaitedSince = undefined;
  }

  /** `probe`: send one now. At most one is under way. */
  check(now: number): PulseVerdict {
    if (now - this.#probedAt < this.#intervalMs) return 'fine';
    if (this.#awaitedSince !== undefined) {
      return now - this.#heardAt < this.#intervalMs ? 'fine' : 'dead';
    }
    this.#awaitedSince = now;
    this.#probedAt = now;
    return 'probe';
  }
}
