/**
 * The encryption role: private records. It accepts them from anybody for the people it serves, and
 * serves them to those people once they have authenticated, and to nobody else.
 */
import { equalBytes, type PublicKey, type RecordView, RESULT } from '@mosaic-cluster/protocol';
import { notifiedKeys, type RolePolicy } from '@mosaic-cluster/role';

/** The author and, where the audience says so, those in the Notify tags. */
function readersOf(record: RecordView): readonly PublicKey[] {
  const tagged = record.audience === 'author-and-tagged' ? notifiedKeys(record) : [];
  return [record.author, ...tagged];
}

/** The rules of the encryption role. */
export const encryptionPolicy: RolePolicy = {
  role: 'encryption',
  isPrivate: true,

  judge: async (record, { users }) => {
    if (record.audience === 'everybody') return RESULT.UNAUTHORIZED;
    for (const reader of readersOf(record)) if (await users.serves(reader)) return 'accept';
    return RESULT.UNAUTHORIZED;
  },

  mayRead: ({ record }, identities) => {
    if (record.audience === 'everybody') return false;
    const isTagged = record.audience === 'author-and-tagged';
    return identities.some(
      (key) => equalBytes(key, record.author) || (isTagged && record.notifies(key)),
    );
  },

  readers: ({ record }) => readersOf(record),
};
