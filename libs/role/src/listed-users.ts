/** Who is served: everybody, or those that the operator names. */
import { decodeUserKey, hexEncode } from '@mosaic-cluster/protocol';
import type { ServedUsers } from './role-policy.ts';

/**
 * The users of a server whose operator lists them.
 *
 * @param users `mopub0…` keys
 * @throws MosaicError `invalid` for what is no key
 */
export function listedUsers(
  admission: 'open' | 'registered',
  users: readonly string[],
): ServedUsers {
  const known = new Set(users.map((user) => hexEncode(decodeUserKey(user))));
  return {
    serves: (key) => admission === 'open' || known.has(hexEncode(key)),
    knows: (key) => known.has(hexEncode(key)),
  };
}
