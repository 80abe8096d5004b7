/** Checks of private records: who may read them, and that nobody else learns that they exist. */
import {
  attestSubkey,
  buildFilter,
  coreTag,
  equalBytes,
  type KeyMarkerName,
  type PublicKey,
  type RecordView,
  type TagInput,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';
import type { Identity } from '../identity.ts';

const AUDIENCE = spec('Kind');
const HIDDEN = reading('Kind');

function notify(key: PublicKey): TagInput {
  return coreTag({ name: 'notify', key });
}

/** Expects somebody to read these records by ID, address, Query and Subscribe. */
async function expectReads(
  t: CheckContext,
  reader: Conversation,
  records: readonly RecordView[],
  who: string,
): Promise<void> {
  for (const record of records) {
    expectRecords((await reader.get(record.id)).records, [record], `${who}: Get by ID`);
    expectRecords((await reader.get(record.address)).records, [record], `${who}: Get by address`);
  }
  const expected = newestFirst(records);
  expectRecords((await reader.query(t.filter())).records, expected, `${who}: Query`);
  expectRecords((await reader.subscribe(t.filter())).stored, expected, `${who}: Subscribe`);
}

/** Expects somebody to see nothing of a record, in whatever way it is asked for. */
async function expectBlind(
  t: CheckContext,
  reader: Conversation,
  record: RecordView,
  who: string,
): Promise<void> {
  for (const reference of [record.id, record.address]) {
    const { records, result } = await reader.get(reference);
    expectRecords(records, [], `${who}: Get`);
    expectResult(result, 'NOT_FOUND', `${who}: Get`);
  }
  const ways = [
    t.filter(),
    t.filter({ name: 'authors', keys: [record.author] }, { name: 'kinds', kinds: [record.kind] }),
    t.filter({ name: 'timestamps', timestamps: [record.timestamp] }),
    t.filter({ name: 'signingKeys', keys: [record.signingKey] }),
  ];
  for (const [i, filter] of ways.entries()) {
    const { records, result } = await reader.query(filter);
    expectRecords(records, [], `${who}: Query ${i}`);
    expectResult(result, 'SUCCESS', `${who}: Query ${i}`);
  }
  // Without this run's tag: what else the author has published may come, this record may not.
  const alone = buildFilter([{ name: 'authors', keys: [record.author] }]).bytes;
  const { records } = await reader.query(alone);
  const isLeaked = records.some(({ id }) => equalBytes(id, record.id));
  ensure(!isLeaked, `${who}: a Query by author alone gives the record`);
  expectRecords((await reader.subscribe(t.filter())).stored, [], `${who}: Subscribe`);
}

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
  expectRecords(await reader.live(open, visible.length), visible, who);
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
        const live = await one.live(opened[i]!, expected[i]!.length);
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
      await t.publish(stranger, t.record(author));
      await stranger.live(blind, 1);
      ensure(blind.live.length === 1, 'the stranger was sent the private record');
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

/** A private record for `reader`, and a subkey that its key schedule lists with a marker. */
async function withSubkey(
  t: CheckContext,
  marker: KeyMarkerName,
): Promise<{ reader: Identity; subkey: Identity; record: RecordView; publisher: Conversation }> {
  const [author, reader, subkey] = [t.newUser(), t.newUser(), t.stranger()];
  const publisher = await t.connect();
  const attestation = attestSubkey(subkey.secretKey, reader.publicKey);
  const isRevocation = marker === 'revokedAll' || marker === 'revokedPast';
  const revokedAt = timestampFromMillis(Date.now() - 60_000);
  const entry = { marker, attestation, ...(isRevocation ? { revokedAt } : {}) };
  const tags = [notify(reader.publicKey)];
  const record = t.record(author, { audience: 'author-and-tagged', tags });
  await t.publish(publisher, t.schedule(reader, [entry]), record);
  return { reader, subkey, record, publisher };
}

const subkeys: readonly Check[] = [
  check(
    'privacy/subkey-active',
    reading('Key Schedule'),
    "a reader's active subkey reads what its master may read",
    async (t) => {
      t.needsCertificates();
      const { subkey, record } = await withSubkey(t, 'activeSigning');
      await expectReads(t, await t.connect(subkey), [record], 'the subkey');
    },
  ),
  check(
    'privacy/subkey-live',
    reading('Key Schedule'),
    "a reader's active subkey is sent its master's private records live",
    async (t) => {
      t.needsCertificates();
      const { reader, subkey, publisher } = await withSubkey(t, 'activeSigning');
      const connection = await t.connect(subkey);
      const open = await connection.subscribe(t.filter());
      const tags = [notify(reader.publicKey)];
      const record = t.record(t.newUser(), { audience: 'author-and-tagged', tags });
      await t.publish(publisher, record);
      expectRecords(await connection.live(open, 1), [record], 'the subscription');
    },
  ),
  ...(['revokedAll', 'revokedPast', 'outOfUse'] as const).map((marker) =>
    check(
      `privacy/subkey-${marker.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      reading('Key Schedule'),
      `a subkey that is ${marker === 'outOfUse' ? 'out of use' : 'revoked'} reads nothing of its master's (${marker})`,
      async (t) => {
        t.needsCertificates();
        const { subkey, record } = await withSubkey(t, marker);
        await expectBlind(t, await t.connect(subkey), record, 'the subkey');
      },
    ),
  ),
  check(
    'privacy/subkey-unlisted',
    reading('Key Schedule'),
    "a key that no key schedule lists reads nothing of anybody's",
    async (t) => {
      t.needsCertificates();
      const { record, subkey, reader, publisher } = await withSubkey(t, 'activeSigning');
      await t.publish(publisher, t.schedule(reader, []));
      await expectBlind(t, await t.connect(subkey), record, 'a subkey that was dropped');
    },
  ),
  check(
    'privacy/subkey-of-author',
    reading('Key Schedule'),
    "an author's active subkey reads the author's own records, and signs them",
    async (t) => {
      t.needsCertificates();
      const [author, subkey] = [t.newUser(), t.stranger()];
      const reader = await t.connect(subkey);
      const attestation = attestSubkey(subkey.secretKey, author.publicKey);
      await t.publish(reader, t.schedule(author, [{ marker: 'activeSigning', attestation }]));
      const record = t.record(author, { audience: 'author-only', signedBy: subkey });
      await t.publish(reader, record);
      await expectReads(t, reader, [record], 'the subkey');
      await expectReads(t, await t.connect(author), [record], 'the master');
    },
  ),
];

/** Checks of private records. */
export const privacyChecks: readonly Check[] = [...anonymous, ...readers, ...unseen, ...subkeys];
