/** A stretch of a seed's records, and how to hand out fresh ones. */
import { LoadError } from '../load-error.ts';
import { RECORDS_MAX } from './record-plan.ts';

/** Records `first` to `first + count - 1`. */
export interface RecordRange {
  readonly first: number;
  readonly count: number;
}

/** Hands out ranges, each record once: a server answers a record that it holds differently. */
export class RecordCursor {
  #next: number;

  constructor(first: number) {
    this.#next = first;
  }

  /** @throws LoadError where the seed has no more records */
  take(count: number): RecordRange {
    const first = this.#next;
    if (first + count > RECORDS_MAX) throw new LoadError('the seed has no more records');
    this.#next += count;
    return { first, count };
  }
}
