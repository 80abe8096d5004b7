/**
 * Public keys and references on the command line: human encodings or hex.
 */
import {
  asPublicKey,
  asReference,
  decodeReference,
  decodeServerKey,
  decodeUserKey,
  hexDecode,
  humanKind,
  type PublicKey,
  type Reference,
} from '@mosaic-cluster/protocol';
import { blaming, usageError } from './exit-code.ts';

const KEY_REMEDY = 'Give a public key as mopub0…, mosrv0… or 64 hex digits.';
const REFERENCE_REMEDY = 'Give a reference as moref0… or 96 hex digits.';

/**
 * Reads somebody's public key.
 *
 * @throws MosaicError `invalid` with code `usage`; a secret key given by mistake is not repeated
 */
export function parsePublicKey(option: string, text: string): PublicKey {
  switch (humanKind(text)) {
    case 'userKey':
      return blaming(option, KEY_REMEDY, () => decodeUserKey(text));
    case 'serverKey':
      return blaming(option, KEY_REMEDY, () => decodeServerKey(text));
    case 'secretKey':
    case 'encryptedSecretKey':
      throw usageError(option, 'that is a secret key, a public one is needed', KEY_REMEDY);
    default:
      return blaming(option, KEY_REMEDY, () => asPublicKey(hexDecode(text)));
  }
}

/** Reads a reference. @throws MosaicError `invalid` with code `usage` */
export function parseReference(option: string, text: string): Reference {
  const isHuman = humanKind(text) === 'reference';
  return blaming(option, REFERENCE_REMEDY, () =>
    isHuman ? decodeReference(text) : asReference(hexDecode(text)),
  );
}

/** Reads an ID's first 32 bytes: of a reference to a record, or given as such. */
export function parseIdPrefix(option: string, text: string): Uint8Array {
  const remedy = 'Give a record ID as moref0…, or 64 or 96 hex digits of it.';
  const bytes =
    humanKind(text) === 'reference'
      ? parseReference(option, text)
      : blaming(option, remedy, () => hexDecode(text));
  if (bytes.length !== 48 && bytes.length !== 32) {
    throw usageError(option, `an ID has 48 bytes, its prefix 32, not ${bytes.length}`, remedy);
  }
  if (bytes[0]! >= 0x80) {
    throw usageError(option, 'that is an address, which names no single record', remedy);
  }
  return bytes.subarray(0, 32);
}
