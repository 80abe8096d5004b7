/**
 * Query ids of one connection. An id comes back into use only after all others have been used, so
 * that a late message for a request that is over cannot be taken for an answer to a new one.
 */

/** Never given out: the id of the probe that asks a silent server for a sign of life. */
export const PROBE_QUERY_ID = 0xffff;

/** Gives out query ids 0 to 65,534. */
export class QueryIds {
  #next = 0;
  #hasWrapped = false;

  /**
   * An id that is not in use.
   *
   * @param isUsed whether an id is taken; at least one must be free
   */
  take(isUsed: (id: number) => boolean): number {
    for (;;) {
      const id = this.#next;
      this.#next += 1;
      if (this.#next === PROBE_QUERY_ID) {
        this.#next = 0;
        this.#hasWrapped = true;
      }
      if (!isUsed(id)) return id;
    }
  }

  /** Whether an id was ever given out; a server that answers to another one is broken. */
  wasTaken(id: number): boolean {
    return id !== PROBE_QUERY_ID && (this.#hasWrapped || id < this.#next);
  }
}
