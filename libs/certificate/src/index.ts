/** Self-signed Ed25519 certificates: how TLS says which key somebody has. */
export { makeTlsIdentity, selfSignedKey, type TlsIdentity } from './certificate.ts';
export { type CertificateFields, ED25519_OID, encodeCertificate } from './x509.ts';
