/** Checks of Subscribe: stored records, Locally Complete, live records. */
import type { FilterElementInput, RecordView } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Exchange } from '../exchange.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';
import { expectLive } from './live-records.ts';

const SUBSCRIBE = spec('Messages: Subscribe');

const opening: readonly Check[] = [
  check(
    'subscribe/stored',
    SUBSCRIBE,
    'stored records come newest first, then Locally Complete',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(5, t.user());
      await t.publish(
        conversation,
        records[3]!,
        records[0]!,
        records[4]!,
        records[1]!,
        records[2]!,
      );
      const open = await conversation.subscribe(t.filter());
      expectRecords(open.stored, newestFirst(records), 'the subscription');
    },
  ),
  check(
    'subscribe/nothing-stored',
    SUBSCRIBE,
    'without stored records Locally Complete comes at once',
    async (t) => {
      const conversation = await t.connect();
      expectRecords((await conversation.subscribe(t.filter())).records, [], 'the subscription');
    },
  ),
  check(
    'subscribe/stays-open',
    SUBSCRIBE,
    'Locally Complete does not close a subscription',
    async (t) => {
      const conversation = await t.connect();
      const open = await conversation.subscribe(t.filter());
      await conversation.sentinel();
      ensure(open.result === undefined, 'Query Closed came');
    },
  ),
  check(
    'subscribe/limit',
    reading('Messages: Subscribe'),
    'the limit counts stored records only',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const stored = t.records(4, author);
      await t.publish(conversation, ...stored);
      const open = await conversation.subscribe(t.filter(), 2);
      expectRecords(open.stored, newestFirst(stored).slice(0, 2), 'stored records');
      const live = t.records(4, author);
      await expectLive(t, conversation, open, conversation, live, live);
    },
  ),
  check('subscribe/limit-zero', SUBSCRIBE, 'the limit 0 stands for no limit', async (t) => {
    const conversation = await t.connect();
    const records = t.records(30, t.user());
    await t.publish(conversation, ...records);
    const open = await conversation.subscribe(t.filter(), 0);
    expectRecords(open.stored, newestFirst(records), 'the subscription');
  }),
];

/** Elements by which a subscription must tell its records from others, live. */
const LIVE_ELEMENTS: readonly (readonly [
  string,
  (t: CheckContext, wanted: RecordView, other: RecordView) => FilterElementInput,
])[] = [
  ['authors', (_t, { author }) => ({ name: 'authors', keys: [author] })],
  ['signing-keys', (_t, { signingKey }) => ({ name: 'signingKeys', keys: [signingKey] })],
  ['kinds', (_t, { kind }) => ({ name: 'kinds', kinds: [kind] })],
  [
    'timestamps',
    (_t, { timestamp }) => {
      return { name: 'timestamps', timestamps: [timestamp, timestamp + 2_000_000n] };
    },
  ],
  ['included-tags', () => ({ name: 'includedTags', tags: [WANTED] })],
  ['excluded-tags', () => ({ name: 'excludedTags', tags: [UNWANTED] })],
  ['exclude', (_t, _wanted, { id }) => ({ name: 'exclude', idPrefixes: [id.slice(0, 32)] })],
];

const WANTED = { type: 0x6320, value: Uint8Array.of(1) };
const UNWANTED = { type: 0x6320, value: Uint8Array.of(2) };

