/** What a submission's result says of whoever sent it. */
import type { Offence } from '@mosaic-cluster/abuse';
import {
  type RecordView,
  RESULT,
  type ResultCode,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';

/**
 * The offence that a result of a role stands for; undefined: none. Somebody whose clock is fast sends
 * records that are invalid for their date alone, which costs no check of a signature. What is dated so
 * little ahead that roles take it was checked: if it is invalid it is a forgery like any other.
 *
 * @param latestMs how far ahead records may be dated at present, Unix time in milliseconds
 */
export function submissionOffence(
  record: RecordView,
  result: ResultCode,
  latestMs: number,
): Offence | undefined {
  switch (result) {
    case RESULT.INVALID:
      return record.timestamp > timestampFromMillis(latestMs)
        ? 'refused-submission'
        : 'invalid-record';
    case RESULT.UNAUTHORIZED:
    case RESULT.TOO_LARGE:
      return 'refused-submission';
    default:
      return undefined;
  }
}
