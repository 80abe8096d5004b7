/** Checks of what strangers may send to a user, and of whom a server with registration serves. */
import { coreTag, type RecordView, type TagInput } from '@mosaic-cluster/protocol';
import { type Check, check, reading, skip, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { expectRecords, expectResult } from '../expect.ts';
import type { Identity } from '../identity.ts';

const INBOX = spec('Servers: Inbox');
const ENCRYPTION = spec('Servers: Encryption');
const OUTBOX = spec('Servers: Outbox');

function notify({ publicKey }: Identity): TagInput {
  return coreTag({ name: 'notify', key: publicKey });
}

function replyTo(record: RecordView): TagInput {
  return coreTag({ name: 'reply', kind: record.kind, reference: record.id });
}

/** Only where the server does not serve everybody. */
function needsRegistration(t: CheckContext): void {
  if (t.server.isOpen) skip('this server serves everybody');
}

/** Checks of strangers' records. */
export const inboxChecks: readonly Check[] = [
  check(
    'inbox/stranger-notifies',
    INBOX,
    "a stranger's record that notifies a user is accepted without authentication",
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.stranger(), { tags: [notify(t.user())] });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
    },
  ),
  check(
    'inbox/stranger-replies',
    INBOX,
    "a stranger's reply to a user's record is accepted without authentication",
    async (t) => {
      const conversation = await t.connect();
      const post = t.record(t.user());
      await t.publish(conversation, post);
      const reply = t.record(t.stranger(), { tags: [replyTo(post)] });
      expectResult(await conversation.submit(reply), 'ACCEPTED', 'the reply');
    },
  ),
  check(
    'inbox/found-by-tag',
    spec('Core Tags: Notify Public Key'),
    'what notifies a user is found by the Notify tag',
    async (t) => {
      const user = t.user();
      const conversation = await t.connect();
      const record = t.record(t.stranger(), { tags: [notify(user)] });
      await t.publish(conversation, record);
      const reader = t.server.asksForCertificate === true ? await t.connect(user) : conversation;
      const filter = t.filter({ name: 'includedTags', tags: [notify(user)] });
      const { records } = await reader.query(filter);
      if (records.length === 0 && reader === conversation) {
        skip('this server may hold the record, and only its recipient could see that it is there');
      }
      expectRecords(records, [record], 'the Query');
    },
  ),
  check(
    'inbox/live-by-tag',
    spec('Core Tags: Notify Public Key'),
    'a user is sent live what notifies it',
    async (t) => {
      const user = t.user();
      const reader = await t.connect(user);
      const filter = t.filter({ name: 'includedTags', tags: [notify(user)] });
      const open = await reader.subscribe(filter);
      const record = t.record(t.stranger(), { tags: [notify(user)] });
      await t.publish(await t.connect(), record);
      expectRecords(await reader.live(open, 1), [record], 'the subscription');
    },
  ),
  check(
    'inbox/private-from-stranger',
    ENCRYPTION,
    "a stranger's private record for a user is accepted without authentication",
    async (t) => {
      const conversation = await t.connect();
      const tags = [notify(t.user())];
      const record = t.record(t.stranger(), { audience: 'author-and-tagged', tags });
      expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
      expectResult(
        (await conversation.get(record.id)).result,
        'NOT_FOUND',
        'getting it, anonymous',
      );
    },
  ),
  check(
    'inbox/private-read',
    ENCRYPTION,
    "its recipient reads a stranger's private record after authenticating",
    async (t) => {
      const user = t.user();
      const reader = await t.connect(user);
      const record = t.record(t.stranger(), {
        audience: 'author-and-tagged',
        tags: [notify(user)],
      });
      await t.publish(await t.connect(), record);
      expectRecords((await reader.query(t.filter())).records, [record], 'the Query');
    },
  ),
  check(
    'inbox/anybody-reads',
    OUTBOX,
    "a user's public records are served without authentication",
    async (t) => {
      const record = t.record(t.user());
      await t.publish(await t.connect(), record);
      const reader = await t.connect();
      expectRecords((await reader.query(t.filter())).records, [record], 'the Query');
    },
  ),
  check(
    'admission/stranger-refused',
    reading('Servers: Outbox'),
    'a record of nobody served, for nobody served, is UNAUTHORIZED',
    async (t) => {
      needsRegistration(t);
      const conversation = await t.connect();
      for (const audience of ['everybody', 'author-only'] as const) {
        const record = t.record(t.stranger(), { audience });
        expectResult(await conversation.submit(record), 'UNAUTHORIZED', audience);
        expectResult(
          (await conversation.get(record.id)).result,
          'NOT_FOUND',
          `getting it, ${audience}`,
        );
      }
      const forStranger = t.record(t.stranger(), { tags: [notify(t.stranger())] });
      expectResult(await conversation.submit(forStranger), 'UNAUTHORIZED', 'for a stranger');
    },
  ),
  check(
    'admission/user-accepted',
    OUTBOX,
    'a user that is served is accepted, whoever brings the record',
    async (t) => {
      needsRegistration(t);
      const conversation = await t.connect();
      await t.publish(conversation, t.record(t.user()));
    },
  ),
];
