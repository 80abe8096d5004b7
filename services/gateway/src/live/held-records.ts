/**
 * Sends what a subscription could not be sent when it arrived: before its stored records were sent, while
 * its client did not read, while it was not known for whom its key acts, and what was found in storage
 * later. It follows in order, each record once, and with the last of it the subscription is live.
 */
import type { LiveRecord, ServedRecord } from '@mosaic-cluster/bus';
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import type { GatewayCounters, ShedReason } from '../counters.ts';
import type { GatewayLimits } from '../limits.ts';
import type { MessageWriter } from '../message-writer.ts';
import type { RecentRecords } from './recent-records.ts';
import { recordStanding } from './record-standing.ts';
import { type HeldRecord, idTextOf } from './seam.ts';
import type { SentMemory } from './sent-memory.ts';
import type { Subscription } from './subscription.ts';

/** What it needs. */
export interface HeldRecordsOptions {
  readonly writer: MessageWriter;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly recent: RecentRecords;
  /** Told of subscriptions that are live from now on. */
  readonly memory: SentMemory;
}

/** Holds records in the seams of subscriptions, and sends them from there. */
export class HeldRecords {
  readonly #options: HeldRecordsOptions;

  constructor(options: HeldRecordsOptions) {
    this.#options = options;
  }

  /** @returns false where the subscription is lost by it */
  hold(subscription: Subscription, record: HeldRecord): boolean {
    const { counters, limits } = this.#options;
    subscription.isLive = false;
    if (subscription.seam.hold(record)) return true;
    // Held because its client is behind, or because its stored records are slow to come.
    const isUnread = subscription.subscriber.socket.bufferedBytes >= limits.streamPauseBytes;
    const reason = isUnread ? 'unread' : 'missed';
    shed(counters, subscription, RESULT.TEMPORARY_ERROR, reason);
    return false;
  }

  /** Takes what was found in storage, and sends it as {@link send} does. */
  take(subscription: Subscription, records: readonly ServedRecord[]): void {
    for (const served of records) {
      // It may have arrived while the search went on.
      if (recordStanding(this.#options.recent, subscription, served) === 'sent') continue;
      const { record, receivedAt } = served;
      const found = { record, receivedAt, readers: undefined, isFound: true } as const;
      if (!this.hold(subscription, found)) return;
    }
    this.send(subscription);
  }

  /** Sends what is held while the client reads; a subscription that has caught up is live. */
  send(subscription: Subscription): void {
    const { subscriber, seam, isLive, isStoredSent } = subscription;
    if (isLive || !isStoredSent || subscription.isClosed) return;
    if (subscriber.identities === undefined) return;
    const { socket } = subscriber;
    const { streamPauseBytes, streamWriteBytes } = this.#options.limits;
    while (seam.held > 0 && socket.bufferedBytes < streamPauseBytes) {
      socket.cork(() => {
        for (let written = 0; written < streamWriteBytes && !subscription.isClosed; ) {
          const record = seam.takeHeld();
          if (record === undefined) return;
          written += this.#sendOne(subscription, record);
        }
      });
      if (subscription.isClosed) return;
    }
    if (seam.held > 0) return;
    subscription.isLive = true;
    this.#options.memory.note(subscription);
  }

  /** @returns bytes written */
  #sendOne(subscription: Subscription, held: HeldRecord): number {
    const { bytes } = held.record;
    const { counters, writer, recent } = this.#options;
    if (readable(subscription, held) !== true) return 0;
    const id = idTextOf(bytes);
    const { seam } = subscription;
    if (seam.wasSent(id) || recent.reachedPrivately(id, subscription)) return 0;
    if (held.isFound === true) {
      if (!seam.noteFound(id, held)) {
        shed(counters, subscription, RESULT.TEMPORARY_ERROR, 'missed');
        return 0;
      }
      counters.recordsCaughtUp += 1;
    } else if (held.readers !== undefined) {
      recent.notePrivate(id, held, subscription);
    }
    writer.record(subscription.subscriber.socket, subscription.queryId, bytes);
    counters.deliveries += 1;
    return bytes.length;
  }
}

/** Whether a live record may go to a subscription's client; undefined: its identities are not known yet. */
export function readable(
  subscription: Subscription,
  { readers }: Pick<LiveRecord, 'readers'>,
): boolean | undefined {
  return readers === undefined ? true : subscription.subscriber.readsAs(readers);
}

/** Has a subscription end that cannot be served in full, and counts why. */
export function shed(
  counters: GatewayCounters,
  subscription: Subscription,
  result: ResultCode,
  reason: ShedReason,
): void {
  counters.subscriptionsShed[reason] += 1;
  subscription.lost(result, reason);
}
