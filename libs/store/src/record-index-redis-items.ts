/**
 * What stands in the tables of an index on Redis, see `record-index-redis-tables.ts`: entries, and
 * pointers to entries.
 */
import {
  MosaicError,
  type RecordView,
  REFERENCE_BYTES,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import { compareAt, entryFlags, flagsLocationBytes, PageEntry } from './index-page.ts';
import { type IndexAddition, type IndexEntry, POSITION_BYTES } from './record-index.ts';
import { FIELD_BYTES } from './record-index-redis-keys.ts';

const REST_BYTES = POSITION_BYTES - FIELD_BYTES;
const TAIL_BYTES = 4;
const RECEIVED_AT_BYTES = 8;
const REST_AT = 1;
const TAIL_AT = REST_AT + REST_BYTES;
const RECEIVED_AT = TAIL_AT + TAIL_BYTES;
const FLAGS_AT = RECEIVED_AT + RECEIVED_AT_BYTES;
const LOCATION_AT = FLAGS_AT + 1;
const ADDRESS_AT = RECEIVED_AT;
const KIND = { entry: 0, pointer: 1 } as const;

/** An entry as it is stored. */
export interface StoredEntry {
  /** 24 bytes. */
  readonly position: Buffer;
  /** The last bytes of the ID. */
  readonly tail: Buffer;
  /** 8 bytes. */
  readonly receivedAt: Buffer;
  /** Flags and location, as in pages. */
  readonly place: Buffer;
}

/** Says that the entry of a replaceable record is where its address is. */
export interface StoredPointer {
  readonly position: Buffer;
  /** The field of its address. */
  readonly address: Buffer;
}

/** The entry of an addition, and the bytes of its reception time in it. */
export function encodeEntry({ record, receivedAt, location, held }: IndexAddition): Buffer {
  const bytes = Buffer.allocUnsafe(LOCATION_AT + location.length);
  putHead(bytes, KIND.entry, record);
  writeU64BE(bytes, RECEIVED_AT, receivedAt);
  bytes[FLAGS_AT] = entryFlags(location, held);
  bytes.set(location, LOCATION_AT);
  return bytes;
}

/** The reception time in an entry, a view. */
export function entryReceivedAt(entry: Buffer): Buffer {
  return entry.subarray(RECEIVED_AT, FLAGS_AT);
}

/** A pointer to the address of a replaceable record. */
export function encodePointer(record: RecordView, address: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(ADDRESS_AT + address.length);
  putHead(bytes, KIND.pointer, record);
  bytes.set(address, ADDRESS_AT);
  return bytes;
}

/** A pointer to the address where an entry is. */
export function encodePointerTo({ position, tail }: StoredEntry, address: Buffer): Buffer {
  return Buffer.concat([Buffer.of(KIND.pointer), position.subarray(FIELD_BYTES), tail, address]);
}

/** What holds an address: the first bytes of its ID, then its entry. */
export function encodeHolder(record: RecordView, entry: Buffer): Buffer {
  return Buffer.concat([record.bytes.subarray(0, FIELD_BYTES), entry]);
}

/** The entry of what holds an address. */
export function decodeHolder(value: Buffer): StoredEntry {
  return decodeEntry(value.subarray(0, FIELD_BYTES), value, FIELD_BYTES).entry;
}

/** Takes apart what stands at a field of table `i`. */
export function decodeItems(
  field: Buffer,
  value: Buffer,
): { entries: StoredEntry[]; pointers: StoredPointer[] } {
  const entries: StoredEntry[] = [];
  const pointers: StoredPointer[] = [];
  for (let at = 0; at < value.length; ) {
    if (value[at] === KIND.entry) {
      const { entry, end } = decodeEntry(field, value, at);
      entries.push(entry);
      at = end;
    } else {
      const end = at + ADDRESS_AT + FIELD_BYTES;
      if (value[at] !== KIND.pointer || end > value.length) throw malformed();
      const position = positionOf(field, value, at);
      pointers.push({ position, address: value.subarray(at + ADDRESS_AT, end) });
      at = end;
    }
  }
  return { entries, pointers };
}

/**
 * An entry as a scan returns it.
 *
 * @param isReceived whether its position is one on path `received`
 */
export function indexEntry(entry: StoredEntry, isReceived: boolean): IndexEntry {
  const { position, receivedAt, place } = entry;
  const start = isReceived ? RECEIVED_AT_BYTES : 0;
  const bytes = Buffer.allocUnsafe(start + POSITION_BYTES + place.length);
  if (isReceived) bytes.set(receivedAt);
  bytes.set(position, start);
  bytes.set(place, start + POSITION_BYTES);
  return new PageEntry(bytes, 0, start + POSITION_BYTES);
}

/** Whether an entry is the one of a whole ID. */
export function isEntryOf({ position, tail }: StoredEntry, id: Uint8Array): boolean {
  return (
    compareAt(position, 0, id, 0, POSITION_BYTES) === 0 &&
    compareAt(tail, 0, id, REFERENCE_BYTES - TAIL_BYTES, TAIL_BYTES) === 0
  );
}

function putHead(bytes: Buffer, kind: number, { bytes: record }: RecordView): void {
  bytes[0] = kind;
  for (let i = 0; i < REST_BYTES; i++) bytes[REST_AT + i] = record[FIELD_BYTES + i]!;
  for (let i = 0; i < TAIL_BYTES; i++) {
    bytes[TAIL_AT + i] = record[REFERENCE_BYTES - TAIL_BYTES + i]!;
  }
}

function decodeEntry(
  field: Buffer,
  value: Buffer,
  at: number,
): { entry: StoredEntry; end: number } {
  if (at + LOCATION_AT > value.length) throw malformed();
  const end = at + LOCATION_AT + flagsLocationBytes(value[at + FLAGS_AT]!);
  if (value[at] !== KIND.entry || end > value.length) throw malformed();
  const entry = {
    position: positionOf(field, value, at),
    tail: value.subarray(at + TAIL_AT, at + RECEIVED_AT),
    receivedAt: value.subarray(at + RECEIVED_AT, at + FLAGS_AT),
    place: value.subarray(at + FLAGS_AT, end),
  };
  return { entry, end };
}

function positionOf(field: Buffer, value: Buffer, at: number): Buffer {
  return Buffer.concat([field, value.subarray(at + REST_AT, at + TAIL_AT)]);
}

function malformed(): MosaicError {
  return new MosaicError('corrupt', 'index-corrupt', 'an entry of the record index is malformed');
}
