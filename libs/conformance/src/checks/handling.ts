/** Checks of duplicate handling: unique, versioned, replaceable, ephemeral. */
import { attestSubkey, type RecordView, type Timestamp } from '@mosaic-cluster/protocol';
import { type Check, check, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';
import type { Identity } from '../identity.ts';

const KIND = spec('Kind');
const NONCE = Uint8Array.of(0x80, 9, 9, 9, 9, 9, 9, 9);

/** Replaceable records of one address with these timestamps, in the order given. */
function versions(
  t: CheckContext,
  author: Identity,
  timestamps: readonly Timestamp[],
): RecordView[] {
  return timestamps.map((timestamp) =>
    t.record(author, { handling: 'replaceable', nonce: NONCE, timestamp }),
  );
}

/** Submits all, expecting ACCEPTED; then expects only `winner` to be servable in any way. */
async function expectWinner(
  t: CheckContext,
  submitted: readonly RecordView[],
  winner: RecordView,
): Promise<void> {
  const conversation = await t.connect();
  await t.publish(conversation, ...submitted);
  expectRecords((await conversation.query(t.filter())).records, [winner], 'the Query');
  expectRecords((await conversation.get(winner.address)).records, [winner], 'the Get by address');
  for (const record of submitted) {
    const expected = record === winner ? [winner] : [];
    expectRecords((await conversation.get(record.id)).records, expected, 'the Get by ID');
  }
}

const keeping: readonly Check[] = (['unique', 'versioned'] as const).map((handling) =>
  check(
    `handling/${handling}-kept`,
    KIND,
    `${handling} records that share an address are all kept`,
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(3, t.user(), { handling, nonce: NONCE });
      await t.publish(conversation, ...records);
      const expected = newestFirst(records);
      expectRecords((await conversation.query(t.filter())).records, expected, 'the Query');
      const byAddress = await conversation.get(records[0]!.address);
      expectRecords(byAddress.records, expected, 'the Get by address');
      for (const record of records) {
        expectRecords((await conversation.get(record.id)).records, [record], 'the Get by ID');
      }
    },
  ),
);

