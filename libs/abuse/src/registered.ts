/** Who is registered, as far as abuse control asks: those have better budgets. */
import { decodeUserKey, hexEncode, type PublicKey } from '@mosaic-cluster/protocol';
import type { RegistryView } from '@mosaic-cluster/store';

/** The collection of the registry that registered users are in, by master key. */
export const REGISTERED_COLLECTION = 'users';

/** Master keys, in hexadecimal, of those who are registered whatever the registry says. */
export type AlwaysRegistered = ReadonlySet<string>;

/**
 * Those whom a setting names.
 *
 * @param users as `mopub0…`
 * @throws MosaicError `invalid` where one is no user key
 */
export function alwaysRegistered(users: readonly string[]): AlwaysRegistered {
  return new Set(users.map((user) => hexEncode(decodeUserKey(user))));
}

/**
 * Whether one of these keys is a registered user's; at once where the registry remembers.
 *
 * @param registry undefined: there is none, and only `always` counts
 * @throws MosaicError (rejects) as `RegistryView.get`
 */
export function isOneRegistered(
  registry: RegistryView | undefined,
  keys: readonly PublicKey[],
  always: AlwaysRegistered = NOBODY,
): boolean | Promise<boolean> {
  if (always.size > 0 && keys.some((key) => always.has(hexEncode(key)))) return true;
  if (registry === undefined) return false;
  const known = keys.map((key) => registry.peek(REGISTERED_COLLECTION, key));
  if (known.some((fact) => fact !== undefined && fact !== null)) return true;
  if (known.every((fact) => fact === null)) return false;
  return registry
    .get(REGISTERED_COLLECTION, keys)
    .then((facts) => facts.some((fact) => fact !== undefined));
}

const NOBODY: AlwaysRegistered = new Set();
