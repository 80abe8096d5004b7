/**
 * Certificates that say one thing, an Ed25519 key: made from a secret for our side, read back into
 * a key for the peer's. Names, dates and issuers in them carry no meaning.
 *
 * The same secret always yields the same certificate, and so every gateway of a cluster presents
 * the same one.
 */
import { createHash, createPrivateKey, createPublicKey, sign, X509Certificate } from 'node:crypto';
import { isPublicKey, MosaicError } from '@mosaic-cluster/protocol';
import { ED25519_OID, encodeCertificate } from './x509.ts';

/** What a TLS endpoint needs to prove that it holds an Ed25519 key. */
export interface TlsIdentity {
  /** The certificate, PEM. */
  readonly certificate: string;
  /** The private key, PKCS #8 in PEM. A secret. */
  readonly key: string;
}

/** Length of an Ed25519 secret key (the seed of RFC 8032) in bytes. */
const SEED_BYTES = 32;
/** Length of an Ed25519 public key in bytes. */
const KEY_BYTES = 32;

/** RFC 8410: the PKCS #8 wrapping of an Ed25519 seed; the seed follows. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** RFC 8410: the SubjectPublicKeyInfo of an Ed25519 key; the key follows. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
/** From when certificates are valid: before anybody's clock. */
const FIRST_DAY = new Date('2024-01-01T00:00:00Z');
/** The last moment that X.509 can express. */
const LAST_DAY = new Date('9999-12-31T23:59:59Z');

function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/**
 * Makes the self-signed certificate (subject `CN=mosaic`, valid until the year 9999) of an Ed25519
 * key. Deterministic.
 *
 * @param seed the 32-byte Ed25519 secret key; not kept
 * @throws MosaicError `invalid` with code `secret-key` for another length
 */
export function makeTlsIdentity(seed: Uint8Array): TlsIdentity {
  if (seed.length !== SEED_BYTES) {
    throw new MosaicError('invalid', 'secret-key', `a secret key has 32 bytes, not ${seed.length}`);
  }
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed]);
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const certificate = encodeCertificate({
    serial: createHash('sha256').update(publicKey).digest().subarray(0, 16),
    notBefore: FIRST_DAY,
    notAfter: LAST_DAY,
    publicKey,
    algorithm: ED25519_OID,
    sign: (bytes) => sign(null, bytes, privateKey),
  });
  return { certificate: pem('CERTIFICATE', certificate), key: pem('PRIVATE KEY', pkcs8) };
}

/**
 * The Ed25519 key that a peer's certificate stands for. The certificate must be self-signed by that
 * key; its names and dates are not looked at.
 *
 * @param certificate as the TLS stack gives it, or DER or PEM bytes
 * @returns 32 bytes, the caller's own
 * @throws MosaicError `unauthorized` with code `certificate` for anything else: another kind of
 *   key, a key that Mosaic refuses, another signer, unreadable bytes
 */
export function selfSignedKey(certificate: X509Certificate | Uint8Array): Uint8Array {
  try {
    const parsed =
      certificate instanceof X509Certificate
        ? certificate
        : new X509Certificate(Buffer.from(certificate));
    const { publicKey } = parsed;
    if (publicKey.asymmetricKeyType !== 'ed25519') throw refusal('its key must be an Ed25519 key');
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    const key = new Uint8Array(spki.subarray(SPKI_PREFIX.length));
    if (key.length !== KEY_BYTES || !isPublicKey(key)) {
      throw refusal('its key is not a valid Ed25519 public key');
    }
    if (!parsed.verify(publicKey)) throw refusal('it must be signed by its own key');
    return key;
  } catch (error) {
    if (error instanceof MosaicError) throw error;
    throw new MosaicError('unauthorized', 'certificate', 'the certificate cannot be read', {
      cause: error,
    });
  }
}

function refusal(why: string): MosaicError {
  return new MosaicError('unauthorized', 'certificate', `the certificate is refused: ${why}`);
}
