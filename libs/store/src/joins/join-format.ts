/**
 * Joins: objects that say which segments one joined segment stands for, where each entry went, and which
 * entries were left out. Pure; the format is specified in `docs/storage.md`.
 *
 *     [0:8)   4d 6f 73 4a 6f 69 0d 0a ("MosJoi", carriage return, line feed)
 *     [8:10)  format version: 1             [10:12) bytes of the header: 88
 *     [12:16) number of sources             [16:20) entries that were kept
 *     [20:24) entries that were left out    [24:28) bytes of the joined segment
 *     [28:44) role                          [44:54) key of the joined segment, as in a position
 *     [54:56) zero                          [56:64) when it was written: milliseconds since 1970
 *     [64:72) salt of the joined segment's header
 *     [72:80) zero
 *     [80:84) CRC-32C of [0:80) and of everything behind the header
 *     [84:88) zero
 *     source    [0:10) key  [10:12) zero  [12:16) entries kept  [16:20) left out  [20:24) bytes
 *     kept      [0:4) offset in the source  [4:8) offset in the joined segment
 *     left out  [0:4) offset in the source  [4:8) bytes of the record  [8] why  [9:12) zero
 *               [12:60) ID  [60:108) address
 *     all sources, then what was kept, then what was left out, both in the order of the sources;
 *     numbers little endian, but for keys
 */
import {
  MosaicError,
  readU16,
  readU32,
  readU48,
  REFERENCE_BYTES,
  type Reference,
  writeU16,
  writeU32,
  writeU48,
} from '@mosaic-cluster/protocol';
import { crc32c } from '../crc32c.ts';
import { SEGMENT_ROLE_BYTES_MAX, SEGMENT_SALT_BYTES } from '../segment-format.ts';
import {
  encodeSegmentKey,
  OBJECT_POSITION_BYTES,
  type SegmentKey,
} from '../segment-log-objects-address.ts';

/** Bytes before the first source. */
export const JOIN_HEADER_BYTES = 88;
/** Bytes of a source. */
export const JOIN_SOURCE_BYTES = 24;
/** Bytes of an entry that was kept. */
export const JOIN_KEPT_BYTES = 8;
/** Bytes of an entry that was left out. */
export const JOIN_LEFT_OUT_BYTES: number = 12 + 2 * REFERENCE_BYTES;

const MAGIC = Uint8Array.of(0x4d, 0x6f, 0x73, 0x4a, 0x6f, 0x69, 0x0d, 0x0a);
const VERSION = 1;
const ROLE_AT = 28;
const KEY_AT = 44;
const TIME_AT = 56;
const SALT_AT = 64;
const CHECKSUM_AT = 80;
const REASONS = ['removed', 'replaced'] as const;

/** Why an entry is not in the joined segment: an operator removed it, or a newer one took its address. */
export type LeftOutReason = (typeof REASONS)[number];

/** An entry that was not taken over. */
export interface LeftOutEntry {
  /** In its source. */
  readonly offset: number;
  readonly recordBytes: number;
  readonly why: LeftOutReason;
  readonly id: Reference;
  readonly address: Reference;
}

/** Where an entry was and is. */
export interface KeptEntry {
  /** Offset in its source. */
  readonly from: number;
  /** Offset in the joined segment. */
  readonly to: number;
}

/** A segment that was joined with others. */
export interface JoinSource {
  readonly key: SegmentKey;
  /** Of the segment. */
  readonly bytes: number;
  /** By their offsets in the source. */
  readonly kept: readonly KeptEntry[];
  readonly leftOut: readonly LeftOutEntry[];
}

/** What a join says. */
export interface JoinContent {
  readonly role: string;
  /** Of the joined segment. */
  readonly key: SegmentKey;
  readonly segmentBytes: number;
  /** In the header of the joined segment: no other has it. */
  readonly salt: Uint8Array;
  /** Milliseconds since 1970. */
  readonly writtenAtMs: number;
  /** In the order of their keys. */
  readonly sources: readonly JoinSource[];
}

/** The numbers of a join's header. */
export interface JoinHead {
  readonly role: string;
  /** Of the joined segment, as a position. */
  readonly key: Uint8Array;
  readonly segmentBytes: number;
  /** In the header of the joined segment. */
  readonly salt: Uint8Array;
  readonly writtenAtMs: number;
  readonly sources: number;
  readonly kept: number;
  readonly leftOut: number;
}

