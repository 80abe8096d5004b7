/**
 * Hands items from producers to a consumer that takes what has gathered in one batch. It is
 * bounded by count and weight: a full queue refuses at once, so producers feel the pressure.
 */

/** A queue's bounds. */
export interface BoundedQueueOptions<T> {
  /** At most this many items. */
  readonly countMax: number;
  /** At most this much weight together; unbounded when absent. */
  readonly weightMax?: number;
  /** An item's weight, such as its length in bytes; 0 when absent. Must not change. */
  readonly weigh?: (item: T) => number;
}

/** How much {@link BoundedQueue.take} returns at most. */
export interface BatchLimit {
  readonly countMax: number;
  /** Total weight; a single item that is heavier still comes, alone. */
  readonly weightMax?: number;
}

/** A first-in, first-out queue for any number of producers and consumers. */
export class BoundedQueue<T> {
  readonly #options: BoundedQueueOptions<T>;
  readonly #consumers: (() => void)[] = [];
  readonly #items: T[] = [];
  #weight = 0;
  #isClosed = false;

  constructor(options: BoundedQueueOptions<T>) {
    this.#options = options;
  }

  /** How many items wait. */
  get count(): number {
    return this.#items.length;
  }

  /** What the waiting items weigh together. */
  get weight(): number {
    return this.#weight;
  }

  /** Adds an item. Returns false, and keeps nothing, when the queue is full or closed. */
  offer(item: T): boolean {
    const weight = this.#options.weigh?.(item) ?? 0;
    const { countMax, weightMax = Infinity } = this.#options;
    if (this.#isClosed || this.count >= countMax || this.#weight + weight > weightMax) return false;
    this.#items.push(item);
    this.#weight += weight;
    // One an item: so no consumer sleeps while there is something that nobody was woken for.
    this.#consumers.shift()?.();
    return true;
  }

  /**
   * Waits until there is an item, then takes what there is, within `limit`. Returns an empty
   * batch only when the queue is closed and nothing is left.
   */
  async take(limit: BatchLimit): Promise<T[]> {
    // Another consumer may have been quicker than the one that was woken: look again.
    while (this.count === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#consumers.push(resolve);
      });
    }
    return this.#takeNow(limit);
  }

  /** Refuses further items; those inside can still be taken. Waiting consumers are released. */
  close(): void {
    this.#isClosed = true;
    for (const wake of this.#consumers.splice(0)) wake();
  }

  #takeNow(limit: BatchLimit): T[] {
    const { countMax, weightMax = Infinity } = limit;
    let weight = 0;
    let count = 0;
    for (const item of this.#items) {
      const itemWeight = this.#options.weigh?.(item) ?? 0;
      if (count > 0 && (count >= countMax || weight + itemWeight > weightMax)) break;
      weight += itemWeight;
      count += 1;
    }
    this.#weight -= weight;
    return this.#items.splice(0, count);
  }
}
