/**
 * A verifier on worker threads. Records of all callers stand in one queue; whenever a thread has
 * room it gets a share of what has gathered, so that a lone record waits for nothing and a flood
 * goes in large batches.
 *
 * A batch whose thread failed is tried once more, alone on a thread: if it is what kills threads,
 * it takes no other batch with it, and its callers get an error instead of a third attempt.
 */
import { MosaicError, type RecordView } from '@mosaic-cluster/protocol';
import { Admission, closedError } from './admission.ts';
import { type Batch, type FallbackNote, type Fault, verdictOf } from './batch.ts';
import { Call, type Item } from './call.ts';
import { withinDeadline } from './deadline.ts';
import { Fifo } from './fifo.ts';
import type { VerifierOptions, VerifierSettings } from './options.ts';
import { PoolWorker } from './pool-worker.ts';
import { type QuickCheck, UNSURE } from './quick-check.ts';
import type { VerifierKind } from './tools.ts';
import type { Verdict, Verifier } from './verifier.ts';

/** See the file's head. Made by `createVerifier`. */
export class PoolVerifier implements Verifier {
  readonly #settings: VerifierSettings;
  readonly #options: VerifierOptions;
  readonly #admission: Admission;
  readonly #quick: QuickCheck | undefined;
  readonly #workers: readonly PoolWorker[];
  readonly #queue = new Fifo<Item>();
  readonly #retries = new Fifo<Batch>();
  readonly #fallbacksTold = new Set<string>();
  #batchId = 0;
  #startsLeft: number;
  #onStart: ((failure?: MosaicError) => void) | undefined;
  #closing: Promise<void> | undefined;

  /** @param quick undefined: everything goes to the threads */
  constructor(
    url: URL,
    settings: VerifierSettings,
    options: VerifierOptions,
    quick: QuickCheck | undefined,
  ) {
    this.#quick = quick;
    this.#settings = settings;
    this.#options = options;
    this.#admission = new Admission(settings);
    this.#startsLeft = settings.workers;
    this.#workers = Array.from(
      { length: settings.workers },
      () =>
        new PoolWorker(url, { kind: options.kind ?? 'native' }, settings, {
          onStarted: (fallbacks) => this.#started(fallbacks),
          onAnswer: (batch, faults) => this.#answer(batch, faults),
          onLost: (batches, error) => this.#lost(batches, error),
        }),
    );
  }

  /**
   * Starts the threads; resolves when all run.
   *
   * @throws MosaicError `unavailable` with code `verifier-worker` where one does not start; the
   *   verifier is closed then
   */
  async start(): Promise<void> {
    const failure = await new Promise<MosaicError | undefined>((resolve) => {
      this.#onStart = resolve;
      for (const worker of this.#workers) worker.start();
    });
    this.#onStart = undefined;
    if (failure === undefined) return;
    await this.close();
    throw failure;
  }

  get kind(): VerifierKind {
    return this.#workers.every((worker) => worker.kind === 'native') ? 'native' : 'exact';
  }

  get workers(): number {
    return this.#workers.length;
  }

  get pending(): number {
    return this.#admission.records;
  }

  get pendingBytes(): number {
    return this.#admission.bytes;
  }

  async verify(records: readonly RecordView[]): Promise<readonly Verdict[]> {
    if (!this.#admission.isClosed && this.#isBroken) {
      const text = 'no worker thread of the verifier starts; their failures say why';
      throw new MosaicError('unavailable', 'verifier-worker', text);
    }
    this.#admission.enter(records);
    if (records.length === 0) return [];
    const call = new Call(this.#admission, records.length);
    const quick = this.#isIdle && this.#quick?.takes(records) === true ? this.#quick : undefined;
    records.forEach((record, index) => {
      const item = { record, call, index };
      const verdict = quick === undefined ? UNSURE : quick.verdictOf(record);
      if (verdict === UNSURE) this.#queue.push(item);
      else call.answer(item, verdict);
    });
    this.#dispatch();
    return call.verdicts;
  }

  ready(): Promise<void> {
    return this.#admission.ready();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await withinDeadline(this.#admission.close(), this.#settings.closeDeadlineMs);
    const left = await Promise.all(this.#workers.map((worker) => worker.stop()));
    for (const batch of left.flat()) failBatch(batch, closedError());
    this.#failQueued(closedError());
  }

  get #isBroken(): boolean {
    return this.#workers.every((worker) => worker.isBroken);
  }

  /** Whether no thread has work. One that has will be awake: more work costs it little. */
  get #isIdle(): boolean {
    return this.#workers.every((worker) => worker.isIdle);
  }

  #started(fallbacks: readonly FallbackNote[]): void {
    for (const { code, message } of fallbacks) {
      if (this.#fallbacksTold.has(code)) continue;
      this.#fallbacksTold.add(code);
      this.#options.onFallback?.(new MosaicError('unavailable', code, message));
    }
    this.#startsLeft -= 1;
    if (this.#startsLeft === 0) this.#onStart?.();
    this.#dispatch();
  }

  #answer(batch: Batch, faults: readonly Fault[]): void {
    const verdicts: Verdict[] = Array.from({ length: batch.items.length });
    for (const fault of faults) verdicts[fault.index] = verdictOf(fault);
    batch.items.forEach((item, i) => item.call.answer(item, verdicts[i]));
    this.#dispatch();
  }

  #lost(batches: readonly Batch[], error: MosaicError): void {
    this.#options.onWorkerLost?.(error);
    this.#onStart?.(error);
    for (const batch of batches) {
      if (batch.isRetry) failBatch(batch, error);
      else this.#retries.push({ ...batch, isRetry: true });
    }
    if (this.#isBroken) this.#failQueued(error);
    else this.#dispatch();
  }

  #failQueued(error: MosaicError): void {
    for (let batch = this.#retries.shift(); batch; batch = this.#retries.shift()) {
      failBatch(batch, error);
    }
    for (let item = this.#queue.shift(); item; item = this.#queue.shift()) {
      item.call.fail(item, error);
    }
  }

  /** Hands out work until there is none or no thread has room. Retries go first, to idle threads. */
  #dispatch(): void {
    for (;;) {
      const idle = this.#workers.filter((worker) => worker.isIdle);
      if (this.#retries.length > 0) {
        const batch = idle[0] && this.#retries.shift();
        if (batch === undefined) return;
        idle[0]?.send(batch);
        continue;
      }
      if (this.#queue.length === 0) return;
      const worker = idle[0] ?? this.#workers.find((candidate) => candidate.hasRoom);
      if (worker === undefined) return;
      worker.send(this.#nextBatch(idle.length));
    }
  }

  /** A batch off the queue's head: its share among the idle threads, within the bounds. */
  #nextBatch(idleThreads: number): Batch {
    const share = Math.ceil(this.#queue.length / Math.max(idleThreads, 1));
    const count = Math.min(share, this.#settings.batchRecordsMax);
    const items: Item[] = [];
    let bytes = 0;
    while (items.length < count) {
      const length = this.#queue.first?.record.bytes.length ?? 0;
      if (items.length > 0 && bytes + length > this.#settings.batchBytesMax) break;
      const item = this.#queue.shift();
      if (item === undefined) break;
      items.push(item);
      bytes += length;
    }
    this.#batchId += 1;
    return { id: this.#batchId, items, isRetry: false };
  }
}

function failBatch(batch: Batch, error: MosaicError): void {
  for (const item of batch.items) item.call.fail(item, error);
}
