/** Lets a bounded number in at a time; a bounded number waits, first come, first served. */
import { MosaicError } from '@mosaic-cluster/protocol';

/** How many, and what they are called when there are too many. */
export interface TurnstileOptions {
  readonly insideMax: number;
  readonly waitingMax: number;
  /** Code of the error when more would wait. */
  readonly code: string;
  /** What waits, in the plural, for that error's message. */
  readonly what: string;
}

/** A place that only so many may be in at a time. */
export class Turnstile {
  readonly #options: TurnstileOptions;
  readonly #waiting: (() => void)[] = [];
  readonly #watching: (() => void)[] = [];
  #inside = 0;

  constructor(options: TurnstileOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` when its turn comes.
   *
   * @throws MosaicError `limited` with the given code where too many wait
   */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** Resolves once everybody who came before has left. */
  async drained(): Promise<void> {
    while (this.#inside > 0) await this.#left();
  }

  #enter(): Promise<void> | undefined {
    const { insideMax, waitingMax, code, what } = this.#options;
    if (this.#inside < insideMax) {
      this.#inside += 1;
      return undefined;
    }
    if (this.#waiting.length >= waitingMax) {
      throw new MosaicError('limited', code, `${waitingMax} ${what} wait already`);
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  // The place is handed on, so that a newcomer cannot slip in before the one who waits.
  #leave(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    this.#inside -= 1;
    for (const resolve of this.#watching.splice(0)) resolve();
  }

  #left(): Promise<void> {
    return new Promise((resolve) => {
      this.#watching.push(resolve);
    });
  }
}
