/** Has live subscriptions forget what they were sent out of storage, some time after. */
import type { Clock } from '../clock.ts';
import type { Subscription } from './subscription.ts';

/** What the memory needs. */
export interface SentMemoryOptions {
  readonly clock: Clock;
  /** How long after a subscription became live it is to remember. */
  readonly memoryMs: number;
  /** Whether a subscription needs it for longer. */
  readonly isNeeded: (subscription: Subscription) => boolean;
}

/** All live subscriptions that remember what they sent. */
export class SentMemory {
  readonly #options: SentMemoryOptions;
  /** With the time they became live, in the order of it. */
  readonly #liveSince = new Map<Subscription, number>();
  #stop: (() => void) | undefined;

  constructor(options: SentMemoryOptions) {
    this.#options = options;
  }

  /** Whether anybody remembers anything. */
  get isUsed(): boolean {
    return this.#liveSince.size > 0;
  }

  /** A subscription is live, again perhaps. */
  note(subscription: Subscription): void {
    if (!subscription.seam.remembersSent) return;
    // Removed first: the map must stay in the order of its times.
    this.#liveSince.delete(subscription);
    this.#liveSince.set(subscription, this.#options.clock.now());
    this.#schedule();
  }

  /** A subscription is over. */
  drop(subscription: Subscription): void {
    this.#liveSince.delete(subscription);
  }

  /** Stops its timer. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #schedule(): void {
    if (this.#stop !== undefined || this.#liveSince.size === 0) return;
    const { clock, memoryMs } = this.#options;
    this.#stop = clock.schedule(() => {
      this.#stop = undefined;
      this.#forget(clock.now() - memoryMs);
      this.#schedule();
    }, memoryMs);
  }

  #forget(liveBefore: number): void {
    const needed: Subscription[] = [];
    for (const [subscription, liveSince] of this.#liveSince) {
      if (liveSince > liveBefore) break;
      this.#liveSince.delete(subscription);
      if (this.#options.isNeeded(subscription)) needed.push(subscription);
      else subscription.seam.forgetSent();
    }
    for (const subscription of needed) this.note(subscription);
  }
}
