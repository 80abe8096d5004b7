/**
 * Publishes a stream of records: takes from the source only as fast as outcomes are taken from the
 * result, so neither side can fill the memory.
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { onAbort } from './on-abort.ts';
import {
  asRecord,
  type PublishManyOptions,
  type PublishOptions,
  type PublishOutcome,
  type PublishResult,
  type RecordLike,
} from './publish.ts';

/** Publishes one record. */
export type PublishOne = (record: RecordLike, options: PublishOptions) => Promise<PublishResult>;

/** A source of records. */
export type RecordSource = AsyncIterable<RecordLike> | Iterable<RecordLike>;

/** What to publish, and how. */
export interface PublishManyInput extends PublishManyOptions {
  readonly source: RecordSource;
  readonly publishOne: PublishOne;
  readonly inFlightMax: number;
  readonly bytesInFlightMax: number;
}

/**
 * Outcomes in the order in which they become known; each record of the source has exactly one.
 * Ending the iteration early stops taking from the source; what was sent stays sent.
 *
 * @throws what the source throws, after the outcomes of everything before it; the signal's reason
 */
export async function* publishMany(
  input: PublishManyInput,
): AsyncGenerator<PublishOutcome, void, undefined> {
  const run = new Run(input);
  try {
    for (;;) {
      input.signal?.throwIfAborted();
      const outcome = run.takeOutcome();
      if (outcome !== undefined) yield outcome;
      else if (run.isFinished) break;
      else await run.progress();
    }
    if (run.failure !== undefined) throw run.failure.error;
  } finally {
    run.end();
  }
}

class Run {
  readonly #input: PublishManyInput;
  readonly #iterator: AsyncIterator<RecordLike> | Iterator<RecordLike>;
  /** Ends all publishing when the iteration ends. */
  readonly #ended = new AbortController();
  readonly #done: PublishOutcome[] = [];
  #isExhausted = false;
  #isTaking = false;
  #underWay = 0;
  #bytes = 0;
  #next = 0;
  #wake: () => void = () => {};
  readonly #stopListening: () => void;
  /** What the source threw. */
  failure: { readonly error: unknown } | undefined;

  constructor(input: PublishManyInput) {
    this.#input = input;
    this.#iterator = iterate(input.source);
    this.#stopListening = onAbort(input.signal, () => this.#abort());
  }

  get isFinished(): boolean {
    return this.#isExhausted && this.#underWay === 0 && this.#done.length === 0;
  }

  takeOutcome(): PublishOutcome | undefined {
    const outcome = this.#done.shift();
    this.#takeMore();
    return outcome;
  }

  /** Resolves when something has changed. */
  async progress(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#ended.signal.aborted) resolve();
    });
  }

  end(): void {
    this.#stopListening();
    this.#ended.abort();
    if (this.#isExhausted) return;
    this.#isExhausted = true;
    // Not awaited: a source that never yields again must not hold the caller.
    void Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }

  #abort(): void {
    this.#ended.abort(this.#input.signal?.reason);
    this.#wake();
  }

  #hasRoom(): boolean {
    const { inFlightMax, bytesInFlightMax } = this.#input;
    const unseen = this.#underWay + this.#done.length;
    return unseen < inFlightMax && this.#bytes < bytesInFlightMax;
  }

  #takeMore(): void {
    if (this.#isTaking || this.#isExhausted || !this.#hasRoom()) return;
    this.#isTaking = true;
    void this.#take();
  }

  async #take(): Promise<void> {
    try {
      while (!this.#isExhausted && this.#hasRoom()) {
        const taken = await this.#iterator.next();
        if (this.#ended.signal.aborted) return;
        if (taken.done === true) this.#isExhausted = true;
        else this.#start(taken.value);
      }
    } catch (error) {
      this.failure = { error };
      this.#isExhausted = true;
    }
    this.#isTaking = false;
    this.#wake();
  }

  #start(record: RecordLike): void {
    const index = this.#next;
    this.#next += 1;
    const length = record instanceof Uint8Array ? record.length : record.bytes.length;
    this.#underWay += 1;
    this.#bytes += length;
    const finish = (outcome: PublishOutcome): void => {
      this.#underWay -= 1;
      this.#bytes -= length;
      this.#done.push(outcome);
      this.#takeMore();
      this.#wake();
    };
    void this.#publish(record).then(
      (result) => finish({ index, result }),
      (error: unknown) => finish({ index, error: asMosaicError(error) }),
    );
  }

  async #publish(record: RecordLike): Promise<PublishResult> {
    const { timeoutMs, acceptDuplicate = true } = this.#input;
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    const options = { ...limit, acceptDuplicate, signal: this.#ended.signal };
    return this.#input.publishOne(asRecord(record), options);
  }
}

function iterate(source: RecordSource): AsyncIterator<RecordLike> | Iterator<RecordLike> {
  return Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
}

function asMosaicError(error: unknown): MosaicError {
  if (isMosaicError(error)) return error;
  return new MosaicError('closed', 'aborted', 'publishing was ended', { cause: error });
}
