/** Checks of subkeys as readers: which act for their master key, and which don't. */
import {
  attestSubkey,
  type KeyMarkerName,
  type RecordView,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { type Check, check, reading } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectRecords } from '../expect.ts';
import type { Identity } from '../identity.ts';
import { expectBlind, expectReads, notify } from './private-readers.ts';

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

/** Checks of subkeys as readers. */
export const subkeyReaderChecks: readonly Check[] = subkeys;
