/** What is known of users, and what is held for them. */
import type { PublicKey } from '@mosaic-cluster/protocol';
import { type RegisteredUser, RegisteredUsers } from '@mosaic-cluster/role';
import type { Registry } from '@mosaic-cluster/store';
import { type HeldFor, heldFor } from '../place/held-for.ts';
import type { Holding } from '../place/holding.ts';

/** A user and what is held. */
export interface ShownUser {
  readonly key: PublicKey;
  /** Undefined: not registered. */
  readonly registered: RegisteredUser | undefined;
  readonly held: readonly HeldFor[];
}

/** Users shown by one command: each asks the index about all that is theirs. */
export const SHOWN_USERS_MAX = 100;

/** Looks them up. @param keys at most {@link SHOWN_USERS_MAX} */
export async function showUsers(
  registry: Registry,
  holding: Holding,
  keys: readonly PublicKey[],
): Promise<ShownUser[]> {
  const found = await new RegisteredUsers(registry).find(keys);
  const shown: ShownUser[] = [];
  for (const [i, key] of keys.entries()) {
    const registered = found[i];
    const held = await heldFor(holding, key, registered !== undefined);
    shown.push({ key, registered, held });
  }
  return shown;
}
