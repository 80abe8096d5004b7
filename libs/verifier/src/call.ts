/**
 * One call of `verify` on its way: its records are answered one by one, by whichever batch they
 * went into, and the caller gets all verdicts at once.
 */
import type { MosaicError, RecordView } from '@mosaic-cluster/protocol';
import type { Admission } from './admission.ts';
import type { Verdict } from './verifier.ts';

/** A record in the queue, and whose it is. */
export interface Item {
  readonly record: RecordView;
  readonly call: Call;
  /** Position among the call's records. */
  readonly index: number;
}

/** The verdicts of one call, as far as they are known. */
export class Call {
  /** Settles when every record was answered; rejects with the first failure among them. */
  readonly verdicts: Promise<readonly Verdict[]>;
  readonly #admission: Admission;
  readonly #known: Verdict[];
  #left: number;
  #failure: MosaicError | undefined;
  #resolve!: (verdicts: readonly Verdict[]) => void;
  #reject!: (error: MosaicError) => void;

  /** @param admission has taken the call's `count` records on, and gets them back one by one */
  constructor(admission: Admission, count: number) {
    this.#admission = admission;
    this.#known = Array.from({ length: count });
    this.#left = count;
    this.verdicts = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The verdict on one of the records. Each is answered or failed exactly once. */
  answer(item: Item, verdict: Verdict): void {
    this.#known[item.index] = verdict;
    this.#settle(item);
  }

  /** There will be no verdict on one of the records, so there is none on the call. */
  fail(item: Item, error: MosaicError): void {
    this.#failure ??= error;
    this.#settle(item);
  }

  #settle(item: Item): void {
    this.#left -= 1;
    if (this.#left === 0) {
      if (this.#failure === undefined) this.#resolve(this.#known);
      else this.#reject(this.#failure);
    }
    this.#admission.leave(item.record);
  }
}
