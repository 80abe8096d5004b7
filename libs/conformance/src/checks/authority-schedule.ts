/** Checks of key schedules and profiles as records: which are valid, and what their markers do. */
import {
  attestSubkey,
  coreTag,
  encodeKeyScheduleEntries,
  encodeProfile,
  type KeyScheduleEntryInput,
  KNOWN_KINDS,
  type RecordView,
  type TagInput,
  type Timestamp,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { type Check, check, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectRecords, expectResult } from '../expect.ts';
import type { Identity } from '../identity.ts';

const PAYLOAD = spec('Key Schedule: Payload');
const MARKERS = spec('Key Schedule: markers');

interface Family {
  readonly master: Identity;
  readonly subkey: Identity;
}

function family(t: CheckContext): Family {
  return { master: t.newUser(), subkey: t.stranger() };
}

function entryOf(
  { master, subkey }: Family,
  marker: KeyScheduleEntryInput['marker'] = 'activeSigning',
  revokedAt?: Timestamp,
): KeyScheduleEntryInput {
  const attestation = attestSubkey(subkey.secretKey, master.publicKey);
  return { marker, attestation, ...(revokedAt === undefined ? {} : { revokedAt }) };
}

/** A schedule with any payload and tags, valid as a record. */
function rawSchedule(
  t: CheckContext,
  { master, subkey }: Family,
  payload: Uint8Array,
  tags: readonly TagInput[] = [coreTag({ name: 'subkey', key: subkey.publicKey })],
  signedBy: Identity = master,
): RecordView {
  const kind = KNOWN_KINDS['key-schedule'];
  return t.record(master, { kind, payload, tags, signedBy, isUntagged: true });
}

type Payload = Uint8Array<ArrayBuffer>;

/** Ways to break a payload of one active subkey, by what is wrong then. */
const WAYS: readonly (readonly [string, string, (payload: Payload) => Uint8Array])[] = [
  ['entry-kind', 'an unknown entry kind', (payload) => edited(payload, 0, 3)],
  ['entry-reserved', 'a second byte that is not zero', (payload) => edited(payload, 1, 1)],
  ['marker', 'an unknown marker', (payload) => edited(payload, 4, 0x99)],
  ['length-zero', 'an entry of length 0', (payload) => edited(payload, 2, 0)],
  ['length-long', 'an entry longer than the payload', (payload) => edited(payload, 2, 0xa0)],
  ['length-short', 'an entry shorter than its attestation', (payload) => edited(payload, 2, 0x90)],
  ['truncated', 'an attestation cut off', (payload) => payload.slice(0, -8)],
  [
    'trailing',
    'bytes behind the last entry',
    (payload) => Buffer.concat([payload, Buffer.alloc(8)]),
  ],
  ['magic', 'an attestation that does not start as one', (payload) => edited(payload, 16, 0)],
  ['algorithm', 'an unknown algorithm', (payload) => edited(payload, 21, 7)],
  ['attestation', 'an attestation with a wrong signature', (payload) => edited(payload, 100, 1)],
  ['revocation-time', 'a revocation without its timestamp', (payload) => edited(payload, 4, 0x40)],
];

function edited(payload: Payload, at: number, value: number): Uint8Array {
  const bytes = payload.slice();
  bytes[at] = at === 100 ? bytes[at]! ^ value : value;
  return bytes;
}

async function expectInvalid(t: CheckContext, record: RecordView): Promise<void> {
  const conversation = await t.connect();
  expectResult(await conversation.submit(record), 'INVALID', 'the record');
  expectResult((await conversation.get(record.id)).result, 'NOT_FOUND', 'getting it');
}

const shape: readonly Check[] = [
  ...WAYS.map(([name, what, edit]) =>
    check(
      `schedule/${name}`,
      reading('Key Schedule: Payload'),
      `a key schedule with ${what} is INVALID`,
      async (t) => {
        const people = family(t);
        const payload = edit(encodeKeyScheduleEntries([entryOf(people)]));
        await expectInvalid(t, rawSchedule(t, people, payload));
      },
    ),
  ),
  check(
    'schedule/foreign-master',
    PAYLOAD,
    'an attestation for another master is INVALID',
    async (t) => {
      const people = family(t);
      const foreign = { master: t.newUser(), subkey: people.subkey };
      const payload = encodeKeyScheduleEntries([entryOf(foreign)]);
      await expectInvalid(t, rawSchedule(t, people, payload));
    },
  ),
  check(
    'schedule/subkey-tag',
    spec('Key Schedule: Tags'),
    'a subkey without its Subkey tag is INVALID',
    async (t) => {
      const people = family(t);
      const payload = encodeKeyScheduleEntries([entryOf(people)]);
      await expectInvalid(t, rawSchedule(t, people, payload, []));
      const other = [coreTag({ name: 'subkey', key: t.stranger().publicKey })];
      await expectInvalid(t, rawSchedule(t, people, payload, other));
    },
  ),
  check(
    'schedule/signer',
    spec('Key Schedule'),
    'a key schedule signed by a subkey is INVALID',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      await t.publish(conversation, t.schedule(people.master, [entryOf(people)]));
      const payload = encodeKeyScheduleEntries([entryOf(people)]);
      await expectInvalid(t, rawSchedule(t, people, payload, undefined, people.subkey));
    },
  ),
  check(
    'schedule/invalid-changes-nothing',
    spec('Key Schedule'),
    'an invalid key schedule leaves the valid one in force',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      await t.publish(conversation, t.schedule(people.master, [entryOf(people)]));
      await expectInvalid(t, rawSchedule(t, people, Uint8Array.of(1, 2, 3)));
      const record = t.record(people.master, { signedBy: people.subkey });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'a record of the subkey');
    },
  ),
  check(
    'schedule/encryption-key',
    PAYLOAD,
    'an encryption key is accepted and signs nothing',
    async (t) => {
      const { master, subkey } = family(t);
      const conversation = await t.connect();
      const entry = { marker: 'activeEncryption', encryptionKey: subkey.publicKey } as const;
      await t.publish(conversation, t.schedule(master, [entry]));
      const record = t.record(master, { signedBy: subkey });
      expectResult(await conversation.submit(record), 'UNAUTHORIZED', 'a record signed by it');
    },
  ),
  check(
    'schedule/empty',
    reading('Key Schedule: Payload'),
    'a key schedule without entries is valid',
    async (t) => {
      const conversation = await t.connect();
      await t.publish(conversation, t.schedule(t.newUser(), []));
    },
  ),
];

