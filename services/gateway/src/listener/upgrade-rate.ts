/**
 * How many requests become WebSockets in a second, where that is the first a listener hears of a
 * connection. Those from where many came already are refused first.
 */
import { type HttpResponse, refuseRequest } from './http-answer.ts';

const WINDOW_MS = 1000;
/** From this part of the bound on it matters who comes. */
const BUSY_SHARE = 0.5;
/** Then an address that had this part of the bound gets no more. */
const ADDRESS_SHARE = 0.125;
/** Who is refused is told to come again after at most this many seconds. */
const RETRY_SECONDS_MAX = 5;

/** What is answered above the rate; the time is random, so that not all come again together. */
export function comeAgainLater(): HttpResponse {
  const seconds = 1 + Math.floor(Math.random() * RETRY_SECONDS_MAX);
  const headers = { 'Retry-After': String(seconds) };
  return refuseRequest(503, 'Too many clients connect at this moment.', headers);
}

/** Counts for one listener. Holds as many addresses as it allows upgrades in a second. */
export class UpgradeRate {
  readonly #max: number;
  readonly #now: () => number;
  readonly #counts = new Map<string, number>();
  #since = Number.NEGATIVE_INFINITY;
  #total = 0;

  /**
   * @param max `upgradesPerSecondMax`
   * @param now milliseconds, of any beginning
   */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#now = now;
  }

  /** Whether one more from this group may be upgraded; if so it is counted. */
  take(group: string): boolean {
    const now = this.#now();
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#total = 0;
      this.#counts.clear();
    }
    const count = this.#counts.get(group) ?? 0;
    const isBusy = this.#total >= this.#max * BUSY_SHARE;
    if (this.#total >= this.#max || (isBusy && count >= this.#max * ADDRESS_SHARE)) return false;
    this.#total += 1;
    this.#counts.set(group, count + 1);
    return true;
  }
}