/** Writes a join. */
export function encodeJoin(join: JoinContent): Uint8Array {
  const { role, key, segmentBytes, salt, writtenAtMs, sources } = join;
  const kept = sources.reduce((sum, each) => sum + each.kept.length, 0);
  const leftOut = sources.reduce((sum, each) => sum + each.leftOut.length, 0);
  const keptAt = JOIN_HEADER_BYTES + sources.length * JOIN_SOURCE_BYTES;
  const leftOutAt = keptAt + kept * JOIN_KEPT_BYTES;
  const bytes = new Uint8Array(leftOutAt + leftOut * JOIN_LEFT_OUT_BYTES);
  bytes.set(MAGIC);
  writeU16(bytes, 8, VERSION);
  writeU16(bytes, 10, JOIN_HEADER_BYTES);
  writeU32(bytes, 12, sources.length);
  writeU32(bytes, 16, kept);
  writeU32(bytes, 20, leftOut);
  writeU32(bytes, 24, segmentBytes);
  for (let i = 0; i < role.length; i++) bytes[ROLE_AT + i] = role.charCodeAt(i);
  bytes.set(encodeSegmentKey(key), KEY_AT);
  writeU48(bytes, TIME_AT, writtenAtMs);
  bytes.set(salt.subarray(0, SEGMENT_SALT_BYTES), SALT_AT);
  let at = JOIN_HEADER_BYTES;
  let atKept = keptAt;
  let atLeftOut = leftOutAt;
  for (const source of sources) {
    bytes.set(encodeSegmentKey(source.key), at);
    writeU32(bytes, at + 12, source.kept.length);
    writeU32(bytes, at + 16, source.leftOut.length);
    writeU32(bytes, at + 20, source.bytes);
    at += JOIN_SOURCE_BYTES;
    for (const { from, to } of source.kept) {
      writeU32(bytes, atKept, from);
      writeU32(bytes, atKept + 4, to);
      atKept += JOIN_KEPT_BYTES;
    }
    for (const each of source.leftOut) {
      putLeftOut(bytes, atLeftOut, each);
      atLeftOut += JOIN_LEFT_OUT_BYTES;
    }
  }
  writeU32(bytes, CHECKSUM_AT, checksumOf(bytes));
  return bytes;
}

/**
 * The header of a join that is whole, to the last byte.
 *
 * @param name of the object, for messages
 * @throws MosaicError `corrupt` (`join`) where a byte is not as it was written, `invalid`
 *   (`join-version`) for a version that this code does not know
 */
export function decodeJoinHead(bytes: Uint8Array, name: string): JoinHead {
  const isOurs = bytes.length >= JOIN_HEADER_BYTES && MAGIC.every((byte, i) => bytes[i] === byte);
  if (!isOurs) throw damaged(name, 'it has no header');
  if (readU32(bytes, CHECKSUM_AT) !== checksumOf(bytes)) {
    throw damaged(name, 'its checksum does not match');
  }
  const version = readU16(bytes, 8);
  if (version !== VERSION) {
    const message = `${name} has format version ${version}; this program reads version ${VERSION}`;
    throw new MosaicError('invalid', 'join-version', message);
  }
  const role = bytes.subarray(ROLE_AT, ROLE_AT + SEGMENT_ROLE_BYTES_MAX);
  const roleBytes = role.indexOf(0);
  const head = {
    role: String.fromCharCode(...role.subarray(0, roleBytes === -1 ? role.length : roleBytes)),
    key: bytes.subarray(KEY_AT, KEY_AT + OBJECT_POSITION_BYTES),
    segmentBytes: readU32(bytes, 24),
    salt: bytes.subarray(SALT_AT, SALT_AT + SEGMENT_SALT_BYTES),
    writtenAtMs: readU48(bytes, TIME_AT),
    sources: readU32(bytes, 12),
    kept: readU32(bytes, 16),
    leftOut: readU32(bytes, 20),
  };
  const length =
    JOIN_HEADER_BYTES +
    head.sources * JOIN_SOURCE_BYTES +
    head.kept * JOIN_KEPT_BYTES +
    head.leftOut * JOIN_LEFT_OUT_BYTES;
  if (length !== bytes.length) throw damaged(name, 'it has another length than it says');
  return head;
}

/** The entry that was left out whose row is at `at`; it refers to the bytes. */
export function leftOutAt(bytes: Uint8Array, at: number): LeftOutEntry {
  const idAt = at + 12;
  return {
    offset: readU32(bytes, at),
    recordBytes: readU32(bytes, at + 4),
    why: REASONS[bytes[at + 8]!] ?? 'replaced',
    id: bytes.subarray(idAt, idAt + REFERENCE_BYTES),
    address: bytes.subarray(idAt + REFERENCE_BYTES, idAt + 2 * REFERENCE_BYTES),
  };
}

/** The error for a join that is not as it was written. */
export function damaged(name: string, why: string): MosaicError {
  const message =
    `${name} is no join of segments that can be read: ${why}. Restore it from a backup; without it, what an ` +
    'index finds in segments that were joined is found again once the index is made anew';
  return new MosaicError('corrupt', 'join', message);
}

function putLeftOut(bytes: Uint8Array, at: number, entry: LeftOutEntry): void {
  writeU32(bytes, at, entry.offset);
  writeU32(bytes, at + 4, entry.recordBytes);
  bytes[at + 8] = REASONS.indexOf(entry.why);
  bytes.set(entry.id, at + 12);
  bytes.set(entry.address, at + 12 + REFERENCE_BYTES);
}

function checksumOf(bytes: Uint8Array): number {
  return crc32c(bytes, JOIN_HEADER_BYTES, bytes.length, crc32c(bytes, 0, CHECKSUM_AT));
}