/** Publishes a schedule, then a record of its subkey, then another schedule in its place. */
async function afterChange(
  t: CheckContext,
  conversation: Conversation,
  people: Family,
  change: KeyScheduleEntryInput,
): Promise<RecordView> {
  await t.publish(conversation, t.schedule(people.master, [entryOf(people)]));
  const record = t.record(people.master, { signedBy: people.subkey });
  await t.publish(conversation, record);
  await t.publish(conversation, t.schedule(people.master, [change]));
  return record;
}

/** Waits until a record that a schedule made invalid is served no more. */
async function expectGone(
  t: CheckContext,
  conversation: Conversation,
  record: RecordView,
): Promise<void> {
  const deadline = Date.now() + t.timeoutMs;
  // In a cluster the news of a key schedule needs a moment to be everywhere.
  while (Date.now() < deadline) {
    if ((await conversation.get(record.id)).records.length === 0) break;
  }
  expectResult(
    (await conversation.get(record.id)).result,
    'NOT_FOUND',
    'getting the revoked record',
  );
  expectRecords((await conversation.query(t.filter())).records, [], 'querying for it');
  expectRecords((await conversation.subscribe(t.filter())).stored, [], 'subscribing to it');
}

const markers: readonly Check[] = [
  check(
    'revocation/all-submission',
    MARKERS,
    'a subkey revoked entirely (0x40) cannot sign any more',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      const entry = entryOf(people, 'revokedAll', t.now());
      await t.publish(conversation, t.schedule(people.master, [entry]));
      const record = t.record(people.master, { signedBy: people.subkey });
      expectResult(await conversation.submit(record), 'UNAUTHORIZED', 'a new record');
      const old = t.record(people.master, { signedBy: people.subkey, timestamp: 1n });
      expectResult(await conversation.submit(old), 'UNAUTHORIZED', 'a record dated before it');
    },
  ),
  check(
    'revocation/all-served',
    MARKERS,
    'what a subkey revoked entirely (0x40) ever signed is served no more',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      const entry = entryOf(people, 'revokedAll', timestampFromMillis(Date.now()));
      const record = await afterChange(t, conversation, people, entry);
      await expectGone(t, conversation, record);
    },
  ),
  check(
    'revocation/all-spares-master',
    MARKERS,
    "a subkey's revocation leaves the master key's records alone",
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      const own = t.record(people.master);
      await t.publish(conversation, own);
      const entry = entryOf(people, 'revokedAll', timestampFromMillis(Date.now()));
      await afterChange(t, conversation, people, entry);
      expectRecords((await conversation.get(own.id)).records, [own], 'the Get');
    },
  ),
  check(
    'revocation/past-kept',
    MARKERS,
    'what was received and dated before a revocation (0x41) stays served',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      // The server's clock may differ from ours; nobody's differs by an hour.
      const entry = entryOf(people, 'revokedPast', timestampFromMillis(Date.now() + 3_600_000));
      const record = await afterChange(t, conversation, people, entry);
      expectRecords((await conversation.get(record.id)).records, [record], 'the Get');
      expectRecords((await conversation.query(t.filter())).records, [record], 'the Query');
    },
  ),
  check(
    'revocation/past-received-later',
    MARKERS,
    'what was received after a revocation (0x41) is served no more, whatever its date',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      const entry = entryOf(people, 'revokedPast', timestampFromMillis(Date.now() - 3_600_000));
      await t.publish(conversation, t.schedule(people.master, [entryOf(people)]));
      const record = t.record(people.master, { signedBy: people.subkey, timestamp: 1n });
      await t.publish(conversation, record);
      await t.publish(conversation, t.schedule(people.master, [entry]));
      await expectGone(t, conversation, record);
    },
  ),
  check(
    'revocation/past-submission',
    MARKERS,
    'a record that comes after a revocation (0x41) is UNAUTHORIZED, whatever its date',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      const entry = entryOf(people, 'revokedPast', timestampFromMillis(Date.now() - 3_600_000));
      await t.publish(conversation, t.schedule(people.master, [entry]));
      for (const timestamp of [1n, t.now()]) {
        const record = t.record(people.master, { signedBy: people.subkey, timestamp });
        expectResult(await conversation.submit(record), 'UNAUTHORIZED', `dated ${timestamp}`);
      }
    },
  ),
  check(
    'revocation/out-of-use',
    MARKERS,
    'a subkey out of use (0x4F) has nothing revoked',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      const record = await afterChange(t, conversation, people, entryOf(people, 'outOfUse'));
      expectRecords((await conversation.get(record.id)).records, [record], 'the Get');
      expectRecords((await conversation.query(t.filter())).records, [record], 'the Query');
    },
  ),
  check(
    'revocation/undone',
    reading('Key Schedule: markers'),
    'a newer key schedule without the revocation brings the records back',
    async (t) => {
      const people = family(t);
      const conversation = await t.connect();
      const entry = entryOf(people, 'revokedAll', timestampFromMillis(Date.now()));
      const record = await afterChange(t, conversation, people, entry);
      await expectGone(t, conversation, record);
      await t.publish(conversation, t.schedule(people.master, [entryOf(people)]));
      const deadline = Date.now() + t.timeoutMs;
      while (Date.now() < deadline) {
        if ((await conversation.get(record.id)).records.length > 0) break;
      }
      expectRecords((await conversation.get(record.id)).records, [record], 'the Get');
    },
  ),
];

