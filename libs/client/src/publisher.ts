/**
 * Submits records: bounded in number and bytes under way, slowed down where the server says
 * TOO_FAST, repeated over lost connections. Results name only the first 32 bytes of an ID, so of
 * records with the same prefix one at a time is under way.
 */
import {
  encodeSubmission,
  hexEncode,
  isRetryable,
  isSuccess,
  MosaicError,
  RESULT,
  type RecordView,
  resultName,
} from '@mosaic-cluster/protocol';
import type { ClientDeps } from './deps.ts';
import { onAbort } from './on-abort.ts';
import type { PublishOptions, PublishResult } from './publish.ts';
import { backoffMs, type RetryOptions } from './reconnect.ts';
import { ResultError } from './result-error.ts';
import type { Session } from './session.ts';
import { isTransient, type SessionKeeper, type SessionUser } from './session-keeper.ts';
import { SubmissionWindow } from './submission-window.ts';

/** Bounds of a publisher. */
export interface PublishLimits {
  /** Submissions under way at a time. */
  readonly inFlightMax: number;
  /** Bytes of those; one submission may always be under way. */
  readonly bytesInFlightMax: number;
  /** Records that wait to be sent; a further one is refused. */
  readonly queueMax: number;
}

interface Job {
  readonly record: RecordView;
  /** Hexadecimal of the ID's first 32 bytes. */
  readonly prefix: string;
  readonly acceptDuplicate: boolean;
  readonly resolve: (result: PublishResult) => void;
  readonly reject: (error: unknown) => void;
  /** By the client's clock: when it fails, whatever it waits for. */
  deadline: number;
  attempts: number;
  lastError: MosaicError | undefined;
  isOver: boolean;
  /** Stops the deadline, the delay and the signal. */
  stop: () => void;
}

/** Everything that a client submits. */
export class Publisher implements SessionUser {
  readonly #deps: ClientDeps;
  readonly #keeper: SessionKeeper;
  readonly #limits: PublishLimits;
  readonly #retry: RetryOptions;
  readonly #window: SubmissionWindow;
  /** Waiting to be sent, in order. */
  readonly #queue = new Set<Job>();
  /** Waiting until another record with the same prefix has its result. */
  readonly #held = new Map<string, Job[]>();
  /** Every job that has no outcome. */
  readonly #jobs = new Set<Job>();
  #idle: (() => void)[] = [];
  /** Ends the pause that the server asked for; undefined: there is none. */
  #endPause: (() => void) | undefined;
  /** Pauses since it took anything. */
  #pauses = 0;

  constructor(deps: ClientDeps, keeper: SessionKeeper, limits: PublishLimits, retry: RetryOptions) {
    this.#deps = deps;
    this.#keeper = keeper;
    this.#limits = limits;
    this.#retry = retry;
    this.#window = new SubmissionWindow(limits.inFlightMax, limits.bytesInFlightMax);
    keeper.add(this);
  }

