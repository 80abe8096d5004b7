/**
 * The outbox: what a user publishes, open to anybody. It accepts public records of the users it
 * serves and delivers them to everybody, with no authentication.
 */
import { RESULT } from '@mosaic-cluster/protocol';
import type { RolePolicy } from '@mosaic-cluster/role';

/** The rules of the outbox. */
export const outboxPolicy: RolePolicy = {
  role: 'outbox',
  isPrivate: false,

  judge: async (record, { users }) => {
    if (record.audience !== 'everybody') return RESULT.UNAUTHORIZED;
    return (await users.serves(record.author)) ? 'accept' : RESULT.UNAUTHORIZED;
  },

  mayRead: ({ record }) => record.audience === 'everybody',

  readers: () => undefined,
};
