/** Who is registered, as far as abuse control asks: those have better budgets. */
import type { PublicKey } from '@mosaic-cluster/protocol';
import type { RegistryView } from '@mosaic-cluster/store';

/** The collection of the registry that registered users are in, by master key. */
export const REGISTERED_COLLECTION = 'users';

/**
 * Whether one of these keys is a registered user's; at once where the registry remembers.
 *
 * @throws MosaicError (rejects) as `RegistryView.get`
 */
export function isOneRegistered(
  registry: RegistryView,
  keys: readonly PublicKey[],
): boolean | Promise<boolean> {
  const known = keys.map((key) => registry.peek(REGISTERED_COLLECTION, key));
  if (known.some((fact) => fact !== undefined && fact !== null)) return true;
  if (known.every((fact) => fact === null)) return false;
  return registry
    .get(REGISTERED_COLLECTION, keys)
    .then((facts) => facts.some((fact) => fact !== undefined));
}
