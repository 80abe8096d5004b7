/**
 * Brings live records to the subscriptions of all connections. A subscription listens from the
 * moment it is opened; what arrives before its stored records were sent is held and follows
 * them, so that nothing is lost and nothing comes twice.
 */
import type { LiveDoubt, LiveListener, LiveRecord, ServedRecord } from '@mosaic-cluster/bus';
import {
  type FilterView,
  type PublicKey,
  type QueryId,
  RECORD_AT,
  RESULT,
  type ResultCode,
  type Timestamp,
  timestampFromMillis,
  timestampToMillis,
} from '@mosaic-cluster/protocol';
import { CatchUp } from './catch-up.ts';
import type { Clock } from '../clock.ts';
import type { GatewayCounters, ShedReason } from '../counters.ts';
import { Delivery } from './delivery.ts';
import { resultOfError } from '../errors-to-results.ts';
import { FairShare, halfFree } from '../sharing/fair-share.ts';
import { HeldRecords, readable, shed } from './held-records.ts';
import { IdentityWatch } from './identity-watch.ts';
import type { InterestKey } from './interest-choice.ts';
import { InterestIndex } from './interest-index.ts';
import { copyBytes } from '../key-text.ts';
import type { GatewayEvents } from '../gateway-events.ts';
import type { GatewayLimits } from '../limits.ts';
import type { MessageWriter } from '../message-writer.ts';
import { findMissed, type MissedRecordsOptions } from './missed-records.ts';
import { paidLater } from '../queries/paid-pages.ts';
import { RecentRecords } from './recent-records.ts';
import { type RecordStanding, recordStanding } from './record-standing.ts';
import { idTextOf, Seam } from './seam.ts';
import { SentMemory } from './sent-memory.ts';
import { type Subscriber, Subscription } from './subscription.ts';

/** What a hub needs. */
export interface SubscriptionHubOptions {
  readonly listener: LiveListener;
  /** The master keys that a key acts for, itself first. */
  readonly identities: (key: PublicKey) => Promise<readonly PublicKey[]>;
  /** Every role of a share that can have something for a filter and reader. */
  readonly sources: MissedRecordsOptions['sources'];
  readonly writer: MessageWriter;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly clock: Clock;
  readonly events?: Pick<GatewayEvents, 'liveDelivered'>;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Told of errors; what follows from them for clients is done already. */
  readonly failed: (error: unknown) => void;
}

/** A subscription to open. */
export interface OpenSubscription {
  readonly subscriber: Subscriber;
  readonly queryId: QueryId;
  /** Its bytes are kept and must not change. */
  readonly filter: FilterView;
  /** The filter's `interestKeys`. */
  readonly keys: readonly InterestKey[];
  /** Told when the hub cannot go on with the subscription. */
  readonly lost: (result: ResultCode, reason?: ShedReason) => void;
}

/** See {@link FairShare}; {@link GATEWAY_LIMIT_TABLE} says it to people. */
const INTEREST_KEYS_PARTS = 64;

/**
 * An interest takes some twenty microseconds of the gateway, as much of the servers of the bus, and the
 * same again when it is given up.
 */
const KEY_COST = 8;

/** All subscriptions of a gateway. */
export class SubscriptionHub {
  readonly #options: SubscriptionHubOptions;
  readonly #index: InterestIndex<Subscription>;
  readonly #watch: IdentityWatch;
  readonly #recent: RecentRecords;
  readonly #delivery: Delivery;
  readonly #memory: SentMemory;
  readonly #held: HeldRecords;
  /** Undefined where live records cannot be missed. */
  readonly #catchUp: CatchUp | undefined;
  readonly #found: Subscription[] = [];
  readonly #targets: Subscription[] = [];
  /** Keys that subscriptions are filed under. */
  readonly #filed: FairShare;
  /** Grows with every subscription and with every live record. */
  #moment = 0;

