/**
 * The bytes of a segment: header, and the head that frames and footer share. Pure, so that logs
 * on files and on an object store speak one format. The format is specified in `docs/storage.md`.
 */
import {
  equalAt,
  MosaicError,
  readTimestamp,
  readU16,
  readU32,
  type Timestamp,
  writeU16,
  writeU32,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import { crc32c } from './crc32c.ts';
import { SEGMENT_NUMBER_MAX } from './segment-address.ts';

/** Bytes before the first frame. */
export const SEGMENT_HEADER_BYTES = 64;
/** Version of segments as they are written at first. */
export const SEGMENT_FORMAT_VERSION = 1;
/** Version of segment files that were written again without some of their entries. */
export const CUT_SEGMENT_FORMAT_VERSION = 2;
/** Bytes of the random part of the header. */
export const SEGMENT_SALT_BYTES = 8;
/** Most characters of a role. */
export const SEGMENT_ROLE_BYTES_MAX = 16;
/** Bytes before the body of a frame or footer. */
export const PART_HEAD_BYTES = 24;

const MAGIC = Uint8Array.of(0x4d, 0x6f, 0x73, 0x53, 0x65, 0x67, 0x0d, 0x0a);
const FRAME_MAGIC = 0x74_69_6d_43;
const FOOTER_MAGIC = 0x74_6f_6f_46;
const CUTS_MAGIC = 0x73_74_75_43;
const MAGICS: Readonly<Record<PartKind, number>> = {
  frame: FRAME_MAGIC,
  footer: FOOTER_MAGIC,
  cuts: CUTS_MAGIC,
};
const HEADER_AT = {
  version: 8,
  headerBytes: 10,
  createdAt: 16,
  number: 24,
  role: 32,
  salt: 48,
  checksum: 60,
} as const;
const PART_AT = {
  magic: 0,
  checksum: 4,
  bodyBytes: 8,
  entries: 12,
  offset: 16,
  headerChecksum: 20,
} as const;

/** What a segment says of itself. */
export interface SegmentIdentity {
  /** 1 to 16 lower-case letters, digits and hyphens. */
  readonly role: string;
  /** 0 to 2³²−1. */
  readonly number: number;
  readonly createdAt: Timestamp;
  /** 8 random bytes. */
  readonly salt: Uint8Array;
  /** Whether it was written again, and has a table of what was cut out behind its header. */
  readonly isCut?: boolean;
}

/** A header that was read. */
export interface SegmentHeader extends SegmentIdentity {
  /** The header checksum, which every frame repeats. */
  readonly checksum: number;
}

/** The error for bytes that are not what was written. */
export function segmentDamage(segment: string, offset: number, what: string): MosaicError {
  const message = `segment ${segment} is damaged at byte ${offset}: ${what}`;
  return new MosaicError('corrupt', 'segment', message, { range: { start: offset, end: offset } });
}

/**
 * Checks that a role fits into a header.
 *
 * @throws MosaicError `invalid` (`segment-role`)
 */
export function assertSegmentRole(role: string): void {
  if (/^[a-z0-9-]{1,16}$/.test(role)) return;
  const message = `"${role}" is no role: 1 to 16 lower-case letters, digits and hyphens`;
  throw new MosaicError('invalid', 'segment-role', message);
}

/**
 * The 64 bytes of a header.
 *
 * @throws MosaicError `invalid` (`segment-role`) for a role that does not fit
 */
export function encodeSegmentHeader(identity: SegmentIdentity): Uint8Array {
  const { role, number, createdAt, salt, isCut = false } = identity;
  assertSegmentRole(role);
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  bytes.set(MAGIC);
  writeU16(bytes, HEADER_AT.version, isCut ? CUT_SEGMENT_FORMAT_VERSION : SEGMENT_FORMAT_VERSION);
  writeU16(bytes, HEADER_AT.headerBytes, SEGMENT_HEADER_BYTES);
  writeU64BE(bytes, HEADER_AT.createdAt, createdAt);
  writeU32(bytes, HEADER_AT.number, number);
  for (let i = 0; i < role.length; i++) bytes[HEADER_AT.role + i] = role.charCodeAt(i);
  bytes.set(salt.subarray(0, SEGMENT_SALT_BYTES), HEADER_AT.salt);
  writeU32(bytes, HEADER_AT.checksum, crc32c(bytes, 0, HEADER_AT.checksum));
  return bytes;
}

/**
 * Reads a header.
 *
 * @param bytes the first 64 bytes of a segment, or all of a shorter one
 * @param segment the segment's name, for errors
 * @throws MosaicError `corrupt` (`segment`), `invalid` (`segment-version`) for a version that this
 *   code does not know
 */
export function decodeSegmentHeader(bytes: Uint8Array, segment: string): SegmentHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES || !equalAt(bytes, 0, MAGIC, 0, MAGIC.length)) {
    throw segmentDamage(segment, 0, 'it does not start like a segment');
  }
  const checksum = readU32(bytes, HEADER_AT.checksum);
  if (crc32c(bytes, 0, HEADER_AT.checksum) !== checksum) {
    throw segmentDamage(segment, 0, 'the checksum of its header does not match');
  }
  const version = readU16(bytes, HEADER_AT.version);
  if (version !== SEGMENT_FORMAT_VERSION && version !== CUT_SEGMENT_FORMAT_VERSION) {
    const message = `segment ${segment} has format version ${version}; this program reads versions ${SEGMENT_FORMAT_VERSION} and ${CUT_SEGMENT_FORMAT_VERSION}`;
    throw new MosaicError('invalid', 'segment-version', message);
  }
  const high = readU32(bytes, HEADER_AT.number + 4);
  const number = high === 0 ? readU32(bytes, HEADER_AT.number) : SEGMENT_NUMBER_MAX + high;
  const role = bytes.subarray(HEADER_AT.role, HEADER_AT.role + SEGMENT_ROLE_BYTES_MAX);
  const roleBytes = role.indexOf(0);
  return {
    role: String.fromCharCode(...role.subarray(0, roleBytes === -1 ? role.length : roleBytes)),
    number,
    createdAt: readTimestamp(bytes, HEADER_AT.createdAt),
    isCut: version === CUT_SEGMENT_FORMAT_VERSION,
    salt: bytes.slice(HEADER_AT.salt, HEADER_AT.salt + SEGMENT_SALT_BYTES),
    checksum,
  };
}

