/** A segment as one object: made of one commit or of many, and taken apart with every checksum verified. */
import { type Timestamp, timestampFromMillis } from '@mosaic-cluster/protocol';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  isPartWhole,
  type PartPlace,
  readPartHead,
  SEGMENT_HEADER_BYTES,
  segmentDamage,
} from './segment-format.ts';
import {
  decodeFooter,
  encodeFooter,
  encodeFrame,
  footerBytes,
  frameBytes,
  frameEntries,
  type FrameSource,
} from './segment-frame.ts';
import type { LogEntry, ScannedEntry } from './segment-log.ts';
import { objectLocationsIn, type SegmentKey } from './segment-log-objects-address.ts';
import { EntryTable } from './segment-table.ts';

/** A segment that was made. */
export interface MadeSegment {
  /** All of it, from header to footer, in memory of its own. */
  readonly bytes: Uint8Array;
  /** Per entry, where its head lies. */
  readonly offsets: Uint32Array;
}

/** A segment to take apart. */
export interface SegmentObject {
  /** Of its object, for errors. */
  readonly name: string;
  readonly role: string;
  readonly key: SegmentKey;
  readonly bytes: Uint8Array;
}

/**
 * Makes a segment.
 *
 * @param frames the entries of each; none of them is empty
 */
export function makeSegment(
  role: string,
  key: SegmentKey,
  salt: Uint8Array,
  frames: readonly (readonly LogEntry[])[],
): MadeSegment {
  const entries = frames.reduce((sum, frame) => sum + frame.length, 0);
  const footerAt = frames.reduce((sum, frame) => sum + frameBytes(frame), SEGMENT_HEADER_BYTES);
  const { buffer } = Buffer.allocUnsafeSlow(footerAt + footerBytes(entries));
  const bytes = new Uint8Array(buffer, 0, footerAt + footerBytes(entries));
  const createdAt = createdAtOf(key);
  bytes.set(encodeSegmentHeader({ role, number: key.writer, createdAt, salt }));
  const { checksum: headerChecksum } = decodeSegmentHeader(bytes, '');
  const table = new EntryTable();
  const offsets = new Uint32Array(entries);
  let offset = SEGMENT_HEADER_BYTES;
  let count = 0;
  for (const frame of frames) {
    const own = encodeFrame(bytes.subarray(offset), frame, { offset, headerChecksum });
    table.add(own, frame);
    offsets.set(own, count);
    count += frame.length;
    offset += frameBytes(frame);
  }
  const footer = { offset: footerAt, headerChecksum };
  bytes.set(encodeFooter({ rows: table.rows, frames: frames.length }, footer), footerAt);
  return { bytes, offsets };
}

/**
 * The entries of a segment; they keep its bytes.
 *
 * @throws MosaicError `corrupt` (`segment`) naming segment and offset, `invalid` (`segment-version`)
 */
export function segmentEntries(object: SegmentObject): ScannedEntry[] {
  const { name, key, bytes } = object;
  const headerChecksum = checkHeader(object);
  const source: FrameSource = { name, locate: objectLocationsIn(key) };
  const parts: ScannedEntry[][] = [];
  for (let offset = SEGMENT_HEADER_BYTES; ; ) {
    const part = wholePart(bytes, { offset, headerChecksum }, name);
    if (part.kind === 'frame') parts.push(frameEntries(part, source));
    else {
      const entries = parts.length === 1 ? parts[0]! : parts.flat();
      const end = offset + part.bytes.length;
      if (end !== bytes.length) throw segmentDamage(name, end, 'something follows the footer');
      const { frames } = decodeFooter(part, name);
      if (part.entries === entries.length && frames === parts.length) return entries;
      throw segmentDamage(name, offset, 'the footer counts other entries');
    }
    offset += part.bytes.length;
  }
}

/** When a segment with such a key was begun. */
export function createdAtOf({ timeMs }: SegmentKey): Timestamp {
  return timestampFromMillis(timeMs);
}

// A segment that was copied to another key or to another role's folder is met here.
function checkHeader({ name, role, key, bytes }: SegmentObject): number {
  const header = decodeSegmentHeader(bytes, name);
  const fits =
    header.role === role && header.number === key.writer && header.createdAt === createdAtOf(key);
  if (fits) return header.checksum;
  throw segmentDamage(name, 0, 'its header is that of a segment with another name');
}

interface Part {
  readonly kind: 'frame' | 'footer';
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly entries: number;
}

function wholePart(bytes: Uint8Array, place: PartPlace, name: string): Part {
  const { offset } = place;
  if (offset >= bytes.length) throw segmentDamage(name, offset, 'the footer is missing');
  const head = readPartHead(bytes, offset, place);
  if (typeof head === 'string') throw segmentDamage(name, offset, head);
  if (head.kind === 'cuts') throw segmentDamage(name, offset, 'neither frame nor footer');
  const end = offset + head.bytes;
  if (end > bytes.length) throw segmentDamage(name, offset, 'a frame is cut off');
  if (!isPartWhole(bytes, offset, head.bytes)) {
    throw segmentDamage(name, offset, 'the checksum does not match');
  }
  return { kind: head.kind, bytes: bytes.subarray(offset, end), offset, entries: head.entries };
}
