/**
 * Keeps writes apart that take several turns of the event loop: the next one begins when the one
 * before has ended, in the order of the calls.
 */

/** Runs actions one after the other. Who waits is bounded by who calls: nobody is turned away. */
export class Turns {
  /** Settles when the last action has ended; undefined: none is under way. Never rejects. */
  #last: Promise<void> | undefined;

  /**
   * Runs `action` after all those before it, at once where there is none.
   *
   * @returns what it returns; that one fails changes nothing for the next
   */
  take<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#last === undefined ? action() : this.#last.then(action);
    const end = (): void => {
      if (this.#last === ended) this.#last = undefined;
    };
    const ended: Promise<void> = done.then(end, end);
    this.#last = ended;
    return done;
  }
}