const replaceable: readonly Check[] = [
  check(
    'handling/replaceable-newer',
    KIND,
    'a newer replaceable record takes the place of the older',
    async (t) => {
      const records = versions(t, t.user(), [t.now(), t.now()]);
      await expectWinner(t, records, records[1]!);
    },
  ),
  check(
    'handling/replaceable-older',
    reading('Messages: Submission Result'),
    'an older replaceable record that comes later is ACCEPTED and not served',
    async (t) => {
      const [older, newer] = [t.now(), t.now()];
      const records = versions(t, t.user(), [newer, older]);
      await expectWinner(t, records, records[0]!);
    },
  ),
  ...(['lesser-first', 'greater-first'] as const).map((order) =>
    check(
      `handling/replaceable-tie-${order}`,
      reading('Kind'),
      `of replaceable records with one timestamp the greater ID is served (${order})`,
      async (t) => {
        const timestamp = t.now();
        const [greater, lesser] = newestFirst(versions(t, t.user(), [timestamp, timestamp]));
        const submitted = order === 'lesser-first' ? [lesser!, greater!] : [greater!, lesser!];
        await expectWinner(t, submitted, greater!);
      },
    ),
  ),
  check(
    'handling/replaceable-any-order',
    KIND,
    'the newest of five wins in whatever order they come',
    async (t) => {
      const times = Array.from({ length: 5 }, () => t.now());
      const author = t.user();
      const records = versions(
        t,
        author,
        [2, 0, 4, 3, 1].map((place) => times[place]!),
      );
      await expectWinner(t, records, records[2]!);
    },
  ),
  check(
    'handling/replaceable-concurrent',
    KIND,
    'the newest wins when all come at the same time',
    async (t) => {
      const author = t.user();
      const records = versions(
        t,
        author,
        Array.from({ length: 8 }, () => t.now()),
      );
      const connections = await Promise.all(records.map(async () => t.connect()));
      await Promise.all(
        records.map(async (record, i) => {
          expectResult(await connections[i]!.submit(record), 'ACCEPTED', 'a version');
        }),
      );
      const newest = records[7]!;
      expectRecords((await connections[0]!.query(t.filter())).records, [newest], 'the Query');
    },
  ),
  check(
    'handling/replaceable-by-address',
    KIND,
    'another nonce, kind or author is another address',
    async (t) => {
      const conversation = await t.connect();
      const [one, two] = [t.user(), t.newUser()];
      const made = { handling: 'replaceable', nonce: NONCE } as const;
      const kind = t.kind('replaceable', 'everybody', t.applicationKind ^ 1);
      const records = [
        t.record(one, made),
        t.record(one, { ...made, nonce: Uint8Array.of(0x80, 8, 8, 8, 8, 8, 8, 8) }),
        t.record(one, { ...made, kind }),
        t.record(two, made),
      ];
      await t.publish(conversation, ...records);
      const { records: found } = await conversation.query(t.filter());
      expectRecords(found, newestFirst(records), 'the Query');
    },
  ),
  check(
    'handling/replaceable-duplicate',
    KIND,
    'the record that is served is DUPLICATE when it comes again',
    async (t) => {
      const conversation = await t.connect();
      const [record] = versions(t, t.user(), [t.now()]);
      await t.publish(conversation, record!);
      expectResult(await conversation.submit(record!), 'DUPLICATE', 'the same record');
    },
  ),
  check(
    'handling/replaceable-other-signer',
    spec('Key Schedule: Server Used'),
    'a subkey may replace what the master key signed, and the other way round',
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      const attestation = attestSubkey(subkey.secretKey, author.publicKey);
      await t.publish(conversation, t.schedule(author, [{ marker: 'activeSigning', attestation }]));
      const made = { handling: 'replaceable', nonce: NONCE } as const;
      const [first, second, third] = [
        t.record(author, made),
        t.record(author, { ...made, signedBy: subkey }),
        t.record(author, made),
      ];
      await t.publish(conversation, first, second);
      expectRecords((await conversation.query(t.filter())).records, [second], 'after the subkey');
      await t.publish(conversation, third);
      expectRecords((await conversation.query(t.filter())).records, [third], 'after the master');
    },
  ),
  check(
    'handling/replaceable-stranger',
    spec('Key Schedule: Server Used'),
    "a key that is not known to be the author's replaces nothing",
    async (t) => {
      const author = t.newUser();
      const conversation = await t.connect();
      const made = { handling: 'replaceable', nonce: NONCE } as const;
      const own = t.record(author, made);
      await t.publish(conversation, own);
      const foreign = t.record(author, { ...made, signedBy: t.stranger() });
      expectResult(await conversation.submit(foreign), 'UNAUTHORIZED', 'the foreign version');
      expectRecords((await conversation.query(t.filter())).records, [own], 'the Query');
    },
  ),
];

/** Expects an ephemeral record to be nowhere. */
async function expectNotStored(t: CheckContext, record: RecordView): Promise<void> {
  const conversation = await t.connect();
  expectResult((await conversation.get(record.id)).result, 'NOT_FOUND', 'getting it by ID');
  expectResult((await conversation.get(record.address)).result, 'NOT_FOUND', 'by address');
  expectRecords((await conversation.query(t.filter())).records, [], 'querying for it');
  expectRecords((await conversation.subscribe(t.filter())).stored, [], 'subscribing to it');
}

const EPHEMERAL = spec('Messages: Submission Result');

