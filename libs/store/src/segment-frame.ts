/**
 * Frames and footers of a segment: what one group commit writes, and the table that closes a
 * segment. Pure; the format is specified in `docs/storage.md`.
 */
import {
  pad8,
  readU32,
  RECORD_BYTES_MAX,
  RECORD_HEAD_BYTES,
  recordLengthFault,
  RecordView,
  writeU32,
} from '@mosaic-cluster/protocol';
import {
  PART_HEAD_BYTES,
  type PartPlace,
  readPartHead,
  sealPart,
  segmentDamage,
} from './segment-format.ts';
import type { Location, LogEntry, ScannedEntry } from './segment-log.ts';

/** Bytes before an entry's record. */
export const ENTRY_HEAD_BYTES = 16;
/** Bytes at the end of a closed segment that lead to its footer. */
export const TRAILER_BYTES = 16;
/** Bytes of an entry in the footer's table. */
export const TABLE_ROW_BYTES = 8;

const FLAGS_AT = 4;
const RECEIVED_AT = 8;
const HELD = 1;
const TRAILER_MAGIC_LOW = 0x65_53_0a_0d;
const TRAILER_MAGIC_HIGH = 0x64_6e_45_67;

/** Bytes that an entry takes in a frame. */
export function entryBytes(recordBytes: number): number {
  return ENTRY_HEAD_BYTES + pad8(recordBytes);
}

/** Bytes of the frame that holds these entries. */
export function frameBytes(entries: readonly LogEntry[]): number {
  let bytes = PART_HEAD_BYTES;
  for (const { record } of entries) bytes += entryBytes(record.bytes.length);
  return bytes;
}

/**
 * Writes a frame and returns where its entries lie in the segment.
 *
 * @param target receives the frame from its start on; the caller's, and not kept
 * @returns per entry the offset of its head, in bytes from the start of the segment
 */
export function encodeFrame(
  target: Uint8Array,
  entries: readonly LogEntry[],
  place: PartPlace,
): Uint32Array {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  const offsets = new Uint32Array(entries.length);
  let at = PART_HEAD_BYTES;
  for (let i = 0; i < entries.length; i++) {
    const { record, receivedAt, held } = entries[i]!;
    const { length } = record.bytes;
    offsets[i] = place.offset + at;
    view.setUint32(at, length, true);
    view.setUint32(at + FLAGS_AT, held ? HELD : 0, true);
    view.setBigUint64(at + RECEIVED_AT, receivedAt);
    at += ENTRY_HEAD_BYTES;
    target.set(record.bytes, at);
    const padded = at + pad8(length);
    target.fill(0, at + length, padded);
    at = padded;
  }
  sealPart(target, { kind: 'frame', bytes: at, entries: entries.length }, place);
  return offsets;
}

/**
 * The entry whose head is at `at`; undefined where the bytes cannot be one with such a record.
 *
 * @param bytes holds the whole entry; the result keeps it
 * @param view of the same bytes
 */
export function entryAt(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  recordBytes: number,
): LogEntry | undefined {
  if (view.getUint32(at, true) !== recordBytes) return undefined;
  const flags = view.getUint32(at + FLAGS_AT, true);
  if (flags > HELD || bytes[at + RECEIVED_AT]! > 0x7f) return undefined;
  const start = at + ENTRY_HEAD_BYTES;
  const record = bytes.subarray(start, start + recordBytes);
  if (recordLengthFault(record) !== undefined) return undefined;
  return {
    record: new RecordView(record),
    receivedAt: view.getBigUint64(at + RECEIVED_AT),
    held: flags === HELD,
  };
}

/** A frame whose checksum was verified. */
export interface WholeFrame {
  /** From head to end; nothing else. */
  readonly bytes: Uint8Array;
  /** Where it starts in its segment. */
  readonly offset: number;
  readonly entries: number;
}

/** The segment that a frame is read from. */
export interface FrameSource {
  readonly name: string;
  /** Names the entry at an offset of the segment. */
  readonly locate: (offset: number, recordBytes: number) => Location;
}

/**
 * The entries of a frame; they keep its bytes.
 *
 * @throws MosaicError `corrupt` naming segment and offset
 */
