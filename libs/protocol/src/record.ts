/**
 * Records: what people publish. A record is a view over the bytes it came in; every field is read
 * on demand and nothing is copied.
 *
 *     [0:48)     ID: timestamp (8), first 40 bytes of H64 over the signed data
 *     [48:96)    address: nonce (8, top bit set), kind (8), author (32)
 *     [96:128)   signing key
 *     [128:136)  timestamp
 *     [136:144)  flags
 *     [144:146)  LenT u16 LE   [146:148) LenS u16 LE   [148:152) LenP u32 LE
 *     [152:…)    tags, payload, signature, each padded to a multiple of 8
 *
 * Signed data: [48 : 152 + pad8(LenT) + pad8(LenP)).
 *
 * Source: Mosaic specification 0.8.0, "Record".
 */
import { pad8, readU16, readU32 } from './bytes.ts';
import { sectionNotifies } from './core-tag.ts';
import { MosaicError } from './error.ts';
import type { PublicKey } from './key.ts';
import {
  type Audience,
  audienceAt,
  type DuplicateHandling,
  duplicateHandlingAt,
  isKeyScheduleKindAt,
  isProfileKindAt,
  type Kind,
} from './kind.ts';
import type { Reference } from './reference.ts';
import { countTags, type TagView, tagsIn } from './tag.ts';
import { readTimestamp, type Timestamp } from './timestamp.ts';

/** Bytes before the tags: the smallest record has no tags, payload or signature. */
export const RECORD_HEAD_BYTES = 152;
/** Most bytes of a whole record. */
export const RECORD_BYTES_MAX = 1_048_576;

/** Offsets of the fixed fields. */
export const RECORD_AT = {
  id: 0,
  hash: 8,
  address: 48,
  nonce: 48,
  kind: 56,
  author: 64,
  signingKey: 96,
  timestamp: 128,
  flags: 136,
  tagsLength: 144,
  signatureLength: 146,
  payloadLength: 148,
  tags: 152,
} as const;

/** Flag bits of byte 0. */
export const RECORD_FLAG = { zstd: 0x01, fromAuthor: 0x04, schemeMask: 0xc0 } as const;

/** A record, over bytes whose lengths were checked. Made by {@link parseRecord}. */
export class RecordView {
  /** The whole record. Not copied: it must not change while the view is used. */
  readonly bytes: Uint8Array;

  /** Use {@link parseRecord}, which checks what this trusts. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** 48 bytes, a view. */
  get id(): Reference {
    return this.bytes.subarray(0, 48);
  }

  /** 48 bytes, a view: nonce, kind and author. */
  get address(): Reference {
    return this.bytes.subarray(48, 96);
  }

  /** 8 bytes, a view. */
  get nonce(): Uint8Array {
    return this.bytes.subarray(48, 56);
  }

  /** 8 bytes, a view. */
  get kind(): Kind {
    return this.bytes.subarray(56, 64);
  }

  /** The author's master key: 32 bytes, a view. */
  get author(): PublicKey {
    return this.bytes.subarray(64, 96);
  }

  /** The key that signed: 32 bytes, a view. */
  get signingKey(): PublicKey {
    return this.bytes.subarray(96, 128);
  }

  get timestamp(): Timestamp {
    return readTimestamp(this.bytes, RECORD_AT.timestamp);
  }

  /** 8 bytes, a view. */
  get flags(): Uint8Array {
    return this.bytes.subarray(136, 144);
  }

  get duplicateHandling(): DuplicateHandling {
    return duplicateHandlingAt(this.bytes, RECORD_AT.kind);
  }

  get audience(): Audience {
    return audienceAt(this.bytes, RECORD_AT.kind);
  }

  /** Whether the payload is Zstandard-compressed. */
  get zstd(): boolean {
    return (this.bytes[RECORD_AT.flags]! & RECORD_FLAG.zstd) !== 0;
  }

  /** Whether a server may accept it only from its authenticated author. */
  get fromAuthor(): boolean {
    return (this.bytes[RECORD_AT.flags]! & RECORD_FLAG.fromAuthor) !== 0;
  }

