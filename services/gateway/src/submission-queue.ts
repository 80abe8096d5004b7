/**
 * Gathers submissions for one role. While batches are on their way, what arrives waits and goes
 * together with the next: a lone record waits for nothing, a flood shares the cost of its calls.
 */
import type { Submission } from '@mosaic-cluster/bus';
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import type { Clock } from './clock.ts';
import { resultOfError } from './errors-to-results.ts';
import type { GatewayLimits } from './limits.ts';

/** What a queue needs. */
export interface SubmissionQueueOptions<T extends Submission> {
  /** Asks the role; one result per submission, in order. */
  readonly submit: (batch: readonly T[]) => Promise<readonly ResultCode[]>;
  /** Told of every submission's result, a batch's results one right after the other. */
  readonly settle: (submission: T, result: ResultCode) => void;
  /** Told of an error that took a whole batch. */
  readonly failed: (error: unknown) => void;
  /** Told of every batch that is sent, and how many are in it. */
  readonly sent: (submissions: number) => void;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
}

/** A bounded queue in front of one role. */
export class SubmissionQueue<T extends Submission> {
  readonly #options: SubmissionQueueOptions<T>;
  #waiting: T[] = [];
  #waitingBytes = 0;
  #batchesInFlight = 0;
  #isScheduled = false;

  constructor(options: SubmissionQueueOptions<T>) {
    this.#options = options;
  }

  /** How many submissions wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a submission; false where the queue is full and it was not taken. */
  offer(submission: T): boolean {
    const { limits, clock } = this.#options;
    const bytes = submission.record.bytes.length;
    if (this.#waiting.length >= limits.submissionQueueRecordsMax) return false;
    if (this.#waitingBytes + bytes > limits.submissionQueueBytesMax) return false;
    this.#waiting.push(submission);
    this.#waitingBytes += bytes;
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
    while (this.#hasRoom && this.#waiting.length > 0) void this.#send(this.#takeBatch());
  }

  #takeBatch(): T[] {
    const { submissionBatchRecordsMax, submissionBatchBytesMax } = this.#options.limits;
    let count = 0;
    let bytes = 0;
    for (const { record } of this.#waiting) {
      const total = bytes + record.bytes.length;
      if (count > 0 && total > submissionBatchBytesMax) break;
      bytes = total;
      count += 1;
      if (count === submissionBatchRecordsMax) break;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
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
      failed(error);
    }
    this.#batchesInFlight -= 1;
    // The next batch first: the role works while results are written.
    this.#sendBatches();
    batch.forEach((submission, i) => settle(submission, results[i] ?? missing));
  }
}
