/** Looks in storage for what one subscription has not been sent although it came in lately. */
import type { ServedRecord } from '@mosaic-cluster/bus';
import type { FilterView, PublicKey, Timestamp } from '@mosaic-cluster/protocol';
import type { GatewayLimits } from './limits.ts';
import { type PageSource, QueryStream } from './query-stream.ts';
import { receivedSince } from './received-since.ts';
import type { Subscription } from './subscription.ts';

/** What is known of a stored record and a subscription. */
export type RecordStanding =
  /** It was sent, will be, or is none that the subscription waits for. */
  | 'sent'
  | 'missed'
  /** Too much passed since then: nobody remembers. */
  | 'forgotten';

/** What a search needs. */
export interface MissedRecordsOptions {
  readonly sources: (filter: FilterView, reader: PublicKey | undefined) => PageSource[];
  readonly standing: (subscription: Subscription, served: ServedRecord) => RecordStanding;
  readonly limits: GatewayLimits;
}

/**
 * The records received since some time that a subscription missed, in the order in which they came
 * in; undefined where that cannot be told, or where they are more than may be held.
 *
 * @throws what a role fails with
 */
export function findMissed(
  options: MissedRecordsOptions,
  subscription: Subscription,
  since: Timestamp,
): Promise<ServedRecord[] | undefined> {
  const { sources, standing, limits } = options;
  const { subscriber, matcher } = subscription;
  const filter = receivedSince(matcher.filter, since);
  return new Promise((resolve, reject) => {
    const missed: ServedRecord[] = [];
    let bytes = 0;
    const end = (found: ServedRecord[] | undefined): void => {
      stream.cancel();
      resolve(found);
    };
    const isRefused = (served: ServedRecord): boolean => {
      if (served.receivedAt < since) return false;
      const what = standing(subscription, served);
      if (what !== 'missed') return what === 'forgotten';
      missed.push(served);
      bytes += served.record.bytes.length;
      return missed.length > limits.heldRecordsMax || bytes > limits.heldBytesMax;
    };
    const write = (records: readonly ServedRecord[], ended: boolean): void => {
      if (subscription.isClosed) end([]);
      else if (records.some(isRefused)) end(undefined);
      else if (ended) end(missed.sort(byReception));
    };
    const stream = new QueryStream({
      sources: sources(filter, subscriber.key),
      sink: { isClogged: () => false, write, failed: reject },
      limit: 0,
      pageRecordsFirst: limits.pageRecordsFirst,
      limits,
    });
    stream.resume();
  });
}

function byReception(a: ServedRecord, b: ServedRecord): number {
  if (a.receivedAt === b.receivedAt) return 0;
  return a.receivedAt < b.receivedAt ? -1 : 1;
}
