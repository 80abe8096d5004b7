/** What adding and removing users means for each of them. */
import type { PublicKey } from '@mosaic-cluster/protocol';
import { RegisteredUsers } from '@mosaic-cluster/role';
import type { ListedChange } from '../change/change-listed.ts';
import type { Facts } from '../place/open-facts.ts';

/** What becomes of a user to add; `noted`: was there already, and has another note now. */
export type AddOutcome = 'added' | 'noted' | 'registered-already';
/** What becomes of a user to remove. */
export type RemoveOutcome = 'removed' | 'not-registered';

/** Registers users. @param note for those that bring none of their own; undefined: what they have */
export function usersAdded(
  { registry }: Facts,
  by: string,
  note: string | undefined,
): ListedChange<PublicKey, AddOutcome> {
  return {
    action: 'users add',
    detail: note ?? '',
    idle: new Set(['registered-already']),
    look: async (some) => {
      const found = await new RegisteredUsers(registry).find(some.map(({ value }) => value));
      return some.map(({ remark = note }, i) => {
        const user = found[i];
        if (user === undefined) return 'added';
        return remark === undefined || remark === user.note ? 'registered-already' : 'noted';
      });
    },
    make: (audited, some) =>
      new RegisteredUsers(audited).add(
        some.map(({ value: key, remark }) => ({ key, note: remark ?? note, addedBy: by })),
      ),
  };
}

/** Takes users out of the registry; what they published stays. */
export function usersRemoved({ registry }: Facts): ListedChange<PublicKey, RemoveOutcome> {
  return {
    action: 'users remove',
    detail: '',
    idle: new Set(['not-registered']),
    look: async (some) => {
      const found = await new RegisteredUsers(registry).find(some.map(({ value }) => value));
      return found.map((user) => (user === undefined ? 'not-registered' : 'removed'));
    },
    make: (audited, some) => new RegisteredUsers(audited).remove(some.map(({ value }) => value)),
  };
}
