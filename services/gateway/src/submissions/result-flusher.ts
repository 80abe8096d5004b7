/**
 * Sends Submission Results when a whole batch has been answered: each connection gets all of its
 * results in one go instead of one system call each.
 */

/** Something that has results to send. */
export interface ResultHolder {
  flushResults(): void;
}

/** The connections that have results to send in this turn. */
export class ResultFlusher {
  readonly #holders = new Set<ResultHolder>();

  /** Has a connection flush its results when the code that runs now is done. */
  add(holder: ResultHolder): void {
    if (this.#holders.size === 0) queueMicrotask(() => this.#flush());
    this.#holders.add(holder);
  }

  #flush(): void {
    const holders = [...this.#holders];
    this.#holders.clear();
    for (const holder of holders) holder.flushResults();
  }
}
