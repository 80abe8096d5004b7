/**
 * Making records: laying out the fields, hashing, signing.
 *
 * Source: Mosaic specification 0.8.0, "Record".
 */
import { etc } from '@noble/ed25519';
import { pad8, writeU16, writeU32, writeU64BE } from './bytes.ts';
import { MosaicError } from './error.ts';
import { h32, h64 } from './hash.ts';
import { asPublicKey, type PublicKey, publicKeyOf, type SecretKey } from './key.ts';
import { kindFaultAt, KIND_BYTES, type Kind } from './kind.ts';
import {
  RECORD_AT,
  RECORD_BYTES_MAX,
  RECORD_FLAG,
  RECORD_HEAD_BYTES,
  RecordView,
} from './record.ts';
import { SIGNATURE_BYTES, signPrehash } from './signature.ts';
import { encodeTags, type TagInput } from './tag.ts';
import { assertTimestamp, encodeTimestamp, type Timestamp } from './timestamp.ts';

/** What a record is made from. */
export interface RecordInput {
  readonly kind: Kind;
  readonly timestamp: Timestamp;
  /** The key that signs: the author's own, or a subkey of `author`. */
  readonly secretKey: SecretKey;
  /** The author's master key; absent: the signing key's own. */
  readonly author?: PublicKey;
  /** 8 bytes, the top bit is set for you; absent: random. See {@link nonceFrom}. */
  readonly nonce?: Uint8Array;
  readonly tags?: readonly TagInput[];
  readonly payload?: Uint8Array;
  /** The payload is Zstandard-compressed. Compressing it is the caller's work. */
  readonly zstd?: boolean;
  /** A server may accept the record only from its authenticated author. */
  readonly fromAuthor?: boolean;
}

/** Hash and signature, where another implementation than this library's makes them. */
export interface SigningTools {
  readonly hash?: typeof h64;
  readonly sign?: typeof signPrehash;
  readonly publicKeyOf?: typeof publicKeyOf;
}

/** The nonce of a name: records of one author and kind made from the same name share an address. */
export function nonceFrom(name: Uint8Array): Uint8Array {
  const nonce = h32(name).slice(0, 8);
  nonce[0]! |= 0x80;
  return nonce;
}

/** The nonce made of a timestamp: its bytes with the first bit set. */
export function nonceFromTimestamp(timestamp: Timestamp): Uint8Array {
  const nonce = encodeTimestamp(timestamp);
  nonce[0]! |= 0x80;
  return nonce;
}

/**
 * Builds and signs a record.
 *
 * @returns a view over new bytes; the same input (nonce included) gives the same bytes
 * @throws MosaicError `invalid` with code `record`, `kind`, `key`, `secret-key`, `tags` or
 *   `timestamp` for what does not fit
 */
export function buildRecord(input: RecordInput, tools: SigningTools = {}): RecordView {
  const tags = encodeTags(input.tags ?? []);
  const payload = input.payload ?? new Uint8Array(0);
  const signedEnd = RECORD_HEAD_BYTES + pad8(tags.length) + pad8(payload.length);
  const length = signedEnd + SIGNATURE_BYTES;
  if (length > RECORD_BYTES_MAX) {
    const most = RECORD_BYTES_MAX - (length - pad8(payload.length));
    throw new MosaicError(
      'invalid',
      'record',
      `the payload has ${payload.length} bytes, at most ${Math.max(most, 0)} fit`,
      { step: '1' },
    );
  }
  const signingKey = (tools.publicKeyOf ?? publicKeyOf)(input.secretKey);
  const bytes = new Uint8Array(length);
  writeHead(bytes, input, signingKey);
  writeU16(bytes, RECORD_AT.tagsLength, tags.length);
  writeU16(bytes, RECORD_AT.signatureLength, SIGNATURE_BYTES);
  writeU32(bytes, RECORD_AT.payloadLength, payload.length);
  bytes.set(tags, RECORD_AT.tags);
  bytes.set(payload, RECORD_AT.tags + pad8(tags.length));
  const prehash = (tools.hash ?? h64)(bytes.subarray(48, signedEnd));
  bytes.set(bytes.subarray(128, 136), 0);
  bytes.set(prehash.subarray(0, 40), RECORD_AT.hash);
  bytes.set((tools.sign ?? signPrehash)(prehash, input.secretKey), signedEnd);
  return new RecordView(bytes);
}

function writeHead(bytes: Uint8Array, input: RecordInput, signingKey: PublicKey): void {
  const { kind, nonce = etc.randomBytes(8) } = input;
  const kindFault = kind.length === KIND_BYTES ? kindFaultAt(kind, 0) : 'a kind has 8 bytes';
  if (kindFault !== undefined) throw new MosaicError('invalid', 'kind', kindFault);
  if (nonce.length !== 8) throw new MosaicError('invalid', 'record', 'a nonce has 8 bytes');
  bytes.set(nonce, RECORD_AT.nonce);
  bytes[RECORD_AT.nonce]! |= 0x80;
  bytes.set(kind, RECORD_AT.kind);
  bytes.set(input.author === undefined ? signingKey : asPublicKey(input.author), RECORD_AT.author);
  bytes.set(signingKey, RECORD_AT.signingKey);
  writeU64BE(bytes, RECORD_AT.timestamp, assertTimestamp(input.timestamp));
  bytes[RECORD_AT.flags] =
    (input.zstd === true ? RECORD_FLAG.zstd : 0) |
    (input.fromAuthor === true ? RECORD_FLAG.fromAuthor : 0);
}
