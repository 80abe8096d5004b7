/** Records for the client's tests: cheap to make, all valid. */
import {
  buildRecord,
  generateSecretKey,
  KNOWN_KINDS,
  publicKeyOf,
  type RecordView,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';

/** Who writes the records. */
export const AUTHOR_SECRET: Uint8Array = generateSecretKey();
/** The author's key. */
export const AUTHOR: Uint8Array = publicKeyOf(AUTHOR_SECRET);

let count = 0;

/** A microblog record. @param at its timestamp, milliseconds since 1970 */
export function makeRecord(at: number, payload = ''): RecordView {
  count += 1;
  return buildRecord({
    kind: KNOWN_KINDS['microblog-root'],
    timestamp: timestampFromMillis(at),
    secretKey: AUTHOR_SECRET,
    payload: new TextEncoder().encode(`${count} ${payload}`),
  });
}

/** Alters a record in place. */
export function flipByte(record: RecordView, at: number): void {
  record.bytes[at] = (record.bytes[at] ?? 0) ^ 1;
}