const live: readonly Check[] = [
  check(
    'subscribe/live',
    SUBSCRIBE,
    'records published later come as they arrive, to everybody who waits',
    async (t) => {
      const subscribers = await Promise.all([t.connect(), t.connect(), t.connect()]);
      const open = await Promise.all(subscribers.map(async (one) => one.subscribe(t.filter())));
      const publisher = await t.connect();
      const records = t.records(5, t.user());
      await t.publish(publisher, ...records);
      for (const [i, subscriber] of subscribers.entries()) {
        expectRecords(await subscriber.live(open[i]!, 5), records, `subscriber ${i}`);
      }
    },
  ),
  check(
    'subscribe/live-own',
    SUBSCRIBE,
    'a publisher gets its own records on its subscription',
    async (t) => {
      const conversation = await t.connect();
      const open = await conversation.subscribe(t.filter());
      const records = t.records(3, t.user());
      await expectLive(t, conversation, open, conversation, records, records);
    },
  ),
  check(
    'subscribe/live-order',
    reading('Messages: Subscribe'),
    'live records come in the order in which they were accepted, whatever their dates',
    async (t) => {
      const subscriber = await t.connect();
      const open = await subscriber.subscribe(t.filter());
      const publisher = await t.connect();
      const records = t.records(8, t.user()).reverse();
      await expectLive(t, subscriber, open, publisher, records, records);
    },
  ),
  check(
    'subscribe/live-once',
    SUBSCRIBE,
    'a record that matches in several ways, or is submitted twice, comes once',
    async (t) => {
      const [author, other] = [t.user(), t.newUser()];
      const conversation = await t.connect();
      const keys = [author.publicKey, other.publicKey];
      const open = await conversation.subscribe(t.filter({ name: 'authors', keys }));
      const notify = { type: 0x01, value: new Uint8Array([0, 0, 0, 0, ...other.publicKey]) };
      const record = t.record(author, { tags: [notify] });
      await t.publish(conversation, record);
      expectResult(await conversation.submit(record), 'DUPLICATE', 'the record again');
      const last = t.record(author);
      await t.publish(conversation, last);
      expectRecords(await conversation.live(open, 2), [record, last], 'the subscription');
    },
  ),
  check('subscribe/live-refused', SUBSCRIBE, 'what was refused is not delivered', async (t) => {
    const author = t.newUser();
    const conversation = await t.connect();
    const open = await conversation.subscribe(t.filter());
    const bad = t.record(author).bytes.slice();
    bad[bad.length - 1]! ^= 1;
    expectResult(await conversation.submit(bad), 'INVALID', 'an invalid record');
    const foreign = t.record(author, { signedBy: t.stranger() });
    expectResult(await conversation.submit(foreign), 'UNAUTHORIZED', 'a foreign record');
    const last = t.record(author);
    await t.publish(conversation, last);
    expectRecords(await conversation.live(open, 1), [last], 'the subscription');
  }),
  ...LIVE_ELEMENTS.map(([name, elementOf]) =>
    check(
      `subscribe/live-${name}`,
      SUBSCRIBE,
      `live records are held to the filter: ${name}`,
      async (t) => {
        const [author, stranger] = [t.newUser(), t.newUser()];
        const conversation = await t.connect();
        const handling = 'versioned';
        const wanted = t.record(author, { tags: [WANTED] });
        const other = t.record(stranger, { tags: [UNWANTED], handling });
        const last = t.record(author, { tags: [WANTED] });
        const open = await conversation.subscribe(t.filter(elementOf(t, wanted, other)));
        await expectLive(
          t,
          conversation,
          open,
          conversation,
          [wanted, other, last],
          [wanted, last],
        );
      },
    ),
  ),
  check(
    'subscribe/live-times',
    SUBSCRIBE,
    'live records are held to Since and Until',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(5, t.user());
      const open = await conversation.subscribe(
        t.filter(
          { name: 'since', timestamp: records[1]!.timestamp },
          { name: 'until', timestamp: records[3]!.timestamp },
        ),
      );
      const order = [records[0]!, records[1]!, records[4]!, records[2]!, records[3]!];
      await expectLive(t, conversation, open, conversation, order, records.slice(1, 4));
    },
  ),
  check('subscribe/live-replaceable', SUBSCRIBE, 'a newer version is delivered live', async (t) => {
    const conversation = await t.connect();
    const open = await conversation.subscribe(t.filter());
    const nonce = Uint8Array.of(0x80, 7, 7, 7, 7, 7, 7, 7);
    const records = t.records(2, t.user(), { handling: 'replaceable', nonce });
    await expectLive(t, conversation, open, conversation, records, records);
  }),
  check(
    'subscribe/many',
    SUBSCRIBE,
    'a connection may have twenty subscriptions, each with its own filter',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const tags = Array.from({ length: 20 }, (_, i) => ({
        type: 0x6321,
        value: Uint8Array.of(i),
      }));
      const opened: Exchange[] = [];
      for (const tag of tags) {
        opened.push(await conversation.subscribe(t.filter({ name: 'includedTags', tags: [tag] })));
      }
      const records = tags.map((tag) => t.record(author, { tags: [tag] }));
      await t.publish(conversation, ...records);
      const last = t.record(author, { tags });
      await t.publish(conversation, last);
      for (const [i, open] of opened.entries()) {
        expectRecords(await conversation.live(open, 2), [records[i]!, last], `subscription ${i}`);
      }
    },
  ),
  check(
    'subscribe/after-others-leave',
    SUBSCRIBE,
    'a subscription outlives those of others',
    async (t) => {
      const [one, two, three] = [await t.connect(), await t.connect(), await t.connect()];
      const open = await one.subscribe(t.filter());
      const second = await two.subscribe(t.filter());
      await three.subscribe(t.filter());
      await two.unsubscribe(second);
      three.websocket.close(1000);
      await three.serverClose();
      const records = t.records(2, t.user());
      await expectLive(t, one, open, two, records, records);
    },
  ),
];

/** Checks of what a subscription delivers. */
export const subscribeChecks: readonly Check[] = [...opening, ...live];