export function frameEntries(frame: WholeFrame, segment: FrameSource): ScannedEntry[] {
  const { bytes, offset } = frame;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: ScannedEntry[] = [];
  let at = PART_HEAD_BYTES;
  while (at < bytes.length) {
    const recordBytes = at + ENTRY_HEAD_BYTES <= bytes.length ? view.getUint32(at, true) : 0;
    const fits = recordBytes >= RECORD_HEAD_BYTES && recordBytes <= RECORD_BYTES_MAX;
    const end = at + entryBytes(recordBytes);
    const entry = fits && end <= bytes.length ? entryAt(bytes, view, at, recordBytes) : undefined;
    if (entry === undefined) throw segmentDamage(segment.name, offset + at, 'no entry is here');
    const location = segment.locate(offset + at, recordBytes);
    const { record, receivedAt, held } = entry;
    entries.push({ record, receivedAt, held, location });
    at = end;
  }
  if (entries.length !== frame.entries) {
    const what = `the frame says ${frame.entries} entries and holds ${entries.length}`;
    throw segmentDamage(segment.name, offset, what);
  }
  return entries;
}

/** Where the entries of a frame that was verified lie, in bytes from the start of the file. */
export function entryOffsets({ bytes, offset, entries }: WholeFrame): Uint32Array {
  const offsets = new Uint32Array(entries);
  let at = PART_HEAD_BYTES;
  for (let i = 0; i < entries; i++) {
    offsets[i] = offset + at;
    at += entryBytes(readU32(bytes, at));
  }
  return offsets;
}

/** Bytes of the footer of a segment with so many entries. */
export function footerBytes(entries: number): number {
  return PART_HEAD_BYTES + entries * TABLE_ROW_BYTES + TRAILER_BYTES;
}

/** What a footer tells of its segment. */
export interface SegmentTable {
  /** Two numbers per entry: its offset in the segment, the bytes of its record. */
  readonly rows: Uint32Array;
  readonly frames: number;
}

/** The footer of a segment. */
export function encodeFooter({ rows, frames }: SegmentTable, place: PartPlace): Uint8Array {
  const entries = rows.length / 2;
  const bytes = new Uint8Array(footerBytes(entries));
  let at = PART_HEAD_BYTES;
  for (const value of rows) {
    writeU32(bytes, at, value);
    at += 4;
  }
  writeU32(bytes, at, place.offset);
  writeU32(bytes, at + 4, frames);
  writeU32(bytes, at + 8, TRAILER_MAGIC_LOW);
  writeU32(bytes, at + 12, TRAILER_MAGIC_HIGH);
  sealPart(bytes, { kind: 'footer', bytes: bytes.length, entries }, place);
  return bytes;
}

/**
 * The table of a footer whose checksum was verified.
 *
 * @throws MosaicError `corrupt` where it does not fit the segment
 */
export function decodeFooter(footer: WholeFrame, segment: string): SegmentTable {
  const { bytes, offset } = footer;
  const trailer = readTrailer(bytes.subarray(bytes.length - TRAILER_BYTES));
  if (bytes.length !== footerBytes(footer.entries) || trailer?.footerOffset !== offset) {
    throw segmentDamage(segment, offset, 'the footer does not fit its segment');
  }
  const rows = new Uint32Array(footer.entries * 2);
  for (let i = 0; i < rows.length; i++) rows[i] = readU32(bytes, PART_HEAD_BYTES + i * 4);
  return { rows, frames: trailer.frames };
}

/** What the last bytes of a closed segment say. */
export interface Trailer {
  /** Where the footer starts: behind the last frame. */
  readonly footerOffset: number;
  readonly frames: number;
}

/** Reads the last 16 bytes of a segment; undefined: it is not closed. */
export function readTrailer(bytes: Uint8Array): Trailer | undefined {
  if (bytes.length !== TRAILER_BYTES) return undefined;
  if (readU32(bytes, 8) !== TRAILER_MAGIC_LOW || readU32(bytes, 12) !== TRAILER_MAGIC_HIGH) {
    return undefined;
  }
  return { footerOffset: readU32(bytes, 0), frames: readU32(bytes, 4) };
}

/**
 * How many entries a closed segment holds, from the head of its footer; undefined where that head
 * does not fit the segment's size.
 */
export function footerEntries(
  head: Uint8Array,
  segmentBytes: number,
  place: PartPlace,
): number | undefined {
  const read = readPartHead(head, 0, place);
  if (typeof read === 'string' || read.kind !== 'footer') return undefined;
  const fits = read.bytes === footerBytes(read.entries);
  return fits && place.offset + read.bytes === segmentBytes ? read.entries : undefined;
}
