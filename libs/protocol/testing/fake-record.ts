/**
 * Records for tests of what never looks at keys, hashes and signatures: their fields are set freely,
 * so that a test says only what it is about.
 */
import { pad8, writeU16, writeU32, writeU64BE } from '../src/bytes.ts';
import { RECORD_AT, RECORD_FLAG, RecordView } from '../src/record.ts';
import { encodeTags, type TagInput } from '../src/tag.ts';

/** Kinds of application 99. */
export const KIND = {
  everybody: Uint8Array.of(0, 0, 0, 99, 0, 1, 0, 0x0c),
  everybodyToo: Uint8Array.of(0, 0, 0, 99, 0, 2, 0, 0x0c),
  ephemeral: Uint8Array.of(0, 0, 0, 99, 0, 3, 0, 0x0d),
  tagged: Uint8Array.of(0, 0, 0, 99, 0, 4, 0, 0x04),
  authorOnly: Uint8Array.of(0, 0, 0, 99, 0, 5, 0, 0x00),
  keySchedule: Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0x0e),
} as const;

/** What a test may say about a record. */
export interface FakeRecord {
  readonly timestamp?: number;
  /** Tells records of one timestamp apart. */
  readonly serial?: number;
  readonly kind?: Uint8Array;
  readonly author?: Uint8Array;
  readonly signingKey?: Uint8Array;
  readonly tags?: readonly TagInput[];
  readonly payloadBytes?: number;
  readonly fromAuthor?: boolean;
}

/** 32 bytes that tests use as a key. */
export function fakeKey(number: number): Uint8Array {
  const key = new Uint8Array(32).fill(number);
  writeU32(key, 0, number);
  return key;
}

/** A record with right lengths and fields, and nothing that cryptography would accept. */
export function fakeRecord(fields: FakeRecord = {}): RecordView {
  const { timestamp = 1, serial = 0, payloadBytes = 0 } = fields;
  const author = fields.author ?? fakeKey(1);
  const tags = encodeTags(fields.tags ?? []);
  const bytes = new Uint8Array(152 + pad8(tags.length) + pad8(payloadBytes) + 64);
  writeU64BE(bytes, 0, BigInt(timestamp));
  writeU32(bytes, 8, serial);
  bytes[48] = 0x80;
  bytes.set(fields.kind ?? KIND.everybody, 56);
  bytes.set(author, 64);
  bytes.set(fields.signingKey ?? author, 96);
  writeU64BE(bytes, 128, BigInt(timestamp));
  if (fields.fromAuthor === true) bytes[RECORD_AT.flags] = RECORD_FLAG.fromAuthor;
  writeU16(bytes, 144, tags.length);
  writeU16(bytes, 146, 64);
  writeU32(bytes, 148, payloadBytes);
  bytes.set(tags, 152);
  return new RecordView(bytes);
}

/** A Notify tag for a key. */
export function notifyTag(key: Uint8Array): TagInput {
  const value = new Uint8Array(36);
  value.set(key, 4);
  return { type: 0x01, value };
}

/** A Subkey tag for a key. */
export function subkeyTag(key: Uint8Array): TagInput {
  return { ...notifyTag(key), type: 0x10 };
}
