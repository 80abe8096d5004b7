/**
 * Gathers submissions for one role. While batches are on their way, what arrives waits and goes
 * together with the next: a lone record waits for nothing, a flood shares the cost of its calls.
 * Addresses, and keys that somebody vouches for, take turns: who sends many waits for himself. Nobody
 * has more than half of what roles have in hand, and who has nothing on its way does not even wait for
 * the batches of others: one batch more is for those.
 */
import type { Submission } from '@mosaic-cluster/bus';
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import type { Clock } from '../clock.ts';
import { CrowdQueue } from './crowd-queue.ts';
import { resultOfError } from '../errors-to-results.ts';
import { FairShare, halfFree } from '../sharing/fair-share.ts';
import type { GatewayLimits } from '../limits.ts';

/** What a queue needs. */
export interface SubmissionQueueOptions<T extends Submission> {
  /** Asks the role; one result per submission, in order. */
  readonly submit: (batch: readonly T[]) => Promise<readonly ResultCode[]>;
  /** Told of every submission's result, a batch's results one right after the other. */
  readonly settle: (submission: T, result: ResultCode) => void;
  /** Told of an error that took a whole batch. */
  readonly failed: (error: unknown, batch: readonly T[]) => void;
  /** Told of every batch that is sent, and how many are in it. */
  readonly sent: (submissions: number) => void;
  /** Who takes turns with others. */
  readonly sharesAs: (submission: T) => string;
  /** What takes turns with others of the same: whoever sent it. */
  readonly connectionOf: (submission: T) => object;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
}

/** See {@link halfFree}; the table of limits says it to people. */
const QUEUE_PARTS = 16;

/** A bounded queue in front of one role. */
export class SubmissionQueue<T extends Submission> {
  readonly #options: SubmissionQueueOptions<T>;
  readonly #waiting = new CrowdQueue<T>();
  /** Their turn had come, and they did not fit in the batch: one of each kind of batch at most. */
  readonly #leftOver: Taken<T>[] = [];
  readonly #records: FairShare;
  readonly #bytes: FairShare;
  /** How many records of whom are on their way. */
  readonly #inFlight = new Map<string, number>();
  #batchesInFlight = 0;
  /** The batch beyond the bound, of those who had nothing on its way. */
  #isExtraInFlight = false;
  #isScheduled = false;

  constructor(options: SubmissionQueueOptions<T>) {
    this.#options = options;
    const { submissionQueueRecordsMax, submissionQueueBytesMax } = options.limits;
    this.#records = new FairShare(halfFree(submissionQueueRecordsMax, QUEUE_PARTS));
    this.#bytes = new FairShare(halfFree(submissionQueueBytesMax, QUEUE_PARTS));
  }

  /** How many submissions wait. */
  get waiting(): number {
    return this.#records.total;
  }

  /** Takes a submission; false where the queue is full and it was not taken. */
  offer(submission: T): boolean {
    const { clock, sharesAs, connectionOf } = this.#options;
    const { length } = submission.record.bytes;
    const who = sharesAs(submission);
    if (!this.#records.hasRoom(who, 1) || !this.#bytes.hasRoom(who, length)) return false;
    this.#records.take(who, 1);
    this.#bytes.take(who, length);
    this.#waiting.add(who, connectionOf(submission), submission);
    if (!this.#isScheduled && (this.#hasRoom || this.#mayOvertake(who))) {
      this.#isScheduled = true;
      clock.defer(() => {
        this.#isScheduled = false;
        this.#sendBatches();
      });
    }
    return true;
  }

  get #hasRoom(): boolean {
    return this.#batchesInFlight < this.#options.limits.submissionBatchesInFlightMax;
  }

  #mayOvertake(who: string): boolean {
    return !this.#isExtraInFlight && !this.#inFlight.has(who);
  }

  #sendBatches(): void {
    while (this.#hasRoom && this.waiting > 0) {
      const batch = this.#takeBatch((who) => this.#onWay(who) < this.#onWayMax);
      if (batch.length === 0) break;
      void this.#send(batch, false);
    }
    if (this.#isExtraInFlight || this.waiting === 0) return;
    // One record each, so that the extra batch is over soon.
    const extra = this.#takeBatch((who) => !this.#inFlight.has(who));
    if (extra.length > 0) void this.#send(extra, true);
  }

  #onWay(who: string): number {
    return this.#inFlight.get(who) ?? 0;
  }

  /** Half of what roles have in hand: the other half is for others, who may come any moment. */
  get #onWayMax(): number {
    const { submissionBatchRecordsMax, submissionBatchesInFlightMax } = this.#options.limits;
    return Math.max(1, (submissionBatchRecordsMax * submissionBatchesInFlightMax) / 2);
  }

  #takeBatch(mayHave: (who: string) => boolean): Taken<T>[] {
    const { submissionBatchRecordsMax, submissionBatchBytesMax } = this.#options.limits;
    const batch: Taken<T>[] = [];
    let bytes = 0;
    while (batch.length < submissionBatchRecordsMax) {
      const next = this.#next(mayHave);
      if (next === undefined) break;
      const { length } = next.thing.record.bytes;
      if (batch.length > 0 && bytes + length > submissionBatchBytesMax) {
        this.#leftOver.push(next);
        break;
      }
      bytes += length;
      batch.push(next);
      this.#inFlight.set(next.who, this.#onWay(next.who) + 1);
      this.#records.give(next.who, 1);
      this.#bytes.give(next.who, length);
    }
    return batch;
  }

  #next(mayHave: (who: string) => boolean): Taken<T> | undefined {
    const at = this.#leftOver.findIndex(({ who }) => mayHave(who));
    return at < 0 ? this.#waiting.take(mayHave) : this.#leftOver.splice(at, 1)[0];
  }

  async #send(taken: readonly Taken<T>[], isExtra: boolean): Promise<void> {
    const { submit, settle, failed, sent } = this.#options;
    const batch = taken.map(({ thing }) => thing);
    if (isExtra) this.#isExtraInFlight = true;
    else this.#batchesInFlight += 1;
    sent(batch.length);
    let results: readonly ResultCode[] = [];
    let missing: ResultCode = RESULT.GENERAL_ERROR;
    try {
      results = await submit(batch);
    } catch (error) {
      missing = resultOfError(error);
      failed(error, batch);
    }
    if (isExtra) this.#isExtraInFlight = false;
    else this.#batchesInFlight -= 1;
    for (const { who } of taken) {
      const others = this.#onWay(who) - 1;
      if (others > 0) this.#inFlight.set(who, others);
      else this.#inFlight.delete(who);
    }
    // The next batch first: the role works while results are written.
    this.#sendBatches();
    batch.forEach((submission, i) => settle(submission, results[i] ?? missing));
  }
}

/** A submission whose turn has come, and whose it is. */
interface Taken<T> {
  readonly who: string;
  readonly thing: T;
}
