/** How checks see that a subscription delivers what it must and nothing else. */
import type { RecordView } from '@mosaic-cluster/protocol';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import type { Exchange } from '../exchange.ts';
import { expectRecords } from '../expect.ts';

/**
 * Publishes records of which a subscription must deliver exactly some, live and in the order of
 * publishing. A last record that matches shows that the others will not come any more.
 */
export async function expectLive(
  t: CheckContext,
  subscriber: Conversation,
  open: Exchange,
  publisher: Conversation,
  records: readonly RecordView[],
  expected: readonly RecordView[],
): Promise<void> {
  await t.publish(publisher, ...records);
  const live = await subscriber.live(open, expected.length);
  expectRecords(live, expected, 'the subscription');
}
