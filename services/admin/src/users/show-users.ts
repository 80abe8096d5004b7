/** What is known of users, and what is held for them. */
import type { PublicKey } from '@mosaic-cluster/protocol';
import { type RegisteredUser, RegisteredUsers } from '@mosaic-cluster/role';
import type { Registry } from '@mosaic-cluster/store';
import { type HeldFor, heldFor } from '../place/held-for.ts';
import type { Holding } from '../place/holding.ts';
import type { RulesInForce } from '../processes/rules-in-force.ts';

/** A user and what is held. */
export interface ShownUser {
  readonly key: PublicKey;
  /** Undefined: not registered. */
  readonly registered: RegisteredUser | undefined;
  /** A setting of those who serve names them: they are registered whatever the registry says. */
  readonly isAlwaysUser: boolean;
  readonly held: readonly HeldFor[];
}

/** Users shown by one command: each asks the index about all that is theirs. */
export const SHOWN_USERS_MAX = 100;

/** Looks them up. @param keys at most {@link SHOWN_USERS_MAX} */
export async function showUsers(
  registry: Registry,
  holding: Holding,
  rules: RulesInForce,
  keys: readonly PublicKey[],
): Promise<ShownUser[]> {
  const found = await new RegisteredUsers(registry).find(keys);
  const shown: ShownUser[] = [];
  for (const [i, key] of keys.entries()) {
    const registered = found[i];
    const isAlwaysUser = rules.isAlwaysUser(key);
    const isRegistered = registered !== undefined || isAlwaysUser;
    const held = await heldFor(holding, key, isRegistered, rules.accept);
    shown.push({ key, registered, isAlwaysUser, held });
  }
  return shown;
}
