/** What a gateway knows of a stored record and a subscription: whether that has had it. */
import type { ServedRecord } from '@mosaic-cluster/bus';
import { compareBytes, timestampFromMillis } from '@mosaic-cluster/protocol';
import type { RecentRecords } from './recent-records.ts';
import { idTextOf } from './seam.ts';
import type { Subscription } from './subscription.ts';

/** What is known of a stored record and a subscription. */
export type RecordStanding =
  /** It was sent, will be, or is none that the subscription waits for. */
  | 'sent'
  | 'missed'
  /** Too much passed since then: nobody remembers. */
  | 'forgotten';

/** Tells it, by what passed lately and what the subscription remembers. */
export function recordStanding(
  recent: RecentRecords,
  subscription: Subscription,
  { record, receivedAt }: ServedRecord,
): RecordStanding {
  const { seam, storedDownTo, openedAt } = subscription;
  const id = idTextOf(record.bytes);
  if (seam.wasSent(id) || recent.reached(id, subscription)) return 'sent';
  // There when the subscription was opened, and kept back by its limit.
  const isKeptBack =
    storedDownTo !== undefined &&
    compareBytes(record.id, storedDownTo) < 0 &&
    receivedAt < timestampFromMillis(openedAt);
  if (isKeptBack) return 'sent';
  const isKnown = receivedAt > recent.forgottenUpTo && receivedAt > seam.forgottenUpTo;
  return isKnown ? 'missed' : 'forgotten';
}
