/**
 * Whether a connection is read. It is one pipe for many: while somebody has no room, reading stops,
 * but never while somebody else waits for a message, because that may be the very thing which the
 * first one needs to make room (a loop over a query that publishes, for one).
 */

/** What somebody wants of the network: nothing, a message to go on with, or no more for now. */
export type Demand = 'none' | 'waiting' | 'full';

/** Keeps count of who wants what. */
export class ReadFlow {
  readonly #demands = new Map<object, Demand>();
  readonly #change: (isPaused: boolean) => void;
  #waiting = 0;
  #full = 0;
  #isPaused = false;

  /** @param change told to stop reading (true) or to go on (false) */
  constructor(change: (isPaused: boolean) => void) {
    this.#change = change;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Says what `who` wants from now on. */
  set(who: object, demand: Demand): void {
    const before = this.#demands.get(who) ?? 'none';
    if (before === demand) return;
    if (demand === 'none') this.#demands.delete(who);
    else this.#demands.set(who, demand);
    this.#waiting += Number(demand === 'waiting') - Number(before === 'waiting');
    this.#full += Number(demand === 'full') - Number(before === 'full');
    const pause = this.#full > 0 && this.#waiting === 0;
    if (pause === this.#isPaused) return;
    this.#isPaused = pause;
    this.#change(pause);
  }
}
