/**
 * How the segment log names an entry and a place between commits. The index keeps these bytes
 * without looking inside.
 *
 *     location  [0:4) segment  [4:8) offset of the entry  [8:12) bytes of its record
 *     position  [0:4) segment  [4:8) offset behind a commit       all u32, big endian
 */
import { MosaicError, readU32BE, writeU32BE } from '@mosaic-cluster/protocol';
import type { Location, LogPosition } from './segment-log.ts';

/** Bytes of a location. */
export const LOCATION_BYTES = 12;
/** Bytes of a position in the log. */
export const LOG_POSITION_BYTES = 8;
/** The greatest segment number: locations have 32 bits for it. */
export const SEGMENT_NUMBER_MAX = 0xffff_ffff;

/** A location taken apart. */
export interface EntryAddress {
  readonly segment: number;
  /** Of the entry's head, in bytes from the start of the segment. */
  readonly offset: number;
  readonly recordBytes: number;
}

/** A position taken apart. */
export interface SegmentPosition {
  readonly segment: number;
  /** Bytes from the start of the segment. */
  readonly offset: number;
}

/** The 12 bytes that name an entry. */
export function encodeLocation(segment: number, offset: number, recordBytes: number): Location {
  const location = new Uint8Array(LOCATION_BYTES);
  writeU32BE(location, 0, segment);
  writeU32BE(location, 4, offset);
  writeU32BE(location, 8, recordBytes);
  return location;
}

/** Names entries of one segment. */
export function locationsIn(segment: number): (offset: number, recordBytes: number) => Location {
  return (offset, recordBytes) => encodeLocation(segment, offset, recordBytes);
}

/**
 * Takes a location apart.
 *
 * @throws MosaicError `invalid` (`location`) where it is none of this log's
 */
export function decodeLocation(location: Location): EntryAddress {
  if (location.length !== LOCATION_BYTES) {
    const message = `a location has ${LOCATION_BYTES} bytes, not ${location.length}`;
    throw new MosaicError('invalid', 'location', message);
  }
  return {
    segment: readU32BE(location, 0),
    offset: readU32BE(location, 4),
    recordBytes: readU32BE(location, 8),
  };
}

/** The 8 bytes that name a place between commits; they sort as bytes. */
export function encodePosition(segment: number, offset: number): LogPosition {
  const position = new Uint8Array(LOG_POSITION_BYTES);
  writeU32BE(position, 0, segment);
  writeU32BE(position, 4, offset);
  return position;
}

/**
 * Takes a position apart.
 *
 * @throws MosaicError `invalid` (`log-position`) where it is none of this log's
 */
export function decodePosition(position: LogPosition): SegmentPosition {
  if (position.length !== LOG_POSITION_BYTES) {
    const message = `a log position has ${LOG_POSITION_BYTES} bytes, not ${position.length}`;
    throw new MosaicError('invalid', 'log-position', message);
  }
  return { segment: readU32BE(position, 0), offset: readU32BE(position, 4) };
}
