/** What every role asks of a record before it spends a signature check on it. */
import {
  ATTESTATION_BYTES,
  equalBytes,
  KEY_ENTRY_HEAD_BYTES,
  isMosaicError,
  parseKeySchedule,
  parseProfile,
  type PublicKey,
  type RecordView,
  RESULT,
  type ResultCode,
  recordFieldsFault,
  type ScheduleTools,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { KeyDirectory } from './key-directory.ts';

/**
 * Most tags of a record where nothing else is said: more than fit when each names a key, which
 * takes 36 bytes and more of the 65,535 that a record has for its tags.
 */
export const RECORD_TAGS_MAX = 2048;

/** What a server asks of a record beyond the rules of the format. */
export interface FieldBounds {
  /** The latest acceptable timestamp. */
  readonly latest: Timestamp;
  /** Most tags: each is a row of the index, whose cost has nothing to do with the tag's length. */
  readonly tagsMax: number;
}

/**
 * Refuses what its fields alone make invalid: reserved bits, a date too far ahead, a key schedule
 * or profile that its author did not sign; and what has too many tags.
 *
 * @returns INVALID, TOO_LARGE, or undefined where nothing speaks against the record
 */
export function fieldsRefusal(record: RecordView, bounds: FieldBounds): ResultCode | undefined {
  const { latest, tagsMax } = bounds;
  if (recordFieldsFault(record) !== undefined || record.timestamp > latest) return RESULT.INVALID;
  const needsAuthor = record.isKeySchedule || record.isProfile;
  if (needsAuthor && !record.signedByAuthor) return RESULT.INVALID;
  return record.tagCount > tagsMax ? RESULT.TOO_LARGE : undefined;
}

/**
 * Refuses a FROM_AUTHOR record that somebody else submits.
 *
 * @param submitter the key that its connection proved; undefined: anonymous
 * @throws MosaicError as {@link KeyDirectory.actsForFresh}
 */
export async function submitterRefusal(
  record: RecordView,
  submitter: PublicKey | undefined,
  directory: KeyDirectory,
): Promise<ResultCode | undefined> {
  if (submitter === undefined) return RESULT.REQUIRES_AUTHENTICATION;
  const isAuthor =
    equalBytes(submitter, record.author) ||
    (await directory.actsForFresh(submitter, record.author));
  return isAuthor ? undefined : RESULT.UNAUTHORIZED;
}

/** Most payload bytes of a key schedule: each attestation in it costs a signature check. */
const SCHEDULE_BYTES_MAX: number = 128 * (KEY_ENTRY_HEAD_BYTES + ATTESTATION_BYTES);

/** Refuses a key schedule or profile whose payload is not one. The record must be valid. */
export function payloadRefusal(record: RecordView, tools: ScheduleTools): ResultCode | undefined {
  if (record.isKeySchedule && record.payloadLength > SCHEDULE_BYTES_MAX) return RESULT.TOO_LARGE;
  try {
    if (record.isKeySchedule) parseKeySchedule(record, tools);
    else if (record.isProfile) parseProfile(record);
    return undefined;
  } catch (error) {
    if (isMosaicError(error) && error.kind === 'invalid') return RESULT.INVALID;
    throw error;
  }
}
