/** Reads, in the clear part of a TLS 1.2 handshake, what the server asks of its client. */

/** RFC 5246 §6.2.1. */
const RECORD_HANDSHAKE = 22;
/** RFC 5246 §7.4.4. */
const CERTIFICATE_REQUEST = 13;
/** RFC 8422 §5.1.3: the signature scheme ed25519. */
const SCHEME_ED25519 = 0x0807;

/** What was found. */
export interface CertificateRequest {
  readonly isAsked: boolean;
  readonly allowsEd25519: boolean;
}

/** Looks for a certificate request in bytes that a TLS 1.2 server sent. */
export function certificateRequestIn(bytes: Buffer): CertificateRequest {
  const handshake = handshakeBytes(bytes);
  for (let at = 0; at + 4 <= handshake.length; ) {
    const length = handshake.readUIntBE(at + 1, 3);
    const body = handshake.subarray(at + 4, at + 4 + length);
    if (handshake[at] === CERTIFICATE_REQUEST) {
      return { isAsked: true, allowsEd25519: schemesIn(body).includes(SCHEME_ED25519) };
    }
    at += 4 + length;
  }
  return { isAsked: false, allowsEd25519: false };
}

/** The handshake messages up to where encryption begins. */
function handshakeBytes(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === RECORD_HANDSHAKE; ) {
    const length = bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return Buffer.concat(parts);
}

function schemesIn(body: Buffer): number[] {
  const at = 1 + (body[0] ?? 0);
  if (at + 2 > body.length) return [];
  const end = Math.min(body.length, at + 2 + body.readUInt16BE(at));
  const schemes: number[] = [];
  for (let i = at + 2; i + 2 <= end; i += 2) schemes.push(body.readUInt16BE(i));
  return schemes;
}
