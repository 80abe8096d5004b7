/**
 * Mosaic timestamps: nanoseconds since 1970-01-01 UTC with the inserted leap seconds counted, so
 * that they never run backwards and their differences are durations.
 *
 *     [0:8)  u64, big endian, first bit 0
 *
 * Source: Mosaic specification 0.8.0, "Timestamps"; insertions from the IANA `leap-seconds.list`.
 */
import { readU32BE, readU64BE, writeU64BE } from './bytes.ts';
import { invalid, MosaicError } from './error.ts';

/** Nanoseconds, 0 to 2⁶³−1. */
export type Timestamp = bigint;

/** The greatest timestamp: 2⁶³−1, in the year 2262. */
export const TIMESTAMP_MAX: Timestamp = 2n ** 63n - 1n;

const NANOS_PER_SECOND = 1_000_000_000n;

/** Unix seconds from which one more leap second counts: TAI offset − 9 at the n-th is n. */
const INSERTED_AT: readonly number[] = [
  63072000, 78796800, 94694400, 126230400, 157766400, 189302400, 220924800, 252460800, 283996800,
  315532800, 362793600, 394329600, 425865600, 489024000, 567993600, 631152000, 662688000, 709948800,
  741484800, 773020800, 820454400, 867715200, 915148800, 1136073600, 1230768000, 1341100800,
  1435708800, 1483228800,
];

/** Leap seconds that count at a unix time, in whole seconds. */
function leapSecondsAt(unixSeconds: bigint): bigint {
  let count = INSERTED_AT.length;
  while (count > 0 && unixSeconds < BigInt(INSERTED_AT[count - 1]!)) count -= 1;
  return BigInt(count);
}

/** A unix time as two whole numbers. */
export interface UnixTime {
  readonly seconds: bigint;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/**
 * The timestamp of a unix time.
 *
 * @param nanoseconds 0 to 999,999,999, whole
 * @throws MosaicError `invalid` with code `timestamp` for times before 1970 or after 2262
 */
export function timestampFromUnix(seconds: bigint, nanoseconds = 0): Timestamp {
  if (!Number.isInteger(nanoseconds) || nanoseconds < 0 || nanoseconds > 999_999_999) {
    throw new MosaicError('invalid', 'timestamp', `${nanoseconds} is no number of nanoseconds`);
  }
  const unixNanos = seconds * NANOS_PER_SECOND + BigInt(nanoseconds);
  const timestamp = unixNanos + leapSecondsAt(seconds) * NANOS_PER_SECOND;
  if (seconds < 0n || timestamp > TIMESTAMP_MAX) {
    throw new MosaicError('invalid', 'timestamp', 'the time is outside 1970 to 2262');
  }
  return timestamp;
}

/**
 * The timestamp of a JavaScript time in milliseconds since 1970, such as `Date.now()`; what is
 * below a millisecond is cut off.
 *
 * @throws MosaicError `invalid` with code `timestamp` for times before 1970 or after 2262
 */
export function timestampFromMillis(millis: number): Timestamp {
  if (!Number.isFinite(millis)) {
    throw new MosaicError('invalid', 'timestamp', `${millis} is no time`);
  }
  const whole = Math.floor(millis);
  const seconds = Math.floor(whole / 1000);
  return timestampFromUnix(BigInt(seconds), (whole - seconds * 1000) * 1_000_000);
}

/**
 * The unix time of a timestamp. Inside an inserted leap second, which unix time does not have,
 * the second before it is repeated.
 */
export function timestampToUnix(timestamp: Timestamp): UnixTime {
  const seconds = timestamp / NANOS_PER_SECOND;
  const nanoseconds = Number(timestamp % NANOS_PER_SECOND);
  for (let count = INSERTED_AT.length; count > 0; count--) {
    const unix = seconds - BigInt(count);
    const insertedAt = BigInt(INSERTED_AT[count - 1]!);
    if (unix >= insertedAt - 1n) return { seconds: unix, nanoseconds };
  }
  return { seconds, nanoseconds };
}

/** Milliseconds since 1970 of a timestamp, for `new Date(…)`; what is below is cut off. */
export function timestampToMillis(timestamp: Timestamp): number {
  const { seconds, nanoseconds } = timestampToUnix(timestamp);
  return Number(seconds) * 1000 + Math.floor(nanoseconds / 1_000_000);
}

/** Whether 8 bytes at `at` hold a valid timestamp: their first bit is 0. */
export function isTimestampAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at]! < 0x80;
}

/** Reads 8 bytes at `at`, whatever they are; see {@link isTimestampAt}. */
export function readTimestamp(bytes: Uint8Array, at: number): Timestamp {
  return readU64BE(bytes, at);
}

/**
 * Reads exactly 8 bytes as a timestamp.
 *
 * @throws MosaicError `invalid` with code `timestamp`
 */
export function decodeTimestamp(bytes: Uint8Array): Timestamp {
  if (bytes.length !== 8) throw invalid('timestamp', 'a timestamp has 8 bytes', 0, bytes.length);
  if (!isTimestampAt(bytes, 0)) throw invalid('timestamp', 'the first bit must be 0', 0, 1);
  return readU64BE(bytes, 0);
}

/**
 * The 8 bytes of a timestamp.
 *
 * @throws MosaicError `invalid` with code `timestamp` outside 0 to 2⁶³−1
 */
export function encodeTimestamp(timestamp: Timestamp): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64BE(bytes, 0, assertTimestamp(timestamp));
  return bytes;
}

/** @throws MosaicError `invalid` with code `timestamp` outside 0 to 2⁶³−1 */
export function assertTimestamp(timestamp: Timestamp): Timestamp {
  if (timestamp >= 0n && timestamp <= TIMESTAMP_MAX) return timestamp;
  throw new MosaicError('invalid', 'timestamp', `${timestamp} is outside 0 to 2^63-1`);
}

/** Compares the timestamp at `at` with one given as its two big-endian halves: <0, 0 or >0. */
export function compareTimestampAt(
  bytes: Uint8Array,
  at: number,
  high: number,
  low: number,
): number {
  const difference = readU32BE(bytes, at) - high;
  return difference === 0 ? readU32BE(bytes, at + 4) - low : difference;
}
