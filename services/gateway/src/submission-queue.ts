/**
 * Gathers submissions for one role. While batches are on their way, what arrives waits and goes
 * together with the next: a lone record waits for nothing, a flood shares the cost of its calls.
 * Addresses, and keys that somebody vouches for, take turns: who sends many waits for himself.
 */
import type { Submission } from '@mosaic-cluster/bus';
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import type { Clock } from './clock.ts';
import { resultOfError } from './errors-to-results.ts';
import { FairShare, halfFree } from './fair-share.ts';
import type { GatewayLimits } from './limits.ts';
import { TurnQueue } from './turn-queue.ts';

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
  readonly limits: GatewayLimits;
  readonly clock: Clock;
}

/** See {@link halfFree}; the table of limits says it to people. */
const QUEUE_PARTS = 16;

/** A bounded queue in front of one role. */
export class SubmissionQueue<T extends Submission> {
  readonly #options: SubmissionQueueOptions<T>;
  readonly #waiting = new TurnQueue<T>();
  /** Its turn had come, and it did not fit in the batch. */
  #leftOver: { who: string; thing: T } | undefined;
  readonly #records: FairShare;
  readonly #bytes: FairShare;
  #batchesInFlight = 0;
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
    const { clock, sharesAs } = this.#options;
    const { length } = submission.record.bytes;
    const who = sharesAs(submission);
    if (!this.#records.hasRoom(who, 1) || !this.#bytes.hasRoom(who, length)) return false;
    this.#records.take(who, 1);
    this.#bytes.take(who, length);
    this.#waiting.add(who, submission);
    if (!this.#isScheduled && this.#hasRoom) {
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

  #sendBatches(): void {
    while (this.#hasRoom && this.waiting > 0) void this.#send(this.#takeBatch());
  }

  #takeBatch(): T[] {
    const { submissionBatchRecordsMax, submissionBatchBytesMax } = this.#options.limits;
    const batch: T[] = [];
    let bytes = 0;
    while (batch.length < submissionBatchRecordsMax) {
      const next = this.#leftOver ?? this.#waiting.take(anybody);
      this.#leftOver = undefined;
      if (next === undefined) break;
      const { length } = next.thing.record.bytes;
      if (batch.length > 0 && bytes + length > submissionBatchBytesMax) {
        this.#leftOver = next;
        break;
      }
      bytes += length;
      batch.push(next.thing);
      this.#records.give(next.who, 1);
      this.#bytes.give(next.who, length);
    }
    return batch;
  }

  async #send(batch: readonly T[]): Promise<void> {
    const { submit, settle, failed, sent } = this.#options;
    this.#batchesInFlight += 1;
    sent(batch.length);
    let results: readonly ResultCode[] = [];
    let missing: ResultCode = RESULT.GENERAL_ERROR;
    try {
      results = await submit(batch);
    } catch (error) {
      missing = resultOfError(error);
      failed(error, batch);
    }
    this.#batchesInFlight -= 1;
    // The next batch first: the role works while results are written.
    this.#sendBatches();
    batch.forEach((submission, i) => settle(submission, results[i] ?? missing));
  }
}

function anybody(): boolean {
  return true;
}
