/** Records for tests of indexes: well formed as far as an index reads them, and unsigned. */
import {
  h64,
  parseRecord,
  RECORD_AT,
  type RecordView,
  writeU16,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import type { IndexAddition } from './record-index.ts';

/** What a test record says. Keys and tags are picked by number. */
export interface RecordSpec {
  readonly timestamp: number;
  readonly author: number;
  /** Signing key; the author's own where it is the same number. */
  readonly signer: number;
  readonly kind: number;
  readonly nonce: number;
  readonly tags: readonly number[];
}

/** 32 bytes that stand for a key. */
export function keyNumber(n: number): Uint8Array {
  const key = new Uint8Array(32).fill(0x11);
  writeU64BE(key, 24, BigInt(n));
  return key;
}

const DUPLICATES = { unique: 0b00, replaceable: 0b10, versioned: 0b11 } as const;

/** Kinds 0 and 3 are unique, 1 is replaceable, 2 versioned. */
export function kindNumber(n: number): Uint8Array {
  const handling =
    n === 1 ? DUPLICATES.replaceable : n === 2 ? DUPLICATES.versioned : DUPLICATES.unique;
  return Uint8Array.of(0, 0, 0, 99, 0, n, 0, 0x1c | handling);
}

/** A tag's type and value: of several lengths, one a prefix of another, some over 64 bytes. */
export function tagNumber(n: number): Uint8Array {
  const length = [4, 5, 40, 64, 65, 300][n % 6]!;
  const tag = new Uint8Array(length);
  writeU16(tag, 0, 2);
  if (n >= 6) tag[length - 1] = n;
  return tag;
}

/** A record as `spec` says; its ID is made of its bytes. */
export function recordOf(spec: RecordSpec): RecordView {
  const tags = spec.tags.map(tagNumber);
  const tagsLength = tags.reduce((sum, tag) => sum + tag.length + 2, 0);
  const bytes = new Uint8Array(RECORD_AT.tags + ((tagsLength + 7) & ~7));
  writeU64BE(bytes, RECORD_AT.timestamp, BigInt(spec.timestamp));
  writeU64BE(bytes, RECORD_AT.nonce, (1n << 63n) | BigInt(spec.nonce));
  bytes.set(kindNumber(spec.kind), RECORD_AT.kind);
  bytes.set(keyNumber(spec.author), RECORD_AT.author);
  bytes.set(keyNumber(spec.signer), RECORD_AT.signingKey);
  writeU16(bytes, RECORD_AT.tagsLength, tagsLength);
  let at: number = RECORD_AT.tags;
  for (const tag of tags) {
    writeU16(bytes, at, tag.length + 2);
    bytes.set(tag, at + 2);
    at += tag.length + 2;
  }
  bytes.set(bytes.subarray(RECORD_AT.timestamp, RECORD_AT.timestamp + 8), RECORD_AT.id);
  bytes.set(h64(bytes.subarray(RECORD_AT.address)).subarray(0, 40), RECORD_AT.hash);
  return parseRecord(bytes);
}

/** A record with nothing special. */
export const PLAIN_SPEC: RecordSpec = {
  timestamp: 1_000,
  author: 1,
  signer: 1,
  kind: 0,
  nonce: 1,
  tags: [],
};

/** An addition of a test record. */
export function additionOf(
  spec: Partial<RecordSpec>,
  rest: Partial<IndexAddition> = {},
): IndexAddition {
  const record = recordOf({ ...PLAIN_SPEC, ...spec });
  return { record, receivedAt: 5_000n, location: Uint8Array.of(1, 2, 3), held: false, ...rest };
}

/** Additions per call of the crash test. */
export const CRASH_BATCH = 20;

/** What the n-th call of the crash test adds: some of it out of order. */
export function crashBatch(n: number): IndexAddition[] {
  return Array.from({ length: CRASH_BATCH }, (_, i) => {
    const number = n * CRASH_BATCH + i;
    return additionOf({ timestamp: number ^ 5, author: i % 3, nonce: number, tags: [i % 12] });
  });
}

/** A value that must be there. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value of the test is missing');
  return value;
}
