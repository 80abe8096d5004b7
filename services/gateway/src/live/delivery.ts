/**
 * Writes live records to those they are for: each record's message is built once and only its
 * query id changes from one subscription to the next; each connection gets everything that one
 * batch has for it in one go.
 */
import { queryCost } from '@mosaic-cluster/abuse';
import {
  MESSAGE_HEAD_BYTES,
  RESULT,
  type ResultCode,
  writeRecordHead,
  writeU16,
} from '@mosaic-cluster/protocol';
import type { GatewayCounters, ShedReason } from '../counters.ts';
import type { GatewayLimits } from '../limits.ts';
import type { Subscriber, Subscription } from './subscription.ts';

const QUERY_ID_AT = 4;
/** A record that is sent live costs this part of one that is read from storage. */
const LIVE_PRICE = 0.25;
/** Index entries owed from which on they are paid: to look up budgets for each record would cost a fifth more. */
const PAID_FROM = 64;

/** What a delivery needs. */
export interface DeliveryOptions {
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  /** Told of an error while writing to one connection, which costs no other its records. */
  readonly failed: (error: unknown) => void;
}

/** Gathers what one batch of live records has for each connection. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #scratch: Uint8Array;
  readonly #subscribers: Subscriber[] = [];
  #used = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#scratch = new Uint8Array(options.limits.deliveryBytesMax);
  }

  /** Adds a record for each of these subscriptions; may write what was added before. */
  add(record: Uint8Array, targets: readonly Subscription[]): void {
    const length = MESSAGE_HEAD_BYTES + record.length;
    if (this.#used + length > this.#scratch.length) this.flush();
    writeRecordHead(this.#scratch, this.#used, 0, record.length);
    this.#scratch.set(record, this.#used + MESSAGE_HEAD_BYTES);
    const message = this.#scratch.subarray(this.#used, this.#used + length);
    this.#used += length;
    for (const target of targets) {
      const { subscriber } = target;
      if (subscriber.targets.length === 0) this.#subscribers.push(subscriber);
      subscriber.targets.push(target);
      subscriber.messages.push(message);
    }
  }

  /** Writes everything that was added. */
  flush(): void {
    for (const subscriber of this.#subscribers) {
      try {
        this.#write(subscriber);
      } catch (error) {
        this.#options.failed(error);
      }
      subscriber.targets.length = 0;
      subscriber.messages.length = 0;
    }
    this.#subscribers.length = 0;
    this.#used = 0;
  }

  #write(subscriber: Subscriber): void {
    const { socket, targets, messages } = subscriber;
    const { subscriberUnreadBytesMax, deliveryBytesMax } = this.#options.limits;
    let position = 0;
    const write = (): void => {
      let written = 0;
      while (position < targets.length && written < deliveryBytesMax) {
        const target = targets[position]!;
        const message = messages[position]!;
        position += 1;
        if (target.isClosed) continue;
        writeU16(message, QUERY_ID_AT, target.queryId);
        socket.send(message);
        written += message.length;
        subscriber.owed += deliveryCost(message.length);
        this.#options.counters.deliveries += 1;
      }
    };
    while (position < targets.length) {
      if (subscriber.owed >= PAID_FROM && !pay(subscriber)) {
        this.#shed(targets.slice(position), RESULT.TOO_FAST, 'over-budget');
        return;
      }
      if (socket.bufferedBytes > subscriberUnreadBytesMax) {
        this.#shed(targets.slice(position), RESULT.TEMPORARY_ERROR, 'unread');
        return;
      }
      // A lone message is one system call by itself: corking it costs another 5 %.
      if (targets.length === 1) write();
      else socket.cork(write);
    }
  }

  #shed(subscriptions: readonly Subscription[], result: ResultCode, reason: ShedReason): void {
    for (const subscription of subscriptions) {
      if (subscription.isClosed) continue;
      this.#options.counters.subscriptionsShed[reason] += 1;
      subscription.lost(result, reason);
    }
  }
}

/** What a live record costs whom it is sent to, in index entries. */
function deliveryCost(bytes: number): number {
  return LIVE_PRICE * queryCost(1, bytes);
}

/** Pays what is owed; false: the subscriber is out of budget. */
function pay(subscriber: Subscriber): boolean {
  const { visitor, owed } = subscriber;
  subscriber.owed = 0;
  visitor.queried(owed, 0);
  return !visitor.owesForQueries();
}
