/**
 * Limits how much of one thing happens at a time, with a bounded line of those who wait.
 */
import { RuntimeError } from './runtime-error.ts';

/** A semaphore's bounds. */
export interface SemaphoreOptions {
  /** How many may run at once; at least 1. */
  readonly limit: number;
  /** How many may wait; the next one is refused with `limited`, code `queue-full`. */
  readonly waitingMax: number;
  /** What is limited, for error messages. */
  readonly what: string;
}

/** Runs at most `limit` functions at once, first come, first served. */
export class Semaphore {
  readonly #options: SemaphoreOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: SemaphoreOptions) {
    if (!Number.isInteger(options.limit) || options.limit < 1) {
      throw new RangeError(`limit must be a whole number of at least 1, not ${options.limit}`);
    }
    this.#options = options;
  }

  /** How many run now. */
  get running(): number {
    return this.#running;
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `work` when its turn comes and returns what it returns or throws. */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    if (this.#running < this.#options.limit) this.#running += 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #turn(): Promise<void> {
    const { waitingMax, what } = this.#options;
    if (this.#waiting.length >= waitingMax) {
      const message = `too many ${what}: ${waitingMax} wait already`;
      return Promise.reject(new RuntimeError('limited', 'queue-full', message));
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  // A place is handed on directly, so that a newcomer cannot slip in before the one who waits.
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
