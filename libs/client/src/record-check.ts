/**
 * What the client checks of a record before it hands it on: a server may be wrong, or lie.
 */
import {
  compileFilter,
  type FilterMatcher,
  type FilterView,
  h64,
  MosaicError,
  recordFaultOf,
  recordFieldsFault,
  recordIdFault,
  type RecordView,
  type ValidationTools,
} from '@mosaic-cluster/protocol';
import { boundFilter } from './filter-bounds.ts';

/** How thoroughly received records are checked. */
export interface RecordChecks {
  /** Whether signatures are verified, too: a millisecond a record without native `tools`. */
  readonly verify: boolean;
  /** Replacements for the slow parts of validation. */
  readonly tools: ValidationTools;
}

/** The error of a server that sent a record it should not have sent. */
export function serverRecordFault(why: string, cause?: unknown): MosaicError {
  return new MosaicError('invalid', 'server-record', `the server sent a record ${why}`, { cause });
}

/**
 * Checks a record as thoroughly as `checks` ask for: structure and the hash in its ID always.
 *
 * @throws MosaicError `invalid` with code `server-record`
 */
export function checkRecord(record: RecordView, checks: RecordChecks): void {
  const { tools } = checks;
  const fault = checks.verify
    ? recordFaultOf(record, tools)
    : (recordFieldsFault(record) ?? recordIdFault(record, (tools.hash ?? h64)(record.signedData)));
  if (fault !== undefined) throw serverRecordFault(`that is not valid: ${fault.message}`, fault);
}

/** Compares records with a filter as far as the client can. */
export class FilterCheck {
  readonly #matcher: FilterMatcher;

  constructor(filter: FilterView) {
    // When a server received a record, the client cannot know.
    const known = boundFilter(filter, { anyReception: true }) ?? filter;
    this.#matcher = compileFilter(known);
  }

  /** @throws MosaicError `invalid` with code `server-record` where the record does not match */
  check(record: RecordView): void {
    const fault = recordFieldsFault(record);
    if (fault !== undefined) throw serverRecordFault(`that is not valid: ${fault.message}`, fault);
    if (!this.#matcher.matches(record, 0n)) {
      throw serverRecordFault('that does not match the filter');
    }
  }
}
