/** Live messages as bytes; the layouts are in docs/bus.md. Decoded values are views. */
import {
  parseRecord,
  type PublicKey,
  readTimestamp,
  readU16,
  readU32,
  readU48,
  type Timestamp,
  writeU16,
  writeU32,
  writeU48,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import { type LiveRecord, ROLE_NAMES } from './contract.ts';
import { expectMessage, malformed, sectionOf, startMessage, WIRE, WIRE_KEY_BYTES } from './wire.ts';

/** Bytes of a publisher's name. */
export const PUBLISHER_BYTES = 8;
/** Bytes of a live message before its readers and its record. */
export const LIVE_HEAD_BYTES = 32;
const BEAT_BYTES = 40;
const IS_PRIVATE = 1;
const IS_EPHEMERAL = 2;
const IS_FAREWELL = 1;
const IS_REPEATED = 2;
const READERS_MAX = 0xffff;

/** Where a live message belongs. */
export interface LivePlace {
  /** 8 bytes. */
  readonly publisher: Uint8Array;
  /** The number of its batch; 0 for ephemeral records, which are not numbered. */
  readonly number: number;
  /** Its place in the batch. */
  readonly index: number;
}

/** What one live message says. */
export interface LiveMessage extends LivePlace {
  readonly isEphemeral: boolean;
  readonly live: LiveRecord;
}

/** Bytes that a live record takes. */
export function liveBytes({ record, readers }: LiveRecord): number {
  return LIVE_HEAD_BYTES + (readers?.length ?? 0) * WIRE_KEY_BYTES + record.bytes.length;
}

/** A live record; it is copied. */
export function encodeLive(live: LiveRecord, place: LivePlace, isEphemeral: boolean): Uint8Array {
  const { record, readers } = live;
  if (readers !== undefined && readers.length > READERS_MAX) {
    throw malformed(`${readers.length} readers`);
  }
  const bytes = startMessage(WIRE.live, liveBytes(live), LIVE_HEAD_BYTES);
  writeHead(bytes, live, place);
  if (isEphemeral) bytes[3]! |= IS_EPHEMERAL;
  writeU16(bytes, 30, readers?.length ?? 0);
  let at = LIVE_HEAD_BYTES;
  for (const reader of readers ?? []) {
    bytes.set(reader, at);
    at += WIRE_KEY_BYTES;
  }
  bytes.set(record.bytes, at);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`), `invalid` for a record whose lengths don't fit */
export function decodeLive(bytes: Uint8Array): LiveMessage {
  expectMessage(bytes, WIRE.live, LIVE_HEAD_BYTES);
  const role = ROLE_NAMES[bytes[2]!];
  if (role === undefined) throw malformed(`role ${bytes[2]}`);
  const flags = bytes[3]!;
  const keys = sectionOf(bytes, LIVE_HEAD_BYTES, readU16(bytes, 30) * WIRE_KEY_BYTES);
  const readers: PublicKey[] = [];
  for (let at = 0; at < keys.length; at += WIRE_KEY_BYTES) {
    readers.push(keys.subarray(at, at + WIRE_KEY_BYTES));
  }
  return {
    ...readPlace(bytes),
    isEphemeral: (flags & IS_EPHEMERAL) !== 0,
    live: {
      role,
      record: parseRecord(bytes.subarray(LIVE_HEAD_BYTES + keys.length)),
      receivedAt: readTimestamp(bytes, 8),
      readers: (flags & IS_PRIVATE) === 0 ? undefined : readers,
    },
  };
}

/** Says that a private record was received, and nothing else of it. */
export function encodeWithheld(live: LiveRecord, place: LivePlace): Uint8Array {
  const bytes = startMessage(WIRE.withheld, LIVE_HEAD_BYTES, LIVE_HEAD_BYTES);
  writeHead(bytes, live, place);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`) */
export function decodeWithheld(bytes: Uint8Array): LivePlace & { readonly receivedAt: Timestamp } {
  expectMessage(bytes, WIRE.withheld, LIVE_HEAD_BYTES);
  return { ...readPlace(bytes), receivedAt: readTimestamp(bytes, 8) };
}

/** A publisher's sign of life. */
export interface Beat {
  /** 8 bytes. */
  readonly publisher: Uint8Array;
  /** Of the last batch it published; 0: none yet. */
  readonly number: number;
  readonly sentAt: Timestamp;
  readonly startedAt: Timestamp;
  /** Whether an earlier beat has ended that batch: whoever did not hear that one missed it. */
  readonly isRepeated: boolean;
  /** Nothing will follow. */
  readonly isFarewell: boolean;
}

/** A beat. */
export function encodeBeat(beat: Beat): Uint8Array {
  const bytes = startMessage(WIRE.beat, BEAT_BYTES, BEAT_BYTES);
  bytes[2] = (beat.isFarewell ? IS_FAREWELL : 0) | (beat.isRepeated ? IS_REPEATED : 0);
  writeU64BE(bytes, 8, beat.sentAt);
  bytes.set(beat.publisher, 16);
  writeU48(bytes, 24, beat.number);
  writeU64BE(bytes, 32, beat.startedAt);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`) */
export function decodeBeat(bytes: Uint8Array): Beat {
  expectMessage(bytes, WIRE.beat, BEAT_BYTES);
  return {
    publisher: bytes.subarray(16, 24),
    number: readU48(bytes, 24),
    sentAt: readTimestamp(bytes, 8),
    startedAt: readTimestamp(bytes, 32),
    isRepeated: (bytes[2]! & IS_REPEATED) !== 0,
    isFarewell: (bytes[2]! & IS_FAREWELL) !== 0,
  };
}

/** Asks all publishers for a beat. */
export function encodeSync(): Uint8Array {
  return startMessage(WIRE.sync, 4, 4);
}

/** How many subscribers an ephemeral record reached at one gateway. */
export function encodeReached(subscribers: number): Uint8Array {
  const bytes = startMessage(WIRE.reached, 8, 8);
  writeU32(bytes, 4, subscribers);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`) */
export function decodeReached(bytes: Uint8Array): number {
  expectMessage(bytes, WIRE.reached, 8);
  return readU32(bytes, 4);
}

function writeHead(bytes: Uint8Array, live: LiveRecord, place: LivePlace): void {
  bytes[2] = ROLE_NAMES.indexOf(live.role);
  bytes[3] = live.readers === undefined ? 0 : IS_PRIVATE;
  writeU32(bytes, 4, place.index);
  writeU64BE(bytes, 8, live.receivedAt);
  bytes.set(place.publisher, 16);
  writeU48(bytes, 24, place.number);
}

function readPlace(bytes: Uint8Array): LivePlace {
  return {
    publisher: bytes.subarray(16, 24),
    number: readU48(bytes, 24),
    index: readU32(bytes, 4),
  };
}