  /** Whether author and signing key are one. */
  get signedByAuthor(): boolean {
    const { bytes } = this;
    for (let i = 64; i < 96; i++) if (bytes[i] !== bytes[i + 32]) return false;
    return true;
  }

  get isKeySchedule(): boolean {
    return isKeyScheduleKindAt(this.bytes, RECORD_AT.kind);
  }

  get isProfile(): boolean {
    return isProfileKindAt(this.bytes, RECORD_AT.kind);
  }

  /** LenT: bytes of the tags without padding. */
  get tagsLength(): number {
    return readU16(this.bytes, RECORD_AT.tagsLength);
  }

  /** LenS: bytes of the signature without padding. */
  get signatureLength(): number {
    return readU16(this.bytes, RECORD_AT.signatureLength);
  }

  /** LenP: bytes of the payload without padding. */
  get payloadLength(): number {
    return readU32(this.bytes, RECORD_AT.payloadLength);
  }

  /** Offset behind the last tag. */
  get tagsEnd(): number {
    return RECORD_AT.tags + this.tagsLength;
  }

  /** The tags without padding, a view. */
  get tagSection(): Uint8Array {
    return this.bytes.subarray(RECORD_AT.tags, this.tagsEnd);
  }

  /** Walks the tags; in a record that was only parsed, up to the first one that does not fit. */
  tags(): Generator<TagView> {
    return tagsIn(this.bytes, RECORD_AT.tags, this.tagsEnd);
  }

  /** How many tags {@link tags} walks. Allocates nothing. */
  get tagCount(): number {
    return countTags(this.bytes, RECORD_AT.tags, this.tagsEnd);
  }

  /** Whether a Notify tag names `key`. Allocates nothing. */
  notifies(key: PublicKey): boolean {
    return sectionNotifies(this.bytes, RECORD_AT.tags, this.tagsEnd, key);
  }

  /** The payload without padding, a view. */
  get payload(): Uint8Array {
    const start = RECORD_AT.tags + pad8(this.tagsLength);
    return this.bytes.subarray(start, start + this.payloadLength);
  }

  /** Offset behind the signed data: where the signature starts. */
  get signedEnd(): number {
    return RECORD_AT.tags + pad8(this.tagsLength) + pad8(this.payloadLength);
  }

  /** What hash and signature are over, padding included; a view. */
  get signedData(): Uint8Array {
    return this.bytes.subarray(48, this.signedEnd);
  }

  /** The signature without padding, a view. */
  get signature(): Uint8Array {
    return this.bytes.subarray(this.signedEnd, this.signedEnd + this.signatureLength);
  }

  /** A view over a copy of the bytes, for keeping what came in a buffer that will be reused. */
  copy(): RecordView {
    return new RecordView(new Uint8Array(this.bytes));
  }
}

/**
 * Reads a record: checks its lengths (validation steps 1 and 2), so that every field can be read.
 * What the fields hold is for `validateRecord`.
 *
 * @param bytes exactly one record; the view keeps it
 * @throws MosaicError `invalid` with code `record`, step `1` or `2`
 */
export function parseRecord(bytes: Uint8Array): RecordView {
  const fault = recordLengthFault(bytes);
  if (fault !== undefined) throw fault;
  return new RecordView(bytes);
}

/** The error of validation steps 1 and 2; undefined where the lengths fit. */
export function recordLengthFault(bytes: Uint8Array): MosaicError | undefined {
  const { length } = bytes;
  if (length < RECORD_HEAD_BYTES || length > RECORD_BYTES_MAX) {
    return recordFault('1', `a record has 152 to 1048576 bytes, not ${length}`, 0, length);
  }
  const expected =
    RECORD_HEAD_BYTES +
    pad8(readU16(bytes, RECORD_AT.tagsLength)) +
    pad8(readU32(bytes, RECORD_AT.payloadLength)) +
    pad8(readU16(bytes, RECORD_AT.signatureLength));
  if (length === expected) return undefined;
  return recordFault('2', `the lengths ask for ${expected} bytes, there are ${length}`, 144, 152);
}

/** An `invalid` error with code `record` that names the validation step. */
export function recordFault(
  step: string,
  message: string,
  start: number,
  end: number,
): MosaicError {
  return new MosaicError('invalid', 'record', message, { step, range: { start, end } });
}
