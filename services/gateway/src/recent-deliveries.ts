/**
 * Remembers for a while whom a live record reached, so that a second copy of it, from another role
 * or for more readers, reaches only the others.
 */
import type { GatewayLimits } from './limits.ts';
import type { Subscription } from './subscription.ts';

/** The records published last, by ID, with the serials of the subscriptions they reached. */
export class RecentDeliveries {
  readonly #limits: GatewayLimits;
  readonly #serials = new Map<string, number[]>();
  #deliveries = 0;

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
  }

  /** Takes note of a delivery; false where the record had reached the subscription before. */
  note(id: string, subscription: Subscription): boolean {
    const serials = this.#serials.get(id);
    if (serials === undefined) this.#remember(id, [subscription.serial]);
    else if (serials.includes(subscription.serial)) return false;
    else this.#extend(serials, subscription);
    return true;
  }

  /** Takes note of deliveries and leaves in `targets` those that the record had not reached. */
  noteAll(id: string, targets: Subscription[]): void {
    const serials = this.#serials.get(id);
    if (serials === undefined) {
      const reached: number[] = [];
      for (const { serial } of targets) reached.push(serial);
      this.#remember(id, reached);
      return;
    }
    const before = new Set(serials);
    let kept = 0;
    for (const target of targets) {
      if (before.has(target.serial)) continue;
      this.#extend(serials, target);
      targets[kept++] = target;
    }
    targets.length = kept;
  }

  #extend(serials: number[], subscription: Subscription): void {
    serials.push(subscription.serial);
    this.#deliveries += 1;
  }

  #remember(id: string, serials: number[]): void {
    this.#serials.set(id, serials);
    this.#deliveries += serials.length;
    const { recentIdsMax, recentDeliveriesMax } = this.#limits;
    for (const [oldest, reached] of this.#serials) {
      const isFull = this.#serials.size > recentIdsMax || this.#deliveries > recentDeliveriesMax;
      if (!isFull || oldest === id) return;
      this.#serials.delete(oldest);
      this.#deliveries -= reached.length;
    }
  }
}