const ephemeral: readonly Check[] = [
  check(
    'ephemeral/no-consumers',
    EPHEMERAL,
    'an ephemeral record that nobody waits for is NO_CONSUMERS and not stored',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user(), { handling: 'ephemeral' });
      expectResult(await conversation.submit(record), 'NO_CONSUMERS', 'the record');
      await expectNotStored(t, record);
    },
  ),
  check(
    'ephemeral/delivered',
    EPHEMERAL,
    'an ephemeral record is ACCEPTED, delivered to who waits for it, and not stored',
    async (t) => {
      const subscriber = await t.connect();
      const open = await subscriber.subscribe(t.filter());
      const conversation = await t.connect();
      const record = t.record(t.user(), { handling: 'ephemeral' });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
      expectRecords(await subscriber.live(open, 1), [record], 'the subscription');
      await expectNotStored(t, record);
    },
  ),
  check('ephemeral/own', EPHEMERAL, 'the publisher itself may be the consumer', async (t) => {
    const conversation = await t.connect();
    const open = await conversation.subscribe(t.filter());
    const record = t.record(t.user(), { handling: 'ephemeral' });
    expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
    expectRecords(await conversation.live(open, 1), [record], 'the subscription');
  }),
  check(
    'ephemeral/all-consumers',
    EPHEMERAL,
    'an ephemeral record reaches every subscription that matches',
    async (t) => {
      const subscribers = await Promise.all([t.connect(), t.connect(), t.connect()]);
      const open = await Promise.all(subscribers.map(async (one) => one.subscribe(t.filter())));
      const record = t.record(t.user(), { handling: 'ephemeral' });
      expectResult(await subscribers[0].submit(record), 'ACCEPTED', 'the record');
      for (const [i, one] of subscribers.entries()) {
        expectRecords(await one.live(open[i]!, 1), [record], `subscription ${i}`);
      }
    },
  ),
  check(
    'ephemeral/no-match',
    EPHEMERAL,
    'a subscription that does not match is no consumer',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const other = { name: 'authors', keys: [t.stranger().publicKey] } as const;
      const open = await conversation.subscribe(t.filter(other));
      const record = t.record(author, { handling: 'ephemeral' });
      expectResult(await conversation.submit(record), 'NO_CONSUMERS', 'the record');
      expectRecords(open.records, [], 'the subscription');
    },
  ),
  check(
    'ephemeral/after-unsubscribe',
    EPHEMERAL,
    'a closed subscription is no consumer',
    async (t) => {
      const conversation = await t.connect();
      const open = await conversation.subscribe(t.filter());
      await conversation.unsubscribe(open);
      const record = t.record(t.user(), { handling: 'ephemeral' });
      expectResult(await conversation.submit(record), 'NO_CONSUMERS', 'the record');
    },
  ),
  check(
    'ephemeral/not-readable',
    reading('Messages: Submission Result'),
    'who may not read an ephemeral record is no consumer of it',
    async (t) => {
      const conversation = await t.connect();
      const open = await conversation.subscribe(t.filter());
      const record = t.record(t.user(), { handling: 'ephemeral', audience: 'author-only' });
      expectResult(await conversation.submit(record), 'NO_CONSUMERS', 'the record');
      expectRecords(open.records, [], 'the subscription');
    },
  ),
  check(
    'ephemeral/invalid',
    spec('Record: Validation'),
    'an invalid ephemeral record is INVALID and not delivered',
    async (t) => {
      const conversation = await t.connect();
      const open = await conversation.subscribe(t.filter());
      const author = t.user();
      const bytes = t.record(author, { handling: 'ephemeral' }).bytes.slice();
      bytes[bytes.length - 1]! ^= 1;
      expectResult(await conversation.submit(bytes), 'INVALID', 'the record');
      const good = t.record(author, { handling: 'ephemeral' });
      expectResult(await conversation.submit(good), 'ACCEPTED', 'a good one after it');
      expectRecords(await conversation.live(open, 1), [good], 'the subscription');
    },
  ),
];

/** Checks of duplicate handling. */
export const handlingChecks: readonly Check[] = [...keeping, ...replaceable, ...ephemeral];
