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

/**
 * Refuses what its fields alone make invalid: reserved bits, a date too far ahead, a key schedule
 * or profile that its author did not sign.
 *
 * @param latest the latest acceptable timestamp
 * @returns INVALID, or undefined where nothing speaks against the record
 */
export function fieldsRefusal(record: RecordView, latest: Timestamp): ResultCode | undefined {
  if (recordFieldsFault(record) !== undefined || record.timestamp > latest) return RESULT.INVALID;
  const needsAuthor = record.isKeySchedule || record.isProfile;
  return needsAuthor && !record.signedByAuthor ? RESULT.INVALID : undefined;
}

/**
 * Refuses a FROM_AUTHOR record that somebody else submits.
 *
 * @param identities the master keys that the submitter acts for; empty: anonymous
 */
export function submitterRefusal(
  record: RecordView,
  identities: readonly PublicKey[],
): ResultCode | undefined {
  if (!record.fromAuthor) return undefined;
  if (identities.length === 0) return RESULT.REQUIRES_AUTHENTICATION;
  const isAuthor = identities.some((key) => equalBytes(key, record.author));
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
