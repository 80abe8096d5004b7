/**
 * Remembers for a while which live records passed and whom they reached: a second copy of one, from
 * another role, for more readers or out of storage, reaches only the others.
 */
import type { LiveRecord } from '@mosaic-cluster/bus';
import type { Timestamp } from '@mosaic-cluster/protocol';
import type { Subscription } from './subscription.ts';

/** How much is remembered. */
export interface RecentBounds {
  /** Records. */
  readonly recordsMax: number;
  /** Deliveries of private records, all together. */
  readonly deliveriesMax: number;
}

interface Passed {
  /** When a copy for everybody passed last: it reached whoever had subscribed. 0: none did. */
  publicAt: number;
  /** Serials of the subscriptions that copies for particular readers reached. */
  serials: number[] | undefined;
  readonly receivedAt: Timestamp;
}

/** The records published last, by ID. */
export class RecentRecords {
  readonly #bounds: RecentBounds;
  readonly #passed = new Map<string, Passed>();
  #deliveries = 0;
  #forgottenUpTo: Timestamp = 0n;

  constructor(bounds: RecentBounds) {
    this.#bounds = bounds;
  }

  /** Of records received later than this, everything is known. */
  get forgottenUpTo(): Timestamp {
    return this.#forgottenUpTo;
  }

  /** Whether any copy of a record has passed that somebody waited for. */
  has(id: string): boolean {
    return this.#passed.has(id);
  }

  /** Whether a record has reached a subscription that it matches, or will, being held for it. */
  reached(id: string, subscription: Subscription): boolean {
    const passed = this.#passed.get(id);
    if (passed === undefined) return false;
    return passed.publicAt > subscription.serial || isAmong(passed, subscription);
  }

  /** Whether a copy for particular readers has reached a subscription. */
  reachedPrivately(id: string, subscription: Subscription): boolean {
    const passed = this.#passed.get(id);
    return passed !== undefined && isAmong(passed, subscription);
  }

  /** Takes note of a copy for everybody that somebody waited for. */
  notePublic(id: string, live: LiveRecord, moment: number): void {
    this.#passedAs(id, live).publicAt = moment;
  }

  /** Takes note of a delivery of a copy for particular readers. */
  notePrivate(id: string, live: LiveRecord, subscription: Subscription): void {
    const passed = this.#passedAs(id, live);
    passed.serials ??= [];
    passed.serials.push(subscription.serial);
    this.#deliveries += 1;
    if (this.#deliveries > this.#bounds.deliveriesMax) this.#forgetOldest(id);
  }

  #passedAs(id: string, { receivedAt }: LiveRecord): Passed {
    const known = this.#passed.get(id);
    if (known !== undefined) return known;
    const passed: Passed = { publicAt: 0, serials: undefined, receivedAt };
    this.#passed.set(id, passed);
    if (this.#passed.size > this.#bounds.recordsMax) this.#forgetOldest(id);
    return passed;
  }

  /** Forgets as many as are too many, but for the one that just passed. */
  #forgetOldest(latest: string): void {
    const { recordsMax, deliveriesMax } = this.#bounds;
    for (const [id, { serials, receivedAt }] of this.#passed) {
      const isFull = this.#passed.size > recordsMax || this.#deliveries > deliveriesMax;
      if (!isFull || id === latest) return;
      this.#passed.delete(id);
      this.#deliveries -= serials?.length ?? 0;
      if (receivedAt > this.#forgottenUpTo) this.#forgottenUpTo = receivedAt;
    }
  }
}

function isAmong({ serials }: Passed, { serial }: Subscription): boolean {
  return serials !== undefined && serials.includes(serial);
}
