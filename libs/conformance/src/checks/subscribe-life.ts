/** Checks of the life of a subscription: the seam between stored and live, its end, its query id. */
import { type Check, check, ensure, reading, spec } from '../check.ts';
import type { Exchange } from '../exchange.ts';
import { expectRecords, expectResult, expectSameSet, newestFirst } from '../expect.ts';
import { submissionMessage, unsubscribeMessage } from '../wire/requests.ts';
import { expectLive } from './live-records.ts';

const SUBSCRIBE = spec('Messages: Subscribe');
const UNSUBSCRIBE = spec('Messages: Unsubscribe');

const SEAM_RECORDS = 300;
const SEAM_WINDOW = 16;

const seam: readonly Check[] = [
  check(
    'subscribe/seam',
    SUBSCRIBE,
    'while records stream in, each comes once, stored or live, with no gap at the seam',
    async (t) => {
      const publisher = await t.connect();
      const records = t.records(SEAM_RECORDS, t.user());
      const subscribers = await Promise.all(Array.from({ length: 5 }, async () => t.connect()));
      const opened: Exchange[] = [];
      for (let sent = 0; sent < records.length; sent += SEAM_WINDOW) {
        const batch = records.slice(sent, sent + SEAM_WINDOW);
        for (const { bytes } of batch) publisher.send(submissionMessage(bytes));
        // A subscription starts in the middle of every third batch or so.
        const subscriber = subscribers[opened.length];
        if (subscriber !== undefined && sent >= opened.length * 3 * SEAM_WINDOW) {
          opened.push(subscriber.startSubscribe(t.filter()));
        }
        for (const { id } of batch) {
          expectResult(
            await publisher.submissionResult(id.subarray(0, 32)),
            'ACCEPTED',
            'a record',
          );
        }
      }
      for (const [i, subscriber] of subscribers.entries()) {
        const open = opened[i]!;
        await subscriber.until(`record ${SEAM_RECORDS} of subscription ${i}`, () =>
          open.records.length >= SEAM_RECORDS && open.storedCount !== undefined ? true : undefined,
        );
        expectSameSet(open.records, records, `subscription ${i}`);
        expectRecords(open.stored, newestFirst(open.stored), `stored records of subscription ${i}`);
      }
    },
  ),
  check(
    'subscribe/seam-own',
    SUBSCRIBE,
    'Subscribe between two submissions of one connection loses neither',
    async (t) => {
      const conversation = await t.connect();
      const [before, after] = t.records(2, t.user());
      conversation.send(submissionMessage(before!.bytes));
      const open = conversation.startSubscribe(t.filter());
      conversation.send(submissionMessage(after!.bytes));
      for (const { id } of [before!, after!]) {
        expectResult(
          await conversation.submissionResult(id.subarray(0, 32)),
          'ACCEPTED',
          'a record',
        );
      }
      await conversation.until('both records', () =>
        open.records.length >= 2 && open.storedCount !== undefined ? true : undefined,
      );
      expectSameSet(open.records, [before!, after!], 'the subscription');
    },
  ),
];

const closing: readonly Check[] = [
  check(
    'unsubscribe/success',
    UNSUBSCRIBE,
    'Unsubscribe closes a subscription with SUCCESS, and nothing comes after it',
    async (t) => {
      const conversation = await t.connect();
      const other = await conversation.subscribe(t.filter());
      const open = await conversation.subscribe(t.filter());
      expectResult(await conversation.unsubscribe(open), 'SUCCESS', 'the Unsubscribe');
      const record = t.record(t.user());
      // A record behind Query Closed is a fault of every conversation.
      await expectLive(t, conversation, other, conversation, [record], [record]);
      expectRecords(open.records, [], 'the closed subscription');
    },
  ),
  check(
    'unsubscribe/not-open',
    reading('Messages: Unsubscribe'),
    'Unsubscribe for what is not open closes with NOT_FOUND',
    async (t) => {
      const conversation = await t.connect();
      for (const queryId of [0, 1, 0xffff]) {
        const exchange = conversation.expect(queryId);
        conversation.send(unsubscribeMessage(queryId));
        expectResult(await conversation.closed(exchange), 'NOT_FOUND', `query id ${queryId}`);
      }
    },
  ),
  check(
    'unsubscribe/twice',
    reading('Messages: Unsubscribe'),
    'the second Unsubscribe finds nothing',
    async (t) => {
      const conversation = await t.connect();
      const open = await conversation.subscribe(t.filter());
      expectResult(await conversation.unsubscribe(open), 'SUCCESS', 'the first');
      const again = conversation.expect(open.queryId);
      expectResult(await conversation.unsubscribe(again), 'NOT_FOUND', 'the second');
    },
  ),
  check(
    'unsubscribe/before-complete',
    UNSUBSCRIBE,
    'Unsubscribe right behind Subscribe closes with SUCCESS',
    async (t) => {
      const conversation = await t.connect();
      const exchange = conversation.startSubscribe(t.filter());
      expectResult(await conversation.unsubscribe(exchange), 'SUCCESS', 'the Unsubscribe');
      await conversation.sentinel();
    },
  ),
  check(
    'subscribe/reused-id',
    reading('Messages: Subscribe'),
    'a Subscribe that reuses an open query id takes its place without a word',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const tag = { type: 0x6322, value: Uint8Array.of(1) };
      const older = await conversation.subscribe(t.filter());
      const filter = t.filter({ name: 'includedTags', tags: [tag] });
      const newer = conversation.startSubscribe(filter, 0, older.queryId);
      await conversation.complete(newer);
      const [unwanted, wanted] = [t.record(author), t.record(author, { tags: [tag] })];
      await expectLive(t, conversation, newer, conversation, [unwanted, wanted], [wanted]);
      ensure(older.result === undefined, 'the older subscription was closed with a word');
      expectResult(await conversation.unsubscribe(newer), 'SUCCESS', 'the Unsubscribe');
    },
  ),
  check(
    'subscribe/id-again',
    UNSUBSCRIBE,
    'a query id can be used again after Unsubscribe',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const queryId = 4242;
      for (let i = 0; i < 3; i++) {
        const open = conversation.startSubscribe(t.filter(), 1, queryId);
        await conversation.complete(open);
        const record = t.record(author);
        await expectLive(t, conversation, open, conversation, [record], [record]);
        expectResult(await conversation.unsubscribe(open), 'SUCCESS', 'the Unsubscribe');
      }
    },
  ),
];

/** Checks of seam and end. */
export const subscriptionLifeChecks: readonly Check[] = [...seam, ...closing];
