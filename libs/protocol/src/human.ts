/**
 * Human encodings: zbase32 behind a prefix that says what it is. There is no checksum, so length
 * and alphabet are checked strictly; nothing is folded or trimmed.
 *
 * Source: Mosaic specification 0.8.0, "Human encodings".
 */
import { MosaicError } from './error.ts';
import { asPublicKey, type PublicKey, type SecretKey } from './key.ts';
import { parseRecord, RECORD_BYTES_MAX, type RecordView } from './record.ts';
import type { Reference } from './reference.ts';

/** The prefixes. */
export const HUMAN_PREFIX = {
  userKey: 'mopub0',
  serverKey: 'mosrv0',
  secretKey: 'mosec0',
  encryptedSecretKey: 'mocryptsec0',
  reference: 'moref0',
  record: 'morecord0',
} as const;

/** What a human encoding can hold. */
export type HumanKind = keyof typeof HUMAN_PREFIX;

const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';

const VALUE_OF: readonly number[] = Array.from({ length: 128 }, (_, code) =>
  ALPHABET.indexOf(String.fromCharCode(code)),
);

/** zbase32 without padding; the last character's unused bits are 0. */
export function zbase32Encode(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31]!;
    }
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31]!;
}

/**
 * Bytes of zbase32 text. Unused trailing bits are ignored, a character that adds no byte is not.
 *
 * @throws MosaicError `invalid` with code `human-encoding` and the character at fault
 */
export function zbase32Decode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  if (Math.ceil((bytes.length * 8) / 5) !== text.length) {
    throw fault('the number of characters holds no whole number of bytes', 0, text.length);
  }
  let at = 0;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUE_OF[text.charCodeAt(i)] ?? -1;
    if (value < 0) throw fault('a character is not in the zbase32 alphabet', i, i + 1);
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
    }
  }
  return bytes;
}

function fault(message: string, start: number, end: number): MosaicError {
  return new MosaicError('invalid', 'human-encoding', message, { range: { start, end } });
}

/** What `text` claims to be by its prefix; undefined where it has none. */
export function humanKind(text: string): HumanKind | undefined {
  for (const [kind, prefix] of Object.entries(HUMAN_PREFIX)) {
    if (text.startsWith(prefix)) return kind as HumanKind;
  }
  return undefined;
}

/** `bytes` in zbase32 behind the prefix of `kind`. What they are is not checked. */
export function encodeHuman(kind: HumanKind, bytes: Uint8Array): string {
  return HUMAN_PREFIX[kind] + zbase32Encode(bytes);
}

const BYTES_OF: Readonly<Record<Exclude<HumanKind, 'record'>, number>> = {
  userKey: 32,
  serverKey: 32,
  secretKey: 32,
  encryptedSecretKey: 58,
  reference: 48,
};

/**
 * The bytes behind the prefix of `kind`, with their length checked.
 *
 * @throws MosaicError `invalid` with code `human-encoding`; with code `record` for a record whose
 *   lengths do not fit
 */
export function decodeHuman(kind: HumanKind, text: string): Uint8Array<ArrayBuffer> {
  const prefix = HUMAN_PREFIX[kind];
  if (!text.startsWith(prefix)) {
    throw fault(`it does not start with "${prefix}"`, 0, Math.min(text.length, prefix.length));
  }
  const bytesMax = kind === 'record' ? RECORD_BYTES_MAX : BYTES_OF[kind];
  if (text.length - prefix.length > Math.ceil((bytesMax * 8) / 5)) {
    throw fault(`it is longer than ${bytesMax} bytes can be`, prefix.length, text.length);
  }
  const bytes = zbase32Decode(text.slice(prefix.length));
  if (kind === 'record') {
    parseRecord(bytes);
  } else if (bytes.length !== BYTES_OF[kind]) {
    throw fault(
      `it holds ${bytes.length} bytes, not ${BYTES_OF[kind]}`,
      prefix.length,
      text.length,
    );
  }
  return bytes;
}

/** `mopub0…` of a user's key. */
export function encodeUserKey(key: PublicKey): string {
  return encodeHuman('userKey', key);
}

/**
 * The key of `mopub0…`.
 *
 * @throws MosaicError `invalid` with code `human-encoding`, or `key` where the bytes are no key
 */
export function decodeUserKey(text: string): PublicKey {
  return asPublicKey(decodeHuman('userKey', text));
}

/** `mosrv0…` of a server's key. */
export function encodeServerKey(key: PublicKey): string {
  return encodeHuman('serverKey', key);
}

/**
 * The key of `mosrv0…`.
 *
 * @throws MosaicError `invalid` with code `human-encoding`, or `key` where the bytes are no key
 */
export function decodeServerKey(text: string): PublicKey {
  return asPublicKey(decodeHuman('serverKey', text));
}

/** `mosec0…` of a seed. A secret: handle the text like one. */
export function encodeSecretKey(secret: SecretKey): string {
  return encodeHuman('secretKey', secret);
}

/** The seed of `mosec0…`. @throws MosaicError `invalid` with code `human-encoding` */
export function decodeSecretKey(text: string): SecretKey {
  return decodeHuman('secretKey', text);
}

/** `moref0…` of a reference. */
export function encodeReference(reference: Reference): string {
  return encodeHuman('reference', reference);
}

/** The reference of `moref0…`. @throws MosaicError `invalid` with code `human-encoding` */
export function decodeReference(text: string): Reference {
  return decodeHuman('reference', text);
}

/** `morecord0…` of a whole record. */
export function encodeRecord(record: RecordView): string {
  return encodeHuman('record', record.bytes);
}

/**
 * The record of `morecord0…`, its lengths checked; see `validateRecord` for the rest.
 *
 * @throws MosaicError `invalid` with code `human-encoding` or `record`
 */
export function decodeRecord(text: string): RecordView {
  return parseRecord(decodeHuman('record', text));
}
