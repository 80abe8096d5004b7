/**
 * Moments as people write them, RFC 3339 in UTC, to and from Mosaic timestamps, leap seconds
 * included: 23:59:60 is written and read where there was one.
 */
import {
  MosaicError,
  type Timestamp,
  TIMESTAMP_MAX,
  timestampFromMillis,
  timestampFromUnix,
  timestampToUnix,
} from '@mosaic-cluster/protocol';
import { usageError } from './exit-code.ts';

const SECOND: bigint = 1_000_000_000n;

/** A timestamp as `2025-06-15T19:06:40.526656623Z`; zeros at the fraction's end are left out. */
export function formatMoment(timestamp: Timestamp): string {
  const { seconds, nanoseconds } = timestampToUnix(timestamp);
  const date = new Date(Number(seconds) * 1000).toISOString();
  const isLeapSecond = timestampFromUnix(seconds, nanoseconds) !== timestamp;
  const fraction = nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0')}`;
  const clock = isLeapSecond ? `${date.slice(11, 17)}60` : date.slice(11, 19);
  return `${date.slice(0, 11)}${clock}${fraction.replace(/0+$/, '')}Z`;
}

/** Leap seconds that a timestamp has counted. */
export function leapSeconds(timestamp: Timestamp): number {
  const { seconds, nanoseconds } = timestampToUnix(timestamp);
  return Number((timestamp - seconds * SECOND - BigInt(nanoseconds)) / SECOND);
}

const SHAPE =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2}))?$/;

const REMEDY =
  'Give now, nanoseconds, a date (2026-11-22) or a time with zone (2026-11-22T18:30:00.5Z).';

/**
 * Reads a moment: `now`, a date (its first moment in UTC), an RFC 3339 time, or the decimal
 * nanoseconds of a Mosaic timestamp.
 *
 * @param option who asks, for the error
 * @param nowMillis the clock, milliseconds since 1970
 * @throws MosaicError `invalid` with code `usage`
 */
export function parseMoment(option: string, text: string, nowMillis: number): Timestamp {
  if (text === 'now') return timestampFromMillis(nowMillis);
  if (/^\d+$/.test(text)) {
    const timestamp = BigInt(text.slice(0, 30));
    if (timestamp <= TIMESTAMP_MAX) return timestamp;
    throw usageError(option, `"${text}" is more than 2^63-1 nanoseconds`, REMEDY);
  }
  const match = SHAPE.exec(text);
  if (match === null) throw usageError(option, `"${text}" is no time that I can read`, REMEDY);
  try {
    return fromParts(match);
  } catch (error) {
    if (!(error instanceof MosaicError)) throw error;
    throw usageError(option, `"${text}": ${error.message}`, REMEDY);
  }
}

function fromParts(match: RegExpExecArray): Timestamp {
  const [, date = '', hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match;
  const nanoseconds = Number(fraction.padEnd(9, '0'));
  const isLeapSecond = second === '60';
  const clock = `${hour}:${minute}:${isLeapSecond ? '59' : second}`;
  const millis = Date.parse(`${date}T${clock}${zone.toUpperCase()}`);
  const zoneless = Date.parse(`${date}T${clock}Z`);
  // Date.parse lets days and hours run over their end; reading back shows it.
  const isReal =
    Number.isFinite(millis) && new Date(zoneless).toISOString().startsWith(`${date}T${clock}`);
  if (!isReal) throw new MosaicError('invalid', 'timestamp', 'there is no such day or hour');
  const unixSeconds = BigInt(millis / 1000);
  const timestamp = timestampFromUnix(unixSeconds, nanoseconds);
  if (!isLeapSecond) return timestamp;
  const step = timestampFromUnix(unixSeconds + 1n) - timestampFromUnix(unixSeconds);
  if (step === 2n * SECOND) return timestamp + SECOND;
  throw new MosaicError('invalid', 'timestamp', 'no leap second was inserted there');
}
