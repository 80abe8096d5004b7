/** Checks of private records: who may read them, and that nobody else learns that they exist. */
import { coreTag, type RecordView } from '@mosaic-cluster/protocol';
import { type Check, check, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';
import { expectBlind, expectReads, notify } from './private-readers.ts';

const AUDIENCE = spec('Kind');
const HIDDEN = reading('Kind');

/**
 * Expects a subscription to deliver some of the records published to it and not the others. The
 * last one published must be visible: it shows that the others will not come any more.
 */
async function expectLive(
  t: CheckContext,
  reader: Conversation,
  publisher: Conversation,
  records: readonly RecordView[],
  visible: readonly RecordView[],
  who: string,
): Promise<void> {
  const open = await reader.subscribe(t.filter());
  await t.publish(publisher, ...records);
  await reader.live(open, visible.length);
  await reader.sentinel();
  expectRecords(open.live, visible, who);
}

const anonymous: readonly Check[] = (['author-only', 'author-and-tagged'] as const).flatMap(
  (audience) => [
    check(
      `privacy/${audience}-anonymous`,
      AUDIENCE,
      `an anonymous reader sees nothing that is ${audience}`,
      async (t) => {
        const author = t.user();
        const publisher = await t.connect();
        const record = t.record(author, { audience, tags: [notify(t.stranger().publicKey)] });
        await t.publish(publisher, record);
        await expectBlind(t, publisher, record, 'anonymous');
      },
    ),
    check(
      `privacy/${audience}-anonymous-live`,
      AUDIENCE,
      `an anonymous subscriber is sent nothing that is ${audience}`,
      async (t) => {
        const [author, publisher] = [t.user(), await t.connect()];
        const hidden = t.record(author, { audience });
        const open = t.record(author);
        await expectLive(t, await t.connect(), publisher, [hidden, open], [open], 'anonymous');
      },
    ),
  ],
);

const readers: readonly Check[] = [
  check(
    'privacy/author-only-author',
    AUDIENCE,
    'an author reads its own author-only records',
    async (t) => {
      const author = t.user();
      const reader = await t.connect(author);
      const records = t.records(2, author, { audience: 'author-only' });
      await t.publish(reader, ...records);
      await expectReads(t, reader, records, 'the author');
    },
  ),
  check(
    'privacy/author-only-others',
    AUDIENCE,
    'nobody else reads author-only records, not even whom they notify',
    async (t) => {
      const [author, tagged] = [t.user(), t.stranger()];
      const record = t.record(author, {
        audience: 'author-only',
        tags: [notify(tagged.publicKey)],
      });
      await t.publish(await t.connect(), record);
      await expectBlind(t, await t.connect(tagged), record, 'whom it notifies');
      await expectBlind(t, await t.connect(t.stranger()), record, 'a stranger');
    },
  ),
  check(
    'privacy/tagged-author',
    AUDIENCE,
    'an author reads its own author-and-tagged records',
    async (t) => {
      const author = t.user();
      const reader = await t.connect(author);
      const tags = [notify(t.stranger().publicKey)];
      const record = t.record(author, { audience: 'author-and-tagged', tags });
      await t.publish(reader, record);
      await expectReads(t, reader, [record], 'the author');
    },
  ),
  check(
    'privacy/tagged-reader',
    AUDIENCE,
    'each of those in its Notify tags reads an author-and-tagged record',
    async (t) => {
      const [author, one, two] = [t.user(), t.stranger(), t.stranger()];
      const tags = [notify(one.publicKey), notify(two.publicKey)];
      const record = t.record(author, { audience: 'author-and-tagged', tags });
      await t.publish(await t.connect(), record);
      await expectReads(t, await t.connect(one), [record], 'the first of them');
      await expectReads(t, await t.connect(two), [record], 'the second of them');
    },
  ),
  check(
    'privacy/tagged-stranger',
    AUDIENCE,
    'a stranger reads no author-and-tagged record',
    async (t) => {
      const tags = [notify(t.stranger().publicKey)];
      const record = t.record(t.user(), { audience: 'author-and-tagged', tags });
      await t.publish(await t.connect(), record);
      await expectBlind(t, await t.connect(t.stranger()), record, 'a stranger');
    },
  ),
  check(
    'privacy/tagged-otherwise',
    HIDDEN,
    'a mention, or a Notify tag of a wrong shape, lets nobody read',
    async (t) => {
      const [author, reader] = [t.user(), t.stranger()];
      const key = reader.publicKey;
      const mention = coreTag({ name: 'userMention', offset: 0, key });
      const long = { type: 0x01, value: new Uint8Array([0, 0, 0, 0, ...key, 0, 0, 0, 0]) };
      const bare = { type: 0x01, value: key };
      const publisher = await t.connect();
      const stranger = await t.connect(reader);
      for (const tag of [mention, long, bare]) {
        const record = t.record(author, { audience: 'author-and-tagged', tags: [tag] });
        await t.publish(publisher, record);
        await expectBlind(t, stranger, record, `with a tag of type ${tag.type}`);
      }
    },
  ),
  check(
    'privacy/live',
    AUDIENCE,
    'live private records come to those who may read them, and to nobody else',
    async (t) => {
      const [author, tagged] = [t.user(), t.stranger()];
      const publisher = await t.connect();
      const people = await Promise.all([
        t.connect(author),
        t.connect(tagged),
        t.connect(t.stranger()),
        t.connect(),
      ]);
      const opened = await Promise.all(people.map(async (one) => one.subscribe(t.filter())));
      const own = t.record(author, { audience: 'author-only' });
      const shared = t.record(author, {
        audience: 'author-and-tagged',
        tags: [notify(tagged.publicKey)],
      });
      const last = t.record(author);
      await t.publish(publisher, own, shared, last);
      const expected = [[own, shared, last], [shared, last], [last], [last]];
      const names = ['the author', 'the tagged', 'a stranger', 'anonymous'];
      for (const [i, one] of people.entries()) {
        await one.live(opened[i]!, expected[i]!.length);
        await one.sentinel();
        const { live } = opened[i]!;
        // Private and public records may take different ways, so their order is not fixed.
        expectRecords(newestFirst(live), newestFirst(expected[i]!), names[i]!);
      }
    },
  ),
  check(
    'privacy/ephemeral',
    AUDIENCE,
    'a private ephemeral record comes to those who may read it only',
    async (t) => {
      const [author, tagged] = [t.user(), t.stranger()];
      const reader = await t.connect(tagged);
      const stranger = await t.connect(t.stranger());
      const [open, blind] = [
        await reader.subscribe(t.filter()),
        await stranger.subscribe(t.filter()),
      ];
      const made = { audience: 'author-and-tagged', handling: 'ephemeral' } as const;
      const record = t.record(author, { ...made, tags: [notify(tagged.publicKey)] });
      expectResult(await stranger.submit(record), 'ACCEPTED', 'the record');
      expectRecords(await reader.live(open, 1), [record], 'the tagged');
      const last = t.record(author);
      await t.publish(stranger, last);
      await stranger.live(blind, 1);
      await stranger.sentinel();
      expectRecords(blind.live, [last], 'a stranger');
    },
  ),
];

const unseen: readonly Check[] = [
  check(
    'privacy/limit',
    HIDDEN,
    "a limit counts what the reader may read: private records take nobody's place",
    async (t) => {
      const author = t.user();
      const conversation = await t.connect();
      const open = t.records(3, author);
      const hidden = t.records(3, author, { audience: 'author-only' });
      await t.publish(conversation, ...open, ...hidden);
      const { records } = await conversation.query(t.filter(), 2);
      expectRecords(records, newestFirst(open).slice(0, 2), 'the Query');
      const subscription = await conversation.subscribe(t.filter(), 2);
      expectRecords(subscription.stored, newestFirst(open).slice(0, 2), 'the Subscribe');
    },
  ),
  check(
    'privacy/get-mixed',
    HIDDEN,
    'a Get of public and private records gives the public ones, as if the others did not exist',
    async (t) => {
      const author = t.user();
      const conversation = await t.connect();
      const [open, hidden] = [t.record(author), t.record(author, { audience: 'author-only' })];
      await t.publish(conversation, open, hidden);
      const answer = await conversation.get(hidden.id, open.id, hidden.address);
      expectRecords(answer.records, [open], 'the Get');
      expectResult(answer.result, 'SUCCESS', 'the Get');
    },
  ),
  check(
    'privacy/replaced',
    AUDIENCE,
    'older versions of a private replaceable record are served to nobody',
    async (t) => {
      const author = t.user();
      const reader = await t.connect(author);
      const nonce = Uint8Array.of(0x80, 6, 6, 6, 6, 6, 6, 6);
      const made = { audience: 'author-only', handling: 'replaceable', nonce } as const;
      const [older, newer] = t.records(2, author, made);
      await t.publish(reader, older!, newer!);
      expectRecords((await reader.query(t.filter())).records, [newer!], 'the Query');
      expectResult((await reader.get(older!.id)).result, 'NOT_FOUND', 'getting the older version');
    },
  ),
  check(
    'privacy/public-unaffected',
    AUDIENCE,
    'Notify tags hide nothing that everybody may read',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user(), { tags: [notify(t.stranger().publicKey)] });
      await t.publish(conversation, record);
      await expectReads(t, conversation, [record], 'anonymous');
    },
  ),
];

/** Checks of readers. */
export const privacyChecks: readonly Check[] = [...anonymous, ...readers, ...unseen];
