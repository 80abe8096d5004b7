/**
 * The subjects that a process listens to, each once however many interests need it: a second
 * subscription to a subject would have the server send everything twice.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { NatsLink } from './nats-link.ts';

interface Entry {
  readonly subscription: Subscription;
  uses: number;
  isForbidden: boolean;
}

/** Counted subscriptions. */
export class InterestSubscriptions {
  readonly #link: NatsLink;
  readonly #take: (message: Msg) => void;
  readonly #entries = new Map<string, Entry>();

  /** @param take called with every message of every subject */
  constructor(link: NatsLink, take: (message: Msg) => void) {
    this.#link = link;
    this.#take = take;
  }

  /** How many subjects are listened to. */
  get size(): number {
    return this.#entries.size;
  }

  /** Listens to a subject, for one more use of it. */
  acquire(subject: string): void {
    const known = this.#entries.get(subject);
    if (known !== undefined) {
      known.uses += 1;
      return;
    }
    const subscription = this.#link.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else this.#forbid(subject);
      },
    });
    this.#entries.set(subject, { subscription, uses: 1, isForbidden: false });
  }

  /** Takes back one use. */
  release(subject: string): void {
    const entry = this.#entries.get(subject);
    if (entry === undefined) return;
    entry.uses -= 1;
    if (entry.uses > 0) return;
    this.#entries.delete(subject);
    if (!entry.subscription.isClosed()) entry.subscription.unsubscribe();
  }

  /** @throws MosaicError `unauthorized` where the server forbade to listen to the subject */
  check(subject: string): void {
    if (this.#entries.get(subject)?.isForbidden !== true) return;
    const message = `NATS does not allow this process to listen to ${subject}`;
    throw new MosaicError('unauthorized', 'bus-forbidden', message);
  }

  #forbid(subject: string): void {
    const entry = this.#entries.get(subject);
    if (entry !== undefined) entry.isForbidden = true;
  }
}
