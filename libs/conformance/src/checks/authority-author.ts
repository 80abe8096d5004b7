/** Checks of who may submit what: FROM_AUTHOR, and which keys may sign for an author. */
import { attestSubkey } from '@mosaic-cluster/protocol';
import { type Check, check, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectResult } from '../expect.ts';
import type { Identity } from '../identity.ts';

const FROM_AUTHOR = spec('Record: Flags');
const BELONGS = spec('Key Schedule');

/** Publishes a schedule in which `subkey` is active for `master`. */
async function activate(
  t: CheckContext,
  conversation: Conversation,
  master: Identity,
  subkey: Identity,
): Promise<void> {
  const attestation = attestSubkey(subkey.secretKey, master.publicKey);
  await t.publish(conversation, t.schedule(master, [{ marker: 'activeSigning', attestation }]));
}

const fromAuthor: readonly Check[] = [
  check(
    'authority/from-author-anonymous',
    FROM_AUTHOR,
    'FROM_AUTHOR from an anonymous connection is REQUIRES_AUTHENTICATION',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user(), { fromAuthor: true });
      expectResult(await conversation.submit(record), 'REQUIRES_AUTHENTICATION', 'the record');
      expectResult((await conversation.get(record.id)).result, 'NOT_FOUND', 'getting it');
    },
  ),
  check(
    'authority/from-author-other',
    FROM_AUTHOR,
    "FROM_AUTHOR from somebody else's connection is UNAUTHORIZED",
    async (t) => {
      const conversation = await t.connect(t.stranger());
      const record = t.record(t.user(), { fromAuthor: true });
      expectResult(await conversation.submit(record), 'UNAUTHORIZED', 'the record');
      expectResult((await conversation.get(record.id)).result, 'NOT_FOUND', 'getting it');
    },
  ),
  check(
    'authority/from-author-self',
    FROM_AUTHOR,
    "FROM_AUTHOR from its author's connection is ACCEPTED",
    async (t) => {
      const author = t.user();
      const conversation = await t.connect(author);
      const record = t.record(author, { fromAuthor: true });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
    },
  ),
  check(
    'authority/from-author-subkey',
    reading('Record: Flags'),
    "FROM_AUTHOR from the connection of the author's active subkey is ACCEPTED",
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect(subkey);
      await activate(t, conversation, author, subkey);
      const record = t.record(author, { fromAuthor: true, signedBy: subkey });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
    },
  ),
  check(
    'authority/stranger-submits',
    spec('Messages: Submission'),
    'a record without FROM_AUTHOR is accepted from anybody',
    async (t) => {
      const conversation = await t.connect(t.stranger());
      expectResult(await conversation.submit(t.record(t.user())), 'ACCEPTED', 'the record');
    },
  ),
];

const signing: readonly Check[] = [
  check(
    'authority/signing-key-unknown',
    BELONGS,
    'a record signed by a key that nothing ties to its author is UNAUTHORIZED',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.newUser(), { signedBy: t.stranger() });
      expectResult(await conversation.submit(record), 'UNAUTHORIZED', 'the record');
      expectResult((await conversation.get(record.id)).result, 'NOT_FOUND', 'getting it');
    },
  ),
  check(
    'authority/signing-key-attested',
    BELONGS,
    "a record signed by a subkey of the author's key schedule is ACCEPTED",
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      await activate(t, conversation, author, subkey);
      const record = t.record(author, { signedBy: subkey });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
    },
  ),
  check(
    'authority/signing-key-after-refusal',
    BELONGS,
    'a record refused for its signing key is ACCEPTED once the key schedule is there',
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      const record = t.record(author, { signedBy: subkey });
      expectResult(await conversation.submit(record), 'UNAUTHORIZED', 'before the schedule');
      await activate(t, conversation, author, subkey);
      expectResult(await conversation.submit(record), 'ACCEPTED', 'after the schedule');
    },
  ),
  check(
    'authority/signing-key-of-another',
    BELONGS,
    'a subkey of one author cannot sign for another',
    async (t) => {
      const [author, other, subkey] = [t.newUser(), t.newUser(), t.stranger()];
      const conversation = await t.connect();
      await activate(t, conversation, other, subkey);
      const record = t.record(author, { signedBy: subkey });
      expectResult(await conversation.submit(record), 'UNAUTHORIZED', 'the record');
    },
  ),
  check(
    'authority/signing-key-dropped',
    reading('Key Schedule'),
    'only the newest key schedule counts: a subkey that it leaves out cannot sign any more',
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      await activate(t, conversation, author, subkey);
      await t.publish(conversation, t.schedule(author, []));
      const record = t.record(author, { signedBy: subkey });
      expectResult(await conversation.submit(record), 'UNAUTHORIZED', 'the record');
    },
  ),
  check(
    'authority/schedule-out-of-order',
    reading('Key Schedule'),
    'an older key schedule that comes later changes nothing',
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      const older = t.schedule(author, []);
      await activate(t, conversation, author, subkey);
      expectResult(await conversation.submit(older), 'ACCEPTED', 'the older schedule');
      const record = t.record(author, { signedBy: subkey });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'a record of the subkey');
    },
  ),
  check(
    'authority/schedule-other-address',
    reading('Key Schedule'),
    'the newest key schedule counts, whatever its address',
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      await t.publish(conversation, t.schedule(author, []));
      const attestation = attestSubkey(subkey.secretKey, author.publicKey);
      const nonce = Uint8Array.of(0x80, 1, 2, 3, 4, 5, 6, 7);
      const schedule = t.schedule(author, [{ marker: 'activeSigning', attestation }], { nonce });
      await t.publish(conversation, schedule);
      const record = t.record(author, { signedBy: subkey });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'a record of the subkey');
    },
  ),
  check(
    'authority/master-always',
    BELONGS,
    'the master key signs for itself, listed or not',
    async (t) => {
      const author = t.newUser();
      const conversation = await t.connect();
      await activate(t, conversation, author, t.stranger());
      expectResult(await conversation.submit(t.record(author)), 'ACCEPTED', 'the record');
    },
  ),
];

/** Checks of authority. */
export const authorityChecks: readonly Check[] = [...fromAuthor, ...signing];
