/** Who is served: everybody, or those that the operator names. */
import { decodeUserKey, hexEncode, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { ServedUsers } from '@mosaic-cluster/role';

/**
 * The users of a server whose operator lists them.
 *
 * @param users `mopub0…` keys
 * @throws MosaicError `invalid` with code `users` naming the key that is none
 */
export function listedUsers(
  admission: 'open' | 'registered',
  users: readonly string[],
): ServedUsers {
  const known = new Set(users.map(keyName));
  return {
    serves: (key) => admission === 'open' || known.has(hexEncode(key)),
    knows: (key) => known.has(hexEncode(key)),
  };
}

function keyName(text: string): string {
  try {
    return hexEncode(decodeUserKey(text));
  } catch (error) {
    const why = isMosaicError(error) ? error.message : String(error);
    throw new MosaicError('invalid', 'users', `MOSAIC_USERS: "${text}" is no user key: ${why}`);
  }
}
