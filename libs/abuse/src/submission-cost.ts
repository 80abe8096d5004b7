/** What a record costs as a submission, whoever pays: what it takes in the index, not its bytes alone. */
import type { RecordView } from '@mosaic-cluster/protocol';
import { indexRowsOf } from '@mosaic-cluster/store';

/** Index rows that cost as much as one record. */
const ROWS_PER_SUBMISSION = 64;

/**
 * As how many submissions a record counts for the rows that it takes in the index: one for each 64 of
 * them, at least one. Some ten rows are usual; each tag is one more, however short it is.
 *
 * @param record whose tag section parses
 */
export function submissionsOfRows(record: RecordView): number {
  return Math.max(1, Math.ceil(indexRowsOf(record) / ROWS_PER_SUBMISSION));
}
