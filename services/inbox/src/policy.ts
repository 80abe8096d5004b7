/**
 * The inbox: what strangers send to a user. It accepts public records from anybody that speak to
 * somebody it serves, may hold those of strangers for a moderator, and serves the rest to all.
 */
import { type PublicKey, type RecordView, RESULT } from '@mosaic-cluster/protocol';
import {
  notifiedKeys,
  type PolicyContext,
  type RolePolicy,
  repliedReferences,
} from '@mosaic-cluster/role';

/** Which records wait for a moderator: none, or those of authors that nobody registered. */
export type Moderation = 'none' | 'hold-strangers';

/** The rules of an inbox with a way of moderating. */
export function inboxPolicy(moderation: Moderation): RolePolicy {
  return {
    role: 'inbox',
    isPrivate: false,

    judge: async (record, context) => {
      if (record.audience !== 'everybody') return RESULT.UNAUTHORIZED;
      if (!(await speaksToServedUser(record, context))) return RESULT.UNAUTHORIZED;
      if (moderation === 'none' || (await context.users.knows(record.author))) return 'accept';
      return 'hold';
    },

    mayRead: ({ record, held }, identities) => {
      if (record.audience !== 'everybody') return false;
      return !held || identities.some((key) => record.notifies(key));
    },

    readers: ({ record, held }) => (held ? notifiedKeys(record) : undefined),
  };
}

async function speaksToServedUser(record: RecordView, context: PolicyContext): Promise<boolean> {
  for (const key of notifiedKeys(record)) if (await context.users.serves(key)) return true;
  for (const reference of repliedReferences(record)) {
    const author: PublicKey | undefined = await context.authorOf(reference);
    if (author !== undefined && (await context.users.serves(author))) return true;
  }
  return false;
}