const PROFILE = spec('Profile: Payload');

/** CBOR by hand: what is wrong, and the bytes. */
const BAD_PROFILES: readonly (readonly [string, readonly number[]])[] = [
  ['no name', [0xa1, 0x65, 0x61, 0x62, 0x6f, 0x75, 0x74, 0x61, 0x78]],
  ['a name that is a number', [0xa1, 0x64, 0x6e, 0x61, 0x6d, 0x65, 0x07]],
  ['text and no map', [0x64, 0x6e, 0x61, 0x6d, 0x65]],
  ['nothing', []],
  ['a map cut off', [0xa1, 0x64, 0x6e, 0x61, 0x6d, 0x65, 0x63, 0x62, 0x6f]],
];

const profiles: readonly Check[] = [
  check('profile/valid', PROFILE, 'a profile with a name is ACCEPTED', async (t) => {
    const conversation = await t.connect();
    const record = t.profile(
      t.newUser(),
      encodeProfile({ name: 'bob', about: 'about me', bot: true }),
    );
    await t.publish(conversation, record);
    expectRecords((await conversation.get(record.id)).records, [record], 'the Get');
  }),
  check(
    'profile/invalid',
    PROFILE,
    'a profile that is no CBOR map with a name is INVALID',
    async (t) => {
      const author = t.newUser();
      for (const [, payload] of BAD_PROFILES) {
        await expectInvalid(t, t.profile(author, Uint8Array.from(payload)));
      }
    },
  ),
  check('profile/signer', spec('Profile'), 'a profile signed by a subkey is INVALID', async (t) => {
    const people = family(t);
    const conversation = await t.connect();
    await t.publish(conversation, t.schedule(people.master, [entryOf(people)]));
    await expectInvalid(t, t.profile(people.master, encodeProfile({ name: 'bob' }), people.subkey));
  }),
];

/** Checks of key schedules and profiles. */
export const scheduleChecks: readonly Check[] = [...shape, ...markers, ...profiles];
