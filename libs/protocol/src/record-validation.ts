/**
 * What a server checks of a record before it believes it, in the order that names the error:
 *
 *     1 length            4 author key                  7 hash
 *     2 sum of lengths    5 flags, nonce, kind          8 both timestamps the same
 *     3 signing key       6 timestamp's first bit, tags 9 signature
 *
 * Steps 5 and 6 are reported by what they looked at: `flags`, `nonce`, `kind`, `timestamp`,
 * `tags`, and `11` for the flag bytes that are reserved whole. An unknown signature scheme is seen
 * with the flags and reported as step 9, for it is the signature that cannot be valid.
 *
 * Source: Mosaic specification 0.8.0, "Record", "Validation".
 */
import { equalAt } from './bytes.ts';
import type { MosaicError } from './error.ts';
import { type HashFunction, h64 } from './hash.ts';
import { describeKeyFault, type PublicKey, publicKeyFault } from './key.ts';
import { kindFaultAt } from './kind.ts';
import { parseRecord, RECORD_AT, RECORD_FLAG, recordFault, type RecordView } from './record.ts';
import { SIGNATURE_BYTES, type VerifyFunction, verifyPrehash } from './signature.ts';
import { tagSectionFault } from './tag.ts';
import { isTimestampAt } from './timestamp.ts';

/** The names of the validation steps. */
export type ValidationStep =
  | '1'
  | '2'
  | '3'
  | '4'
  | 'flags'
  | '11'
  | 'nonce'
  | 'kind'
  | 'timestamp'
  | 'tags'
  | '7'
  | '8'
  | '9';

/** Faster or remembering replacements for the expensive parts; each defaults to the exact one. */
export interface ValidationTools {
  readonly hash?: HashFunction;
  readonly verify?: VerifyFunction;
  /** Why 32 bytes are no key; a cache can answer. */
  readonly keyFault?: typeof publicKeyFault;
}

/**
 * The first broken rule of the keys: steps 3 and 4.
 *
 * @returns an `invalid` error with code `record`; undefined where both are valid
 */
export function recordKeysFault(
  record: RecordView,
  keyFault: typeof publicKeyFault = publicKeyFault,
): MosaicError | undefined {
  const signing = keyFault(record.signingKey);
  if (signing !== undefined) {
    return recordFault('3', `signing key: ${describeKeyFault(signing)}`, 96, 128);
  }
  if (record.signedByAuthor) return undefined;
  const author = keyFault(record.author);
  if (author === undefined) return undefined;
  return recordFault('4', `author key: ${describeKeyFault(author)}`, 64, 96);
}

/**
 * The first broken rule that needs no cryptography: steps 5 and 6. Under a microsecond for
 * ordinary records.
 *
 * @returns an `invalid` error with code `record`; undefined where the fields are right
 */
export function recordFieldsFault(record: RecordView): MosaicError | undefined {
  const { bytes } = record;
  const flags = bytes[RECORD_AT.flags]!;
  if ((flags & RECORD_FLAG.schemeMask) !== 0) {
    return recordFault('9', 'the signature scheme is reserved', 136, 137);
  }
  if ((flags & ~(RECORD_FLAG.zstd | RECORD_FLAG.fromAuthor)) !== 0) {
    return recordFault('flags', 'reserved flag bits are set', 136, 137);
  }
  if (bytes[RECORD_AT.flags + 1] !== 0 || bytes[RECORD_AT.flags + 2] !== 0) {
    return recordFault('11', 'reserved flag bytes are not zero', 137, 139);
  }
  if (bytes[RECORD_AT.nonce]! < 0x80) {
    return recordFault('nonce', "the nonce's top bit must be set", 48, 49);
  }
  const kind = kindFaultAt(bytes, RECORD_AT.kind);
  if (kind !== undefined) return recordFault('kind', kind, 62, 64);
  if (!isTimestampAt(bytes, RECORD_AT.timestamp)) {
    return recordFault('timestamp', "the timestamp's first bit must be 0", 128, 129);
  }
  const tag = tagSectionFault(bytes, RECORD_AT.tags, record.tagsEnd);
  if (tag < 0) return undefined;
  return recordFault('tags', 'a tag is shorter than 4 bytes or overruns', tag, record.tagsEnd);
}

/**
 * The first broken rule of the ID, steps 7 and 8.
 *
 * @param prehash H64 of the record's signed data
 * @returns an `invalid` error with code `record`; undefined where the ID is right
 */
export function recordIdFault(record: RecordView, prehash: Uint8Array): MosaicError | undefined {
  if (!equalAt(record.bytes, RECORD_AT.hash, prehash, 0, 40)) {
    return recordFault('7', 'the ID does not hold the hash of the signed data', 8, 48);
  }
  if (!equalAt(record.bytes, 0, record.bytes, RECORD_AT.timestamp, 8)) {
    return recordFault('8', "the ID's timestamp is not the record's", 0, 8);
  }
  return undefined;
}

/**
 * Checks the signature, step 9.
 *
 * @param prehash H64 of the record's signed data
 * @returns an `invalid` error with code `record`; undefined where the signature is valid
 */
export function recordSignatureFault(
  record: RecordView,
  prehash: Uint8Array,
  verify: VerifyFunction = verifyPrehash,
): MosaicError | undefined {
  const { signedEnd } = record;
  if (record.signatureLength !== SIGNATURE_BYTES) {
    return recordFault('9', 'an Ed25519 signature has 64 bytes', 146, 148);
  }
  const key: PublicKey = record.signingKey;
  if (verify(record.signature, prehash, key)) return undefined;
  return recordFault('9', 'the signature is not valid', signedEnd, signedEnd + SIGNATURE_BYTES);
}

/**
 * The first broken rule of a record, steps 3 to 9 in order.
 *
 * @returns an `invalid` error with code `record`, its step and byte range; undefined: valid
 */
export function recordFaultOf(
  record: RecordView,
  tools: ValidationTools = {},
): MosaicError | undefined {
  const early = recordKeysFault(record, tools.keyFault) ?? recordFieldsFault(record);
  if (early !== undefined) return early;
  const prehash = (tools.hash ?? h64)(record.signedData);
  return recordIdFault(record, prehash) ?? recordSignatureFault(record, prehash, tools.verify);
}

/**
 * Reads a record and checks every rule that its bytes alone can show, steps 1 to 9.
 *
 * @param bytes exactly one record; the view keeps it
 * @throws MosaicError `invalid` with code `record`, its step and byte range
 */
export function validateRecord(bytes: Uint8Array, tools: ValidationTools = {}): RecordView {
  const record = parseRecord(bytes);
  const fault = recordFaultOf(record, tools);
  if (fault !== undefined) throw fault;
  return record;
}
