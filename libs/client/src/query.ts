/**
 * Queries that survive a lost connection. Stored records come newest first, so a query goes on with
 * "until the timestamp of the last record", leaving out those of that timestamp that it had.
 */
import {
  type FilterView,
  isSuccess,
  MosaicError,
  RESULT,
  type RecordView,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import { boundFilter } from './filter-bounds.ts';
import { FilterCheck, serverRecordFault } from './record-check.ts';
import { idText } from './recent-ids.ts';
import { ResultError } from './result-error.ts';
import type { Ask, Step, StreamScript } from './stream-script.ts';

/** Most that a limit can say. */
const LIMIT_MAX = 0xffff;
/** Records of one timestamp beyond which a query cannot be resumed there. */
const SAME_TIME_MAX = 65_536;

/** The state of one query. */
export class QueryScript implements StreamScript<RecordView> {
  readonly what = 'the query';
  readonly #filter: FilterView;
  readonly #limit: number;
  readonly #check: FilterCheck;
  /** Timestamp of the last record, and the IDs of those received with it. */
  #last: Timestamp | undefined;
  #sameTime = new Set<string>();
  #isOrdered = true;
  #received = 0;
  /** The limit of the request that is open, and how many records it has brought. */
  #askedLimit = 0;
  #answered = 0;

  /** @param limit 0: none */
  constructor(filter: FilterView, limit: number, check: FilterCheck = new FilterCheck(filter)) {
    this.#filter = filter;
    this.#limit = limit;
    this.#check = check;
  }

  begin(): Step<RecordView> {
    const left = this.#limit - this.#received;
    if (this.#limit > 0 && left <= 0) return { isDone: true };
    const filter =
      this.#last === undefined ? this.#filter : boundFilter(this.#filter, { until: this.#last });
    if (filter === undefined) throw cannotResume('its filter has no room for another limit');
    this.#askedLimit = this.#limit === 0 ? 0 : Math.min(LIMIT_MAX, left + this.#sameTime.size);
    this.#answered = 0;
    return { asks: [{ name: 'query', filter, limit: this.#askedLimit }] };
  }

  record(_ask: Ask, record: RecordView): Step<RecordView> {
    return this.accept(record) ? { items: [{ value: record, record }] } : {};
  }

  /** Takes note of a stored record. @returns whether it is new */
  accept(record: RecordView): boolean {
    this.#check.check(record);
    this.#answered += 1;
    if (this.#askedLimit > 0 && this.#answered > this.#askedLimit) {
      throw serverRecordFault('beyond the limit that it was given');
    }
    const { timestamp } = record;
    const id = idText(record.id);
    if (timestamp === this.#last) {
      if (this.#sameTime.has(id)) return false;
    } else {
      if (this.#last !== undefined && timestamp > this.#last) this.#isOrdered = false;
      this.#last = timestamp;
      this.#sameTime = new Set();
    }
    if (this.#sameTime.size < SAME_TIME_MAX) this.#sameTime.add(id);
    this.#received += 1;
    return true;
  }

  locallyComplete(): Step<RecordView> {
    throw serverMessageFault('Locally Complete for a query');
  }

  closed(_ask: Ask, result: number): Step<RecordView> {
    if (!isSuccess(result) && result !== RESULT.NOT_FOUND) throw new ResultError(this.what, result);
    // The limit of a resumed request may have been too small for what it had to repeat.
    const isCut = this.#askedLimit === LIMIT_MAX && this.#answered === LIMIT_MAX;
    return isCut && this.#received < this.#limit ? this.begin() : { isDone: true };
  }

  interrupted(): Step<RecordView> {
    if (!this.#isOrdered) throw cannotResume('the server does not keep to the order of results');
    if (this.#sameTime.size >= SAME_TIME_MAX) {
      throw cannotResume(`more than ${SAME_TIME_MAX} records share a timestamp`);
    }
    return {};
  }
}

/** The error of a request that was interrupted where it cannot go on. */
export function cannotResume(why: string): MosaicError {
  const message = `it was interrupted and cannot go on from there: ${why}`;
  return new MosaicError('unavailable', 'cannot-resume', message);
}

/** The error of a server that answers a request with a message of the wrong kind. */
export function serverMessageFault(what: string): MosaicError {
  const message = `the server broke the protocol: it sent ${what}`;
  return new MosaicError('invalid', 'server-message', message);
}
