/** Cases of `timestamps`: unix time to Mosaic timestamp to bytes, and back. */
import {
  decodeTimestamp,
  encodeTimestamp,
  timestampFromUnix,
  timestampToUnix,
} from '../timestamp.ts';
import { type CaseFields, parseDecimal, VectorFailure } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';

function fromUnix(fields: CaseFields): void {
  const seconds = fields.decimal('unix_secs');
  const nanoseconds = fields.integer('unix_nanos');
  if (fields.has('spec') && !fields.accepts()) {
    fields.skip('timestamp', 'bytes', 'leap_seconds');
    expectReject('unix time', () => timestampFromUnix(seconds, nanoseconds));
    return;
  }
  const want = fields.decimal('timestamp');
  const got = expectAccept('unix time', () => timestampFromUnix(seconds, nanoseconds));
  expectSame('timestamp', got, want);
  expectBytes('bytes', encodeTimestamp(got), fields.hex('bytes'));
  const leapSeconds = got / 1_000_000_000n - seconds;
  expectSame('leap seconds', leapSeconds, BigInt(fields.integer('leap_seconds')));
  const back = timestampToUnix(got);
  expectSame('unix seconds again', back.seconds, seconds);
  expectSame('unix nanoseconds again', back.nanoseconds, nanoseconds);
}

function toUnix(fields: CaseFields): void {
  const timestamp = fields.decimal('timestamp');
  const isInLeapSecond = fields.boolean('in_leap_second');
  expectBytes('bytes', encodeTimestamp(timestamp), fields.hex('bytes'));
  const { seconds, nanoseconds } = timestampToUnix(timestamp);
  expectSame('unix nanoseconds', nanoseconds, fields.integer('unix_nanos'));
  expectSame('several answers', fields.has('unix_secs_any_of'), isInLeapSecond);
  if (isInLeapSecond) {
    const allowed = fields
      .list('unix_secs_any_of')
      .map((value) => parseDecimal(value, 'unix_secs_any_of'));
    if (!allowed.includes(seconds)) {
      throw new VectorFailure(`unix seconds: ${seconds} is none of ${allowed.join(', ')}`);
    }
  } else {
    expectSame('unix seconds', seconds, fields.decimal('unix_secs'));
  }
  // Unix time has no name for a leap second, so only other moments come back.
  if (isInLeapSecond) return;
  expectSame('timestamp again', timestampFromUnix(seconds, nanoseconds), timestamp);
}

function rawBytes(fields: CaseFields): void {
  const bytes = fields.hex('bytes');
  const timestamp = fields.decimal('timestamp');
  if (!fields.accepts()) {
    expectReject('bytes', () => decodeTimestamp(bytes));
    expectReject('timestamp', () => encodeTimestamp(timestamp));
    return;
  }
  expectSame(
    'timestamp',
    expectAccept('bytes', () => decodeTimestamp(bytes)),
    timestamp,
  );
  expectBytes('bytes', encodeTimestamp(timestamp), bytes);
}

/** Runs one case of the set `timestamps`. */
export function runTimestampCase(fields: CaseFields): void {
  const type = fields.text('type');
  switch (type) {
    case 'from_unix':
      return fromUnix(fields);
    case 'to_unix':
      return toUnix(fields);
    case 'bytes':
      return rawBytes(fields);
    default:
      throw new VectorFailure(`unknown type "${type}"`);
  }
}
