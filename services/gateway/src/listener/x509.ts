/**
 * The bytes of a self-signed X.509 certificate (RFC 5280, DER). Mosaic's certificates have one
 * shape and carry a key and nothing else, so these few elements take the place of a general
 * X.509 library.
 */

/** What differs between certificates. */
export interface CertificateFields {
  /** Any bytes; made into a positive integer. At most 20. */
  readonly serial: Uint8Array;
  /** UTCTime, `YYMMDDhhmmssZ`. */
  readonly notBefore: string;
  /** UTCTime; without it the certificate is valid to the last moment that X.509 can express. */
  readonly notAfter?: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** AlgorithmIdentifier of the signature, DER. */
  readonly signatureAlgorithm: Uint8Array;
  /** Signs the certificate's content. */
  readonly sign: (toBeSigned: Uint8Array) => Uint8Array;
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
/** Context tag of the version within a TBSCertificate. */
const VERSION = 0xa0;
/** Context tag of the extensions within a TBSCertificate. */
const EXTENSIONS = 0xa3;

/** Version 3, which is the one with extensions, is written as 2. */
const VERSION_3 = der(VERSION, der(INTEGER, Buffer.of(2)));

/** `CN=mosaic`, as subject and as issuer. */
const NAME = der(
  SEQUENCE,
  der(
    SET,
    der(SEQUENCE, Buffer.from('0603550403', 'hex'), der(UTF8_STRING, Buffer.from('mosaic'))),
  ),
);

/** No certificate authority; key usage digitalSignature. Both critical: strict peers ask for them. */
const CONSTRAINTS = der(
  EXTENSIONS,
  der(
    SEQUENCE,
    Buffer.from('300c0603551d130101ff04023000', 'hex'),
    Buffer.from('300e0603551d0f0101ff040403020780', 'hex'),
  ),
);

const LAST_MOMENT = der(GENERALIZED_TIME, Buffer.from('99991231235959Z'));

/** One DER element: tag, length, and the parts one after the other; at most 65,535 bytes. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

/** An integer from any bytes: its first byte is neither negative nor a needless 0. */
function positiveInteger(bytes: Uint8Array): Buffer {
  const value = Buffer.from(bytes);
  value[0] = ((value[0] ?? 0) & 0x3f) | 0x40;
  return der(INTEGER, value);
}

/** A certificate with subject and issuer `CN=mosaic`, DER. */
export function encodeCertificate(fields: CertificateFields): Buffer {
  const { serial, notBefore, notAfter, publicKey, signatureAlgorithm, sign } = fields;
  const end = notAfter === undefined ? LAST_MOMENT : der(UTC_TIME, Buffer.from(notAfter));
  const toBeSigned = der(
    SEQUENCE,
    VERSION_3,
    positiveInteger(serial),
    signatureAlgorithm,
    NAME,
    der(SEQUENCE, der(UTC_TIME, Buffer.from(notBefore)), end),
    NAME,
    publicKey,
    CONSTRAINTS,
  );
  const signature = der(BIT_STRING, Buffer.of(0), sign(toBeSigned));
  return der(SEQUENCE, toBeSigned, signatureAlgorithm, signature);
}