  constructor(options: SubscriptionHubOptions) {
    const { listener, limits, counters, clock, failed } = options;
    const { doubt } = listener;
    this.#options = options;
    this.#index = new InterestIndex(listener);
    this.#filed = new FairShare(halfFree(limits.interestKeysMax, INTEREST_KEYS_PARTS));
    this.#recent = new RecentRecords({
      recordsMax: doubt === undefined ? limits.recentIdsMax : limits.catchUpIdsMax,
      deliveriesMax: limits.recentDeliveriesMax,
    });
    this.#delivery = new Delivery({ limits, counters, failed });
    this.#memory = new SentMemory({
      clock,
      memoryMs: doubt === undefined ? limits.seamLagMs : limits.catchUpMemoryMs,
      isNeeded: (subscription) => this.#catchUp?.isBusyWith(subscription) === true,
    });
    this.#held = new HeldRecords({ ...options, recent: this.#recent, memory: this.#memory });
    this.#watch = new IdentityWatch({
      ...options,
      resolved: (subscriber, since) => {
        this.#catchUp?.identitiesChanged(subscriber, since);
        this.resume(subscriber);
      },
      failed: (subscriber, error) => this.#loseAll(subscriber, error),
    });
    this.#catchUp = doubt && this.#catchingUp({ ...options, doubt });
  }

  /** What being filed under one key costs, in index entries read: on a bus between processes, to be asked for. */
  get keyCost(): number {
    return this.#catchUp === undefined ? 0 : KEY_COST;
  }

  /** Whether a subscription can be filed under so many keys more, for somebody who shares with others. */
  hasRoom(sharesAs: string, keys: number): boolean {
    return this.#filed.hasRoom(sharesAs, keys);
  }

  /**
   * Opens a subscription that holds what arrives from now on. The stored records may be asked for
   * when `ready` resolves; where it rejects, the subscription cannot work.
   */
  open(wanted: OpenSubscription): { subscription: Subscription; ready: Promise<void> } {
    const { clock, limits, listener } = this.#options;
    const openedAt = clock.now();
    // How long before now records were received that may still be published.
    const lagMs = Math.max(limits.seamLagMs, listener.doubt?.marginMs ?? 0);
    const recentFrom = timestampFromMillis(Math.max(0, openedAt - lagMs));
    const seam = new Seam(recentFrom, limits);
    const serial = (this.#moment += 1);
    const { sharesAs } = wanted.subscriber.visitor;
    const subscription = new Subscription({ ...wanted, serial, seam, openedAt, sharesAs });
    this.#countFiled(subscription, 1);
    wanted.subscriber.subscriptions.add(subscription);
    this.#watch.watch(wanted.subscriber);
    return { subscription, ready: this.#index.add(subscription, subscription.keys) };
  }

  /** Takes note of a record that is sent as stored; may lose the subscription. */
  noteStored(subscription: Subscription, served: ServedRecord): void {
    if (!subscription.seam.noteStored(served)) subscription.lost(RESULT.TEMPORARY_ERROR);
  }

  /**
   * Everything stored was sent, and Locally Complete after it: live records may follow.
   *
   * @param last the last stored record, where the subscription's limit kept back older ones
   */
  storedSent(subscription: Subscription, last: ServedRecord | undefined): void {
    subscription.isStoredSent = true;
    if (this.#catchUp !== undefined) {
      if (last !== undefined) {
        subscription.storedDownTo = copyBytes(last.record.bytes.subarray(0, RECORD_AT.nonce));
      }
      this.#catchUp.start(subscription, subscription.seam.recentFrom);
    }
    this.#held.send(subscription);
  }

  /** Goes on with what is held, after the client has read or when it is known who it is. */
  resume(subscriber: Subscriber): void {
    for (const subscription of subscriber.subscriptions) this.#held.send(subscription);
  }

  /** Closes an open subscription; nothing is sent for it from now on. */
  close(subscription: Subscription): void {
    const { subscriber } = subscription;
    subscription.isClosed = true;
    subscriber.subscriptions.delete(subscription);
    if (subscriber.subscriptions.size === 0) this.#watch.unwatch(subscriber);
    this.#memory.drop(subscription);
    this.#catchUp?.forget(subscription);
    this.#index.remove(subscription, subscription.keys);
    this.#countFiled(subscription, -1);
  }

  /** Records received since then may not have arrived. */
  gap(since: Timestamp): void {
    this.#options.counters.gaps += 1;
    this.#catchUp?.gap(since);
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
    this.#tellDelay(records[0]);
    return reached;
  }

  /** Stops its timers. */
  stop(): void {
    this.#memory.stop();
    this.#catchUp?.stop();
  }

  #countFiled({ sharesAs, keys }: Subscription, by: 1 | -1): void {
    if (by === 1) this.#filed.take(sharesAs, keys.length);
    else this.#filed.give(sharesAs, keys.length);
    this.#options.counters.interestKeysOpen = this.#filed.total;
  }

  #tellDelay(first: LiveRecord | undefined): void {
    const { events, clock } = this.#options;
    if (first === undefined || events?.liveDelivered === undefined) return;
    const delayMs = clock.now() - timestampToMillis(first.receivedAt);
    // Clocks of two machines differ a little.
    events.liveDelivered(Math.max(0, delayMs) / 1000);
  }

  #dispatch(live: LiveRecord): number {
    const { record, receivedAt, readers } = live;
    this.#options.counters.liveRecords += 1;
    if (record.isKeySchedule) this.#watch.passed(record);
    const found = this.#found;
    found.length = 0;
    this.#index.lookUp(record, found);
    if (found.length === 0) return 0;
    const id = idTextOf(record.bytes);
    const targets = this.#targets;
    targets.length = 0;
    let reached = 0;
    let isWanted = false;
    const hasPassed = this.#recent.has(id);
    const maybeSent = this.#memory.isUsed;
    for (const subscription of found) {
      if (!subscription.matcher.matches(record, receivedAt)) continue;
      const mayRead = readable(subscription, live);
      if (mayRead === false) continue;
      if (mayRead === true) reached += 1;
      if (hasPassed && this.#recent.reached(id, subscription)) continue;
      isWanted = true;
      this.#options.counters.deliveriesOwed += 1;
      // Where it is not known yet, the subscription is not live, so this is held.
      if (subscription.isLive && subscription.subscriber.identities !== undefined) {
        if (!maybeSent || !subscription.seam.wasSent(id)) targets.push(subscription);
      } else {
        this.#held.hold(subscription, live);
      }
    }
    if (isWanted && readers === undefined) this.#recent.notePublic(id, live, (this.#moment += 1));
    if (targets.length > 0) this.#send(id, live, targets);
    return reached;
  }

  #send(id: string, live: LiveRecord, targets: readonly Subscription[]): void {
    if (live.readers !== undefined) {
      for (const target of targets) this.#recent.notePrivate(id, live, target);
    }
    this.#delivery.add(live.record.bytes, targets);
  }

  #catchingUp(options: SubscriptionHubOptions & { readonly doubt: LiveDoubt }): CatchUp {
    const standing = (subscription: Subscription, served: ServedRecord): RecordStanding =>
      recordStanding(this.#recent, subscription, served);
    return new CatchUp({
      ...options,
      refresh: (subscriber, since) => this.#watch.refresh(subscriber, since),
      find: (subscription, span, isPaid) => {
        const sources: MissedRecordsOptions['sources'] = (...wanted) => {
          const all = options.sources(...wanted);
          return isPaid ? paidLater(subscription.subscriber.visitor, all) : all;
        };
        return findMissed({ ...options, sources, standing }, subscription, span);
      },
      found: (subscription, records) => this.#held.take(subscription, records),
      lost: (subscription, result) => {
        const reason = result === RESULT.TOO_FAST ? 'over-budget' : 'missed';
        shed(options.counters, subscription, result, reason);
      },
    });
  }

  #loseAll(subscriber: Subscriber, error: unknown): void {
    this.#options.failed(error);
    const result = resultOfError(error);
    for (const subscription of Array.from(subscriber.subscriptions)) subscription.lost(result);
  }
}