  /**
   * Submits a record until it is accepted or refused.
   *
   * @throws ResultError; MosaicError `limited` with code `publish-queue`, `unavailable` with code
   *   `publish-timeout`, what ended the connection, or the reason of the signal
   */
  publish(record: RecordView, options: PublishOptions = {}): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      if (this.#keeper.failure !== undefined) throw this.#keeper.failure;
      if (this.#jobs.size >= this.#limits.queueMax + this.#limits.inFlightMax) {
        const message = `${this.#limits.queueMax} records wait to be published already`;
        throw new MosaicError('limited', 'publish-queue', message);
      }
      const job: Job = {
        record,
        prefix: hexEncode(record.id.subarray(0, 32)),
        acceptDuplicate: options.acceptDuplicate ?? true,
        resolve,
        reject,
        deadline: Number.POSITIVE_INFINITY,
        attempts: 0,
        lastError: undefined,
        isOver: false,
        stop: () => {},
      };
      this.#jobs.add(job);
      this.#limitTime(job, options);
      this.#enqueue(job);
    });
  }

  ready(): void {
    this.#send();
  }

  /** What cannot be sent in its time, as after a ban, need not wait for that. */
  delayed(delayMs: number, error: MosaicError): void {
    const next = this.#deps.now() + delayMs;
    for (const job of this.#jobs) {
      if (job.deadline >= next) continue;
      job.lastError = error;
      this.#fail(
        job,
        noResult(job, `before the next connection, in ${Math.ceil(delayMs / 1000)} s`),
      );
    }
  }

  failed(error: MosaicError): void {
    for (const job of this.#jobs) this.#fail(job, error);
  }

  /** Resolves when every record that was handed in has its outcome. */
  async drained(): Promise<void> {
    if (this.#jobs.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #limitTime(job: Job, options: PublishOptions): void {
    const { signal, timeoutMs = this.#retry.timeoutMs } = options;
    const stopListening = onAbort(signal, () => this.#fail(job, signal?.reason));
    job.deadline = this.#deps.now() + timeoutMs;
    const stopDeadline = this.#deps.startTimer(() => {
      this.#fail(job, noResult(job, `within ${timeoutMs} ms`));
    }, timeoutMs);
    job.stop = () => {
      stopDeadline();
      stopListening();
    };
  }

  #enqueue(job: Job): void {
    if (job.isOver) return;
    this.#queue.add(job);
    this.#send();
  }

  #send(): void {
    const { session } = this.#keeper;
    if (session === undefined || this.#endPause !== undefined) return;
    for (const job of this.#queue) {
      if (session.isSubmitting(job.prefix)) {
        this.#queue.delete(job);
        this.#hold(job);
        continue;
      }
      if (!this.#window.admits(job.record.bytes.length)) return;
      this.#queue.delete(job);
      this.#submit(session, job);
    }
  }

  #hold(job: Job): void {
    const held = this.#held.get(job.prefix);
    if (held === undefined) this.#held.set(job.prefix, [job]);
    else held.push(job);
  }

  #submit(session: Session, job: Job): void {
    const { bytes } = job.record;
    job.attempts += 1;
    this.#window.sent(bytes.length);
    session.submit(job.prefix, encodeSubmission(bytes), {
      result: (result) => {
        this.#window.answered(bytes.length, result, this.#deps.now());
        this.#pace(result);
        this.#settle(job, result);
        this.#release(job.prefix);
        this.#send();
      },
      lost: (error) => {
        this.#window.lost(bytes.length);
        if (isTransient(error)) this.#again(job, error);
        else this.#fail(job, error);
        this.#release(job.prefix);
      },
    });
  }

  /**
   * What is sent to a server that has enough is refused, whichever record it is: nothing is sent for a
   * while, longer and longer as long as it takes nothing.
   */
  #pace(result: number): void {
    if (result !== RESULT.TOO_FAST) {
      this.#pauses = 0;
      return;
    }
    if (this.#endPause !== undefined) return;
    this.#pauses += 1;
    const pauseMs = backoffMs(this.#retry, this.#pauses, this.#deps.random);
    this.#endPause = this.#deps.startTimer(() => {
      this.#endPause = undefined;
      this.#send();
    }, pauseMs);
  }

  #release(prefix: string): void {
    const held = this.#held.get(prefix);
    if (held === undefined) return;
    this.#held.delete(prefix);
    for (const job of held) if (!job.isOver) this.#queue.add(job);
  }

  #settle(job: Job, result: number): void {
    const isRefusedDuplicate =
      result === RESULT.DUPLICATE && !job.acceptDuplicate && job.attempts === 1;
    if (job.isOver) return;
    if (isSuccess(result) && !isRefusedDuplicate) {
      const { id } = job.record;
      this.#end(job);
      job.resolve({ id, result, resultName: resultName(result), attempts: job.attempts });
      return;
    }
    const error = new ResultError('the record', result);
    if (isRetryable(result)) this.#again(job, error);
    else this.#fail(job, error);
  }

  #again(job: Job, error: MosaicError): void {
    if (job.isOver) return;
    job.lastError = error;
    if (job.attempts >= this.#retry.attemptsMax) {
      this.#fail(job, error);
      return;
    }
    const delayMs = backoffMs(this.#retry, job.attempts, this.#deps.random);
    const stopDelay = this.#deps.startTimer(() => this.#enqueue(job), delayMs);
    const stopRest = job.stop;
    job.stop = () => {
      stopDelay();
      stopRest();
    };
  }

  #fail(job: Job, error: unknown): void {
    if (job.isOver) return;
    this.#end(job);
    job.reject(error);
  }

  #end(job: Job): void {
    job.isOver = true;
    job.stop();
    this.#queue.delete(job);
    this.#jobs.delete(job);
    if (this.#jobs.size > 0) return;
    this.#endPause?.();
    this.#endPause = undefined;
    for (const resolve of this.#idle) resolve();
    this.#idle = [];
  }
}

function noResult({ lastError }: Job, when: string): MosaicError {
  const seen = lastError === undefined ? '' : `; the last attempt: ${lastError.message}`;
  const message =
    `no result ${when}${seen}. Whether the server has the record is not known; ` +
    'publishing it again does no harm';
  return new MosaicError('unavailable', 'publish-timeout', message, { cause: lastError });
}
