/** Policies for tests of the engine, each as simple as one that needs all of it can be. */
import { equalBytes, type PublicKey, RESULT } from '@mosaic-cluster/protocol';
import { notifiedKeys, repliedReferences, type RolePolicy } from '../src/index.ts';

function includes(keys: readonly PublicKey[], key: PublicKey): boolean {
  return keys.some((each) => equalBytes(each, key));
}

/** Takes public records of everybody served, for everybody. */
export const openPolicy: RolePolicy = {
  role: 'outbox',
  isPrivate: false,
  judge: async (record, { users }) =>
    record.audience === 'everybody' && (await users.serves(record.author))
      ? 'accept'
      : RESULT.UNAUTHORIZED,
  mayRead: () => true,
  readers: () => undefined,
};

/** Takes public records of everybody; holds those of authors that nobody registered. */
export const moderatedPolicy: RolePolicy = {
  role: 'inbox',
  isPrivate: false,
  judge: async (record, { users }) => {
    if (record.audience !== 'everybody') return RESULT.UNAUTHORIZED;
    return (await users.knows(record.author)) ? 'accept' : 'hold';
  },
  mayRead: ({ record, held }, identities, lookup) => {
    if (!held || identities.some((key) => record.notifies(key))) return true;
    const authors = lookup.authorsOf(repliedReferences(record));
    return authors.then((found) => found.some((key) => includes(identities, key)));
  },
  readers: ({ record, held }, lookup) =>
    held
      ? lookup
          .authorsOf(repliedReferences(record))
          .then((authors) => [...notifiedKeys(record), ...authors])
      : undefined,
};

/** Takes private records of everybody, for their author and those they notify. */
export const privatePolicy: RolePolicy = {
  role: 'encryption',
  isPrivate: true,
  judge: async (record) => (record.audience === 'everybody' ? RESULT.UNAUTHORIZED : 'accept'),
  mayRead: ({ record }, identities) => {
    const isTagged = record.audience === 'author-and-tagged';
    return identities.some(
      (key) => equalBytes(key, record.author) || (isTagged && record.notifies(key)),
    );
  },
  readers: ({ record }) => [record.author, ...notifiedKeys(record)],
};
