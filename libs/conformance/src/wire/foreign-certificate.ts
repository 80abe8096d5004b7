/** Client certificates that a server must refuse, and odd ones that it must take. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { ED25519_OID, encodeCertificate } from '@mosaic-cluster/certificate';
import type { SecretKey } from '@mosaic-cluster/protocol';

/** What TLS needs to show a certificate. */
export interface ShownCertificate {
  readonly cert: string;
  readonly key: string;
}

/** RFC 8410: the PKCS #8 wrapping of an Ed25519 seed; the seed follows. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** RFC 4055 and RFC 5758. */
const RSA_SHA256_OID = '1.2.840.113549.1.1.11';
const ECDSA_SHA256_OID = '1.2.840.10045.4.3.2';

const DISTANT_PAST = new Date('2001-01-01T00:00:00Z');
const PAST = new Date('2002-01-01T00:00:00Z');
const DISTANT_FUTURE = new Date('2100-01-01T00:00:00Z');

function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function show(
  privateKey: KeyObject,
  algorithm: string,
  signature: (bytes: Uint8Array) => Uint8Array,
  notAfter: Date = DISTANT_FUTURE,
): ShownCertificate {
  const certificate = encodeCertificate({
    serial: randomBytes(16),
    notBefore: DISTANT_PAST,
    notAfter,
    publicKey: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }),
    algorithm,
    sign: signature,
  });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  return { cert: pem('CERTIFICATE', certificate), key };
}

function ed25519Key(secretKey: SecretKey): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX, secretKey]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

/** Self-signed, but with an RSA key. */
export function rsaCertificate(): ShownCertificate {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return show(privateKey, RSA_SHA256_OID, (bytes) => sign('sha256', bytes, privateKey));
}

/** Self-signed, but with an ECDSA key. */
export function ecdsaCertificate(): ShownCertificate {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return show(privateKey, ECDSA_SHA256_OID, (bytes) => sign('sha256', bytes, privateKey));
}

/** An Ed25519 key in a certificate that another Ed25519 key signed. */
export function foreignSignedCertificate(secretKey: SecretKey): ShownCertificate {
  const { privateKey: other } = generateKeyPairSync('ed25519');
  return show(ed25519Key(secretKey), ED25519_OID, (bytes) => sign(null, bytes, other));
}

/** Properly self-signed, and expired long ago. */
export function expiredCertificate(secretKey: SecretKey): ShownCertificate {
  const key = ed25519Key(secretKey);
  return show(key, ED25519_OID, (bytes) => sign(null, bytes, key), PAST);
}
