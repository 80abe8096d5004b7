/** The checks of a submitted record that cost next to nothing, made before anybody queues it. */
import {
  ATTESTATION_BYTES,
  equalAt,
  KEY_ENTRY_HEAD_BYTES,
  RECORD_AT,
  recordFieldsFault,
  type RecordView,
  SIGNATURE_BYTES,
} from '@mosaic-cluster/protocol';

/**
 * Whether a record whose lengths fit is plainly invalid. Keys, hash and signature are for the
 * roles, which have worker threads for them.
 */
export function isPlainlyInvalid(record: RecordView): boolean {
  if (recordFieldsFault(record) !== undefined) return true;
  if (record.signatureLength !== SIGNATURE_BYTES) return true;
  return !equalAt(record.bytes, RECORD_AT.id, record.bytes, RECORD_AT.timestamp, 8);
}

/** How many signatures there may be in a key schedule, each checked apart from the record's own. */
export function attestationsMax({ isKeySchedule, payloadLength }: RecordView): number {
  if (!isKeySchedule) return 0;
  return Math.floor(payloadLength / (KEY_ENTRY_HEAD_BYTES + ATTESTATION_BYTES));
}
