/**
 * One place in the pool: a worker thread, replaced when it fails. It has at most two batches at a
 * time, one being checked and one waiting, so that the thread never idles between them and little
 * is at stake when it fails.
 */
import { Worker } from 'node:worker_threads';
import { MosaicError } from '@mosaic-cluster/protocol';
import {
  type Batch,
  type FallbackNote,
  type Fault,
  packBatch,
  type WorkerMessage,
  type WorkerStart,
} from './batch.ts';
import type { VerifierSettings } from './options.ts';
import type { VerifierKind } from './tools.ts';
import { RUNS_FROM_SOURCE } from './worker-script.ts';

const IN_FLIGHT_MAX = 2;
const RESTART_MS_MAX = 5000;
/** Failures in a row from which a place counts as broken until its worker starts again. */
const FAILURES_BROKEN = 3;

/** What the pool wants to know. */
export interface PoolWorkerEvents {
  /** The thread started, for the first time or again. */
  readonly onStarted: (fallbacks: readonly FallbackNote[]) => void;
  readonly onAnswer: (batch: Batch, faults: readonly Fault[]) => void;
  /** The thread failed with these batches unanswered; another one will be started. */
  readonly onLost: (batches: readonly Batch[], error: MosaicError) => void;
}

/** See the file's head. */
export class PoolWorker {
  readonly #url: URL;
  readonly #start: WorkerStart;
  readonly #settings: VerifierSettings;
  readonly #events: PoolWorkerEvents;
  #worker: Worker | undefined;
  #isUp = false;
  #isStopped = false;
  #kind: VerifierKind;
  #failures = 0;
  #inFlight: Batch[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(url: URL, start: WorkerStart, settings: VerifierSettings, events: PoolWorkerEvents) {
    this.#url = url;
    this.#start = start;
    this.#kind = start.kind;
    this.#settings = settings;
    this.#events = events;
  }

  /** How this thread, or the one before it, checks signatures. */
  get kind(): VerifierKind {
    return this.#kind;
  }

  get isIdle(): boolean {
    return this.#isUp && this.#inFlight.length === 0;
  }

  /** Whether another batch may be sent. A retried batch has its thread for itself. */
  get hasRoom(): boolean {
    const { length } = this.#inFlight;
    return this.#isUp && length < IN_FLIGHT_MAX && this.#inFlight[0]?.isRetry !== true;
  }

  /** Whether the thread is down and starting it again has failed repeatedly. */
  get isBroken(): boolean {
    return !this.#isUp && this.#failures >= FAILURES_BROKEN;
  }

  /** Starts the thread; `onStarted` or `onLost` follows. */
  start(): void {
    if (this.#isStopped) return;
    const worker = new Worker(this.#url, {
      workerData: this.#start,
      ...(RUNS_FROM_SOURCE ? { execArgv: [] } : {}),
    });
    this.#worker = worker;
    worker.on('message', (message: WorkerMessage) => this.#receive(worker, message));
    worker.on('error', (cause) => this.#lose(worker, `failed: ${cause.message}`, cause));
    worker.on('messageerror', (cause) => this.#lose(worker, 'sent an unreadable message', cause));
    worker.on('exit', (code) => this.#lose(worker, `ended with code ${code}`));
    this.#deadline(worker, this.#settings.startDeadlineMs, 'start');
  }

  /** Hands a batch to the thread. Ask `hasRoom` first. */
  send(batch: Batch): void {
    const worker = this.#worker;
    if (worker === undefined) throw new MosaicError('internal', 'verifier-worker', 'no thread');
    const message = packBatch(batch);
    this.#inFlight.push(batch);
    if (this.#inFlight.length === 1) this.#awaitAnswer(worker);
    worker.postMessage(message, [message.buffer]);
  }

  /** Ends the thread for good. Returns the batches that it leaves unanswered. */
  async stop(): Promise<readonly Batch[]> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    const left = this.#inFlight;
    const worker = this.#worker;
    this.#inFlight = [];
    this.#worker = undefined;
    this.#isUp = false;
    await worker?.terminate();
    return left;
  }

  #receive(worker: Worker, message: WorkerMessage): void {
    if (worker !== this.#worker) return;
    if (message.name === 'ready') {
      clearTimeout(this.#timer);
      this.#isUp = true;
      this.#kind = message.kind;
      this.#events.onStarted(message.fallbacks);
      return;
    }
    const batch = this.#inFlight.shift();
    if (batch?.id !== message.id) {
      if (batch !== undefined) this.#inFlight.unshift(batch);
      this.#lose(worker, `answered batch ${message.id} out of turn`);
      return;
    }
    this.#failures = 0;
    clearTimeout(this.#timer);
    if (this.#inFlight.length > 0) this.#awaitAnswer(worker);
    this.#events.onAnswer(batch, message.faults);
  }

  #awaitAnswer(worker: Worker): void {
    this.#deadline(worker, this.#settings.batchDeadlineMs, 'answer a batch');
  }

  #deadline(worker: Worker, deadlineMs: number, what: string): void {
    clearTimeout(this.#timer);
    const fail = (): void => this.#lose(worker, `did not ${what} within ${deadlineMs} ms`);
    this.#timer = setTimeout(fail, deadlineMs);
  }

  #lose(worker: Worker, what: string, cause?: unknown): void {
    if (worker !== this.#worker) return;
    const batches = this.#inFlight;
    this.#worker = undefined;
    this.#isUp = false;
    this.#inFlight = [];
    clearTimeout(this.#timer);
    const waitMs = Math.min(this.#settings.restartMs * 2 ** this.#failures, RESTART_MS_MAX);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.start(), waitMs);
    void worker.terminate();
    const text = `a verifier's worker thread ${what}`;
    const error = new MosaicError('unavailable', 'verifier-worker', text, { cause });
    this.#events.onLost(batches, error);
  }
}
