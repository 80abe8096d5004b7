/**
 * Checks a few records on the caller's own thread: waking another thread and being woken by it
 * takes as much processor time as one or two signature checks. What would keep the caller's thread
 * for long is left to the pool: many records, large ones, and those that only the exact check can
 * judge.
 */
import { recordFaultOf, type RecordView, type ValidationTools } from '@mosaic-cluster/protocol';
import type { Verdict } from './verifier.ts';

/** What may be checked on the caller's thread in one turn of its event loop. */
export interface QuickLimits {
  readonly quickRecordsMax: number;
  readonly quickBytesMax: number;
}

/** Says that a record has to be judged by the pool. */
export const UNSURE: unique symbol = Symbol('unsure');

/** See the file's head. */
export class QuickCheck {
  readonly #tools: Required<ValidationTools>;
  readonly #limits: QuickLimits;
  #records = 0;
  #bytes = 0;

  /** @param tools throw where they would take long */
  constructor(tools: Required<ValidationTools>, limits: QuickLimits) {
    this.#tools = tools;
    this.#limits = limits;
  }

  /** Whether all of `records` may be checked in this turn of the event loop; they count then. */
  takes(records: readonly RecordView[]): boolean {
    const { quickRecordsMax, quickBytesMax } = this.#limits;
    if (this.#records + records.length > quickRecordsMax) return false;
    let bytes = this.#bytes;
    for (const record of records) bytes += record.bytes.length;
    if (bytes > quickBytesMax) return false;
    if (this.#records === 0) setImmediate(this.#nextTurn);
    this.#records += records.length;
    this.#bytes = bytes;
    return true;
  }

  /** The verdict on a record. A bug that its bytes bring out is for a thread that may end of it. */
  verdictOf(record: RecordView): Verdict | typeof UNSURE {
    try {
      return recordFaultOf(record, this.#tools);
    } catch {
      return UNSURE;
    }
  }

  readonly #nextTurn = (): void => {
    this.#records = 0;
    this.#bytes = 0;
  };
}
