/** Work that is done again and again, each time a while after the last, until it is told to stop. */

/** Repeats work. */
export class RepeatedWork {
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;

  /**
   * Does some work again and again; what it rejects with is passed over. Processes that start together
   * do not stay in step.
   *
   * @param ms most time between the end of one and the beginning of the next, in milliseconds
   */
  every(ms: number, work: () => Promise<unknown>): void {
    if (this.#isClosed) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        void work()
          .catch(() => undefined)
          .finally(() => this.every(ms, work));
      },
      ms * (0.75 + Math.random() / 4),
    );
    timer.unref();
    this.#timers.add(timer);
  }

  /** Nothing is begun any more. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
