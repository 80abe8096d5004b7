/**
 * The bytes of a self-signed X.509 certificate (RFC 5280, DER), in the one shape that Mosaic's
 * certificates have: subject and issuer `CN=mosaic`, a key, a validity.
 */
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  Extension,
  Extensions,
  id_ce_basicConstraints,
  id_ce_keyUsage,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

/** What differs between certificates. */
export interface CertificateFields {
  /** Any bytes; made into a positive integer. At most 20. */
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** Object identifier of the signature's algorithm. */
  readonly algorithm: string;
  /** Signs the certificate's content. */
  readonly sign: (toBeSigned: Uint8Array) => Uint8Array;
}

/** Object identifier of Ed25519 (RFC 8410). */
export const ED25519_OID = '1.3.101.112';

const COMMON_NAME = '2.5.4.3';

function mosaicName(): Name {
  const value = new AttributeValue({ utf8String: 'mosaic' });
  const attribute = new AttributeTypeAndValue({ type: COMMON_NAME, value });
  return new Name([new RelativeDistinguishedName([attribute])]);
}

function positive(bytes: Uint8Array): ArrayBuffer {
  const serial = Uint8Array.from(bytes);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial.buffer;
}

function critical(extnID: string, value: object): Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value));
  return new Extension({ extnID, critical: true, extnValue });
}

/**
 * Makes a certificate and lets it be signed.
 *
 * @returns DER
 */
export function encodeCertificate(fields: CertificateFields): Uint8Array {
  const algorithm = new AlgorithmIdentifier({ algorithm: fields.algorithm });
  const content = new TBSCertificate({
    version: Version.v3,
    serialNumber: positive(fields.serial),
    signature: algorithm,
    issuer: mosaicName(),
    validity: new Validity({ notBefore: fields.notBefore, notAfter: fields.notAfter }),
    subject: mosaicName(),
    subjectPublicKeyInfo: AsnConvert.parse(fields.publicKey, SubjectPublicKeyInfo),
    extensions: new Extensions([
      critical(id_ce_basicConstraints, new BasicConstraints({ cA: false })),
      critical(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature)),
    ]),
  });
  const toBeSigned = new Uint8Array(AsnConvert.serialize(content));
  const certificate = new Certificate({
    tbsCertificate: content,
    signatureAlgorithm: algorithm,
    signatureValue: Uint8Array.from(fields.sign(toBeSigned)).buffer,
  });
  return new Uint8Array(AsnConvert.serialize(certificate));
}
