/**
 * Has long readings go on one after the other. A page of records is some milliseconds of work, and
 * many clients who each ask for everything would otherwise have theirs done in the same turn of
 * the event loop, while everybody else's records and questions wait for all of them together.
 */

/** The turns of everything that one role reads. */
export class ReadingTurns {
  readonly #waiting = new Set<() => void>();

  /**
   * Resolves when this reading may go on: after everything else that the event loop has to do now,
   * in a turn of its own, first come, first served. Whoever waits holds a place in memory only; how
   * many there are is bounded by the requests that are open.
   */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.size === 0) setImmediate(this.#serve);
      this.#waiting.add(resolve);
    });
  }

  readonly #serve = (): void => {
    for (const goOn of this.#waiting) {
      this.#waiting.delete(goOn);
      if (this.#waiting.size > 0) setImmediate(this.#serve);
      goOn();
      return;
    }
  };
}
