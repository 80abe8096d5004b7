/**
 * How a segment log on an object store names segments, entries and places between commits. The key
 * of a segment is the millisecond in which it was begun and the writer that began it; so keys sort by
 * time, and writers need not ask one another for numbers.
 *
 *     position  [0:6) milliseconds since 1970  [6:10) writer
 *     location  [0:10) as above  [10:13) offset of the entry / 8  [13:16) bytes of its record
 *     all unsigned, big endian
 */
import { MosaicError, readU32BE, writeU32BE } from '@mosaic-cluster/protocol';
import type { Location, LogPosition } from './segment-log.ts';

/** Bytes of a location. */
export const OBJECT_LOCATION_BYTES = 16;
/** Bytes of a position. */
export const OBJECT_POSITION_BYTES = 10;
/** Offsets of entries fit below this: 128 MiB. */
export const SEGMENT_OBJECT_BYTES_MAX: number = 0x100_0000 * 8;
/** The last millisecond whose year has four digits: names would not sort beyond it. */
export const SEGMENT_TIME_MS_MAX = 253_402_300_799_999;

/** What names a segment. */
export interface SegmentKey {
  /** Milliseconds since 1970. A writer uses each at most once. */
  readonly timeMs: number;
  /** 0 to 2³²−1, drawn by chance when a log is opened. */
  readonly writer: number;
}

/** A location taken apart. */
export interface ObjectEntryAddress {
  readonly key: SegmentKey;
  /** Of the entry's head, in bytes from the start of the segment. */
  readonly offset: number;
  readonly recordBytes: number;
}

const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-([0-9a-f]{8})(\..+)$/;

/** What a segment's object is called behind its prefix: `20261123T031502123Z-1f3a9c02.segment`. */
export function segmentName(key: SegmentKey): string {
  return timedName(key, '.segment');
}

/** The key in a name; undefined: it is no segment's. */
export function parseSegmentName(name: string): SegmentKey | undefined {
  return parseTimedName(name, '.segment');
}

/** A name that sorts by time and says who made it. @param ending with its dot */
export function timedName({ timeMs, writer }: SegmentKey, ending: string): string {
  const time = new Date(timeMs).toISOString().replaceAll(/[-:.]/g, '');
  return `${time}-${writer.toString(16).padStart(8, '0')}${ending}`;
}

/** The key in a name; undefined: it is none with that ending. */
export function parseTimedName(name: string, ending: string): SegmentKey | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second, ms, writer] = match.slice(1);
  const timeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  const key = { timeMs, writer: Number.parseInt(writer ?? '', 16) };
  // Dates that do not exist have no name, and no second name.
  return Number.isNaN(timeMs) || timedName(key, ending) !== name ? undefined : key;
}

/** The 10 bytes that say how far the log is known; they sort as segments do. */
export function encodeSegmentKey({ timeMs, writer }: SegmentKey): LogPosition {
  const bytes = new Uint8Array(OBJECT_POSITION_BYTES);
  writeKey(bytes, timeMs, writer);
  return bytes;
}

/**
 * Takes a position apart.
 *
 * @throws MosaicError `invalid` (`log-position`) where it is none of such a log
 */
export function decodeSegmentKey(position: LogPosition): SegmentKey {
  const { length } = position;
  const key = length === OBJECT_POSITION_BYTES ? readKey(position) : undefined;
  if (key !== undefined && key.timeMs <= SEGMENT_TIME_MS_MAX) return key;
  const message = `${Buffer.from(position).toString('hex')} is no position of a segment log on an object store`;
  throw new MosaicError('invalid', 'log-position', message);
}

/** Names entries of one segment by 16 bytes each. */
export function objectLocationsIn({
  timeMs,
  writer,
}: SegmentKey): (offset: number, recordBytes: number) => Location {
  return (offset, recordBytes) => {
    const location = new Uint8Array(OBJECT_LOCATION_BYTES);
    writeKey(location, timeMs, writer);
    const units = offset / 8;
    location[10] = units >>> 16;
    location[11] = units >>> 8;
    location[12] = units;
    location[13] = recordBytes >>> 16;
    location[14] = recordBytes >>> 8;
    location[15] = recordBytes;
    return location;
  };
}

/** The offset in a location. */
export function offsetIn(location: Location): number {
  return ((location[10]! << 16) | (location[11]! << 8) | location[12]!) * 8;
}

/** The bytes of the record in a location. */
export function recordBytesIn(location: Location): number {
  return (location[13]! << 16) | (location[14]! << 8) | location[15]!;
}

/**
 * Takes a location apart.
 *
 * @throws MosaicError `invalid` (`location`) where it is none of such a log
 */
export function decodeObjectLocation(location: Location): ObjectEntryAddress {
  if (location.length !== OBJECT_LOCATION_BYTES) {
    const message = `a location has ${OBJECT_LOCATION_BYTES} bytes, not ${location.length}`;
    throw new MosaicError('invalid', 'location', message);
  }
  return {
    key: readKey(location),
    offset: offsetIn(location),
    recordBytes: recordBytesIn(location),
  };
}

function writeKey(bytes: Uint8Array, timeMs: number, writer: number): void {
  const high = Math.floor(timeMs / 0x1_0000_0000);
  bytes[0] = high >>> 8;
  bytes[1] = high;
  writeU32BE(bytes, 2, timeMs % 0x1_0000_0000);
  writeU32BE(bytes, 6, writer);
}

function readKey(bytes: Uint8Array): SegmentKey {
  const high = bytes[0]! * 256 + bytes[1]!;
  return { timeMs: high * 0x1_0000_0000 + readU32BE(bytes, 2), writer: readU32BE(bytes, 6) };
}
