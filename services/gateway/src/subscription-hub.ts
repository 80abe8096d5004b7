/**
 * Brings live records to the subscriptions of all connections. A subscription listens from the
 * moment it is opened; what arrives before its stored records were sent is held and follows
 * them, so that nothing is lost and nothing comes twice.
 */
import type { LiveRecord, ServedRecord } from '@mosaic-cluster/bus';
import {
  type FilterView,
  type PublicKey,
  type QueryId,
  RESULT,
  type ResultCode,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import type { Clock } from './clock.ts';
import type { GatewayCounters } from './counters.ts';
import { Delivery } from './delivery.ts';
import { resultOfError } from './errors-to-results.ts';
import { IdentityWatch } from './identity-watch.ts';
import { InterestIndex, type InterestListener } from './interest-index.ts';
import type { GatewayLimits } from './limits.ts';
import type { ClientSocket } from './listener/listener.ts';
import type { MessageWriter } from './message-writer.ts';
import { RecentDeliveries } from './recent-deliveries.ts';
import { idTextOf, Seam } from './seam.ts';
import { Subscriber, Subscription } from './subscription.ts';

/** What a hub needs. */
export interface SubscriptionHubOptions {
  readonly listener: InterestListener;
  /** The master keys that a key acts for, itself first. */
  readonly identities: (key: PublicKey) => Promise<readonly PublicKey[]>;
  readonly writer: MessageWriter;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly clock: Clock;
  /** Told of errors; what follows from them for clients is done already. */
  readonly failed: (error: unknown) => void;
}

/** All subscriptions of a gateway. */
export class SubscriptionHub {
  readonly #options: SubscriptionHubOptions;
  readonly #index: InterestIndex<Subscription>;
  readonly #watch: IdentityWatch;
  readonly #recent: RecentDeliveries;
  readonly #delivery: Delivery;
  readonly #found: Subscription[] = [];
  readonly #targets: Subscription[] = [];
  /** Live ones that still remember what they sent as stored, with the time they became live. */
  readonly #settling = new Map<Subscription, number>();
  #stopSettling: (() => void) | undefined;
  #serial = 0;

  constructor(options: SubscriptionHubOptions) {
    const { limits, counters, failed } = options;
    this.#options = options;
    this.#index = new InterestIndex(options.listener);
    this.#recent = new RecentDeliveries(limits);
    this.#delivery = new Delivery({ limits, counters, failed });
    this.#watch = new IdentityWatch({
      identities: options.identities,
      resolved: (subscriber) => this.resume(subscriber),
      failed: (subscriber, error) => this.#loseAll(subscriber, error),
    });
  }

  /** Makes a connection known, before its first subscription. */
  join(socket: ClientSocket, key: PublicKey | undefined): Subscriber {
    return new Subscriber(socket, key);
  }

  /** Forgets a connection; its subscriptions are closed already. */
  leave(subscriber: Subscriber): void {
    this.#watch.unwatch(subscriber);
  }

  /**
   * Opens a subscription that holds what arrives from now on. The stored records may be asked for
   * when `ready` resolves; where it rejects, the subscription cannot work.
   *
   * @param filter its bytes are kept and must not change
   * @param lost told when the hub cannot go on with the subscription
   */
  open(
    subscriber: Subscriber,
    queryId: QueryId,
    filter: FilterView,
    lost: (result: ResultCode) => void,
  ): { subscription: Subscription; ready: Promise<void> } {
    const { clock, limits } = this.#options;
    const recentFrom = timestampFromMillis(Math.max(0, clock.now() - limits.seamLagMs));
    const seam = new Seam(recentFrom, limits);
    const serial = (this.#serial += 1);
    const subscription = new Subscription({ serial, subscriber, queryId, filter, seam, lost });
    subscriber.subscriptions.add(subscription);
    this.#watch.watch(subscriber);
    return { subscription, ready: this.#index.add(subscription, subscription.keys) };
  }

  /** Takes note of a record that is sent as stored; may lose the subscription. */
  noteStored(subscription: Subscription, served: ServedRecord): void {
    if (!subscription.seam.noteStored(served)) subscription.lost(RESULT.TEMPORARY_ERROR);
  }

  /** Everything stored was sent, and Locally Complete after it: live records may follow. */
  storedSent(subscription: Subscription): void {
    subscription.isStoredSent = true;
    this.#catchUp(subscription);
  }

  /** Goes on with what is held, after the client has read or when it is known who it is. */
  resume(subscriber: Subscriber): void {
    for (const subscription of subscriber.subscriptions) this.#catchUp(subscription);
  }

  /** Closes an open subscription; nothing is sent for it from now on. */
  close(subscription: Subscription): void {
    subscription.isClosed = true;
    subscription.subscriber.subscriptions.delete(subscription);
    this.#settling.delete(subscription);
    this.#index.remove(subscription, subscription.keys);
  }

  /**
   * Delivers live records.
   *
   * @returns how many subscriptions each one matched that may read it
   */
  deliver(records: readonly LiveRecord[]): number[] {
    const reached: number[] = [];
    for (const live of records) reached.push(this.#dispatch(live));
    this.#delivery.flush();
    return reached;
  }

  /** Stops its timer. */
  stop(): void {
    this.#stopSettling?.();
    this.#stopSettling = undefined;
  }

  #dispatch(live: LiveRecord): number {
    const { record, receivedAt } = live;
    this.#options.counters.liveRecords += 1;
    if (record.isKeySchedule) this.#watch.passed(record);
    const found = this.#found;
    const targets = this.#targets;
    found.length = 0;
    targets.length = 0;
    this.#index.lookUp(record, found);
    let reached = 0;
    for (const subscription of found) {
      if (!subscription.matcher.matches(record, receivedAt)) continue;
      const mayRead = readable(subscription, live);
      if (mayRead === false) continue;
      if (mayRead === true) reached += 1;
      // Where it is not known yet, the subscription is not live, so this is held.
      if (subscription.isLive && subscription.subscriber.identities !== undefined) {
        targets.push(subscription);
      } else {
        this.#hold(subscription, live);
      }
    }
    if (targets.length > 0) this.#send(live, targets);
    return reached;
  }

  #send(live: LiveRecord, targets: Subscription[]): void {
    const { bytes } = live.record;
    const id = idTextOf(bytes);
    if (this.#settling.size > 0) {
      let kept = 0;
      for (const target of targets) if (!target.seam.wasStored(id)) targets[kept++] = target;
      targets.length = kept;
    }
    this.#recent.noteAll(id, targets);
    if (targets.length > 0) this.#delivery.add(bytes, targets);
  }

  #hold(subscription: Subscription, live: LiveRecord): void {
    subscription.isLive = false;
    if (subscription.seam.hold(live)) return;
    this.#options.counters.subscriptionsShed += 1;
    subscription.lost(RESULT.TEMPORARY_ERROR);
  }

  /** Sends what is held while the client reads; a subscription that has caught up is live. */
  #catchUp(subscription: Subscription): void {
    const { subscriber, seam, isLive, isStoredSent } = subscription;
    if (isLive || !isStoredSent || subscription.isClosed) return;
    if (subscriber.identities === undefined) return;
    const { socket } = subscriber;
    const { streamPauseBytes, streamWriteBytes } = this.#options.limits;
    while (seam.held > 0 && socket.bufferedBytes < streamPauseBytes) {
      socket.cork(() => {
        for (let written = 0; written < streamWriteBytes; ) {
          const live = seam.takeHeld();
          if (live === undefined) return;
          written += this.#sendHeld(subscription, live);
        }
      });
    }
    if (seam.held > 0) return;
    subscription.isLive = true;
    if (seam.remembersStored) this.#settle(subscription);
  }

  /** @returns bytes written */
  #sendHeld(subscription: Subscription, live: LiveRecord): number {
    const { bytes } = live.record;
    if (readable(subscription, live) !== true) return 0;
    const id = idTextOf(bytes);
    if (subscription.seam.wasStored(id) || !this.#recent.note(id, subscription)) return 0;
    this.#options.writer.record(subscription.subscriber.socket, subscription.queryId, bytes);
    this.#options.counters.deliveries += 1;
    return bytes.length;
  }

  #loseAll(subscriber: Subscriber, error: unknown): void {
    this.#options.failed(error);
    const result = resultOfError(error);
    for (const subscription of Array.from(subscriber.subscriptions)) subscription.lost(result);
  }

  /** Lets a live subscription forget what it sent as stored, once that can come no more. */
  #settle(subscription: Subscription): void {
    // Removed first: the map must stay in the order of its times.
    this.#settling.delete(subscription);
    this.#settling.set(subscription, this.#options.clock.now());
    this.#scheduleSettling();
  }

  #scheduleSettling(): void {
    if (this.#stopSettling !== undefined || this.#settling.size === 0) return;
    const { clock, limits } = this.#options;
    this.#stopSettling = clock.schedule(() => {
      this.#stopSettling = undefined;
      const liveBefore = clock.now() - limits.seamLagMs;
      for (const [subscription, liveSince] of this.#settling) {
        if (liveSince > liveBefore) break;
        this.#settling.delete(subscription);
        subscription.seam.forgetStored();
      }
      this.#scheduleSettling();
    }, limits.seamLagMs);
  }
}

function readable(subscription: Subscription, live: LiveRecord): boolean | undefined {
  if (live.readers === undefined) return true;
  return subscription.subscriber.readsAs(live.readers);
}
