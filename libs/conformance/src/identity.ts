/** The people of the checks: keys made for one check and forgotten after it. */
import {
  generateSecretKey,
  type PublicKey,
  publicKeyOf,
  type SecretKey,
} from '@mosaic-cluster/protocol';

/** A key pair. */
export interface Identity {
  readonly secretKey: SecretKey;
  readonly publicKey: PublicKey;
}

/** The key pair of a secret key. */
export function identityOf(secretKey: SecretKey): Identity {
  return { secretKey, publicKey: publicKeyOf(secretKey) };
}

/** A key pair that nobody has seen before. */
export function newIdentity(): Identity {
  return identityOf(generateSecretKey());
}