/** A frame, a footer, or the table of what was cut out of a file. */
export type PartKind = 'frame' | 'footer' | 'cuts';

/** Where a frame or footer lies: what its head has to repeat. */
export interface PartPlace {
  /** Bytes from the start of the segment. */
  readonly offset: number;
  readonly headerChecksum: number;
}

/** What the head of a frame or footer says. */
export interface PartHead {
  readonly kind: PartKind;
  /** Bytes of head and body. */
  readonly bytes: number;
  readonly entries: number;
}

/**
 * Completes a frame or footer whose body is in place: writes the 24 bytes before it.
 *
 * @param bytes starts with the head; `bytesTotal` of it are head and body
 */
export function sealPart(
  bytes: Uint8Array,
  head: PartHead,
  { offset, headerChecksum }: PartPlace,
): void {
  writeU32(bytes, PART_AT.magic, MAGICS[head.kind]);
  writeU32(bytes, PART_AT.bodyBytes, head.bytes - PART_HEAD_BYTES);
  writeU32(bytes, PART_AT.entries, head.entries);
  writeU32(bytes, PART_AT.offset, offset);
  writeU32(bytes, PART_AT.headerChecksum, headerChecksum);
  writeU32(bytes, PART_AT.checksum, crc32c(bytes, PART_AT.bodyBytes, head.bytes));
}

/** The head at `at`, as a whole or a sentence that says what is wrong with it. */
export function readPartHead(
  bytes: Uint8Array,
  at: number,
  { offset, headerChecksum }: PartPlace,
): PartHead | string {
  if (bytes.length - at < PART_HEAD_BYTES) return 'a frame is cut off';
  const magic = readU32(bytes, at + PART_AT.magic);
  const kind = kindOf(magic);
  if (kind === undefined) return 'neither frame nor footer';
  if (readU32(bytes, at + PART_AT.headerChecksum) !== headerChecksum) {
    return 'a frame of another segment';
  }
  if (readU32(bytes, at + PART_AT.offset) !== offset) return 'a frame of another place';
  return {
    kind,
    bytes: PART_HEAD_BYTES + readU32(bytes, at + PART_AT.bodyBytes),
    entries: readU32(bytes, at + PART_AT.entries),
  };
}

function kindOf(magic: number): PartKind | undefined {
  if (magic === FRAME_MAGIC) return 'frame';
  if (magic === FOOTER_MAGIC) return 'footer';
  return magic === CUTS_MAGIC ? 'cuts' : undefined;
}

/** Whether the checksum of the frame or footer `bytes[at : at + partBytes)` matches. */
export function isPartWhole(bytes: Uint8Array, at: number, partBytes: number): boolean {
  const sum = crc32c(bytes, at + PART_AT.bodyBytes, at + partBytes);
  return sum === readU32(bytes, at + PART_AT.checksum);
}
