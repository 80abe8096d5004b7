/**
 * Runs a script over whatever connections there are: makes its requests, keeps what came until the
 * caller takes it, retries and resumes. A caller who is too slow costs memory up to the bound of
 * the buffer; past it the requests are cancelled and taken up again when there is room.
 */
import {
  encodeMessage,
  isRetryable,
  isMosaicError,
  MosaicError,
  type RecordView,
  RESULT,
} from '@mosaic-cluster/protocol';
import type { ClientDeps } from './deps.ts';
import { ItemBuffer } from './item-buffer.ts';
import type { QuerySink } from './open-queries.ts';
import { onAbort } from './on-abort.ts';
import { checkRecord, type RecordChecks } from './record-check.ts';
import { backoffMs, type RetryOptions } from './reconnect.ts';
import { ResultError } from './result-error.ts';
import type { Session } from './session.ts';
import { isTransient, type SessionKeeper, type SessionUser } from './session-keeper.ts';
import type { Ask, Step, StreamScript } from './stream-script.ts';

/** Records are checked for this long without a break, in milliseconds. */
const BREATH_MS = 10;

/** What a stream needs to know. */
export interface StreamOptions {
  readonly deps: ClientDeps;
  readonly keeper: SessionKeeper;
  readonly retry: RetryOptions;
  readonly checks: RecordChecks;
  readonly bufferBytesMax: number;
  readonly signal: AbortSignal | undefined;
  /** Told of every attempt that the server did not answer and that is made again. */
  readonly retrying: (attempt: number, delayMs: number, error: ResultError) => void;
}

/** One script's run. `T`: what the caller gets. */
export class RecordStream<T> implements SessionUser {
  readonly #options: StreamOptions;
  readonly #script: StreamScript<T>;
  readonly #buffer: ItemBuffer<T>;
  /** Requests that are open on `#session`, with the sinks that hear of them. */
  readonly #open = new Map<QuerySink, number>();
  #session: Session | undefined;
  /** Failures in a row without progress. */
  #failures = 0;
  #stopDelay: (() => void) | undefined;
  /** Stops the time that a connection may take to come. */
  #stopStall: (() => void) | undefined;
  #lastError: MosaicError | undefined;
  #isDone = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #isFull = false;
  #stopListening: () => void = () => {};
  #breathedAt = 0;

  constructor(script: StreamScript<T>, options: StreamOptions) {
    this.#script = script;
    this.#options = options;
    this.#buffer = new ItemBuffer(options.bufferBytesMax);
    if (options.signal?.aborted === true) this.#fail(options.signal.reason);
    else if (options.keeper.failure !== undefined) this.#fail(options.keeper.failure);
    else {
      this.#stopListening = onAbort(options.signal, () => this.#abort());
      options.keeper.add(this);
      this.#begin();
    }
  }

  /**
   * The next item; undefined after the last.
   *
   * @throws what ended the stream, once everything before it was taken
   */
  async take(): Promise<T | undefined> {
    for (;;) {
      const item = this.#buffer.shift();
      if (item !== undefined) {
        this.#regulate();
        if (item.record !== undefined) {
          await this.#breathe();
          this.#check(item.record);
        }
        if (this.#buffer.isLow) this.#begin();
        return item.value;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#isDone) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#regulate();
      });
      this.#breathedAt = this.#options.deps.now();
    }
  }

  /** Ends the stream; what was not taken is dropped. */
  close(): void {
    this.#end();
    this.#buffer.clear();
  }

  ready(): void {
    this.#begin();
  }

  failed(error: MosaicError): void {
    this.#fail(error);
  }

  #abort(): void {
    this.#buffer.clear();
    this.#fail(this.#options.signal?.reason);
  }

  /** Makes the requests, if there is a connection, room for the answers, and no delay running. */
  #begin(): void {
    if (this.#isDone || this.#session !== undefined || this.#stopDelay !== undefined) return;
    const { keeper, deps } = this.#options;
    const { session } = keeper;
    if (!this.#buffer.isLow) return;
    if (session === undefined) {
      this.#limitStall();
      return;
    }
    this.#stopStall?.();
    this.#stopStall = undefined;
    this.#session = session;
    this.#run(() => this.#script.begin(deps.now()));
  }

  #limitStall(): void {
    const { deps, retry } = this.#options;
    if (this.#stopStall !== undefined || !Number.isFinite(retry.timeoutMs)) return;
    this.#stopStall = deps.startTimer(() => {
      const seen = this.#lastError === undefined ? '' : `: ${this.#lastError.message}`;
      const message = `there was no connection for ${retry.timeoutMs} ms${seen}`;
      const detail = { cause: this.#lastError };
      this.#fail(new MosaicError('unavailable', 'no-connection', message, detail));
    }, retry.timeoutMs);
  }

  /** Does what a script says. Its errors end the stream. */
  #run(next: () => Step<T>): void {
    try {
      const { items = [], asks = [], isDone = false } = next();
      for (const item of items) this.#buffer.push(item);
      for (const ask of asks) this.#ask(ask);
      if (isDone) this.#end();
      if (items.length > 0) this.#notify();
    } catch (error) {
      this.#fail(error);
    }
  }

  #ask(ask: Ask): void {
    const session = this.#session;
    if (session === undefined) return;
    const sink: QuerySink = {
      record: (record) => this.#record(sink, ask, record),
      locallyComplete: () => {
        this.#failures = 0;
        this.#run(() => this.#script.locallyComplete(ask));
      },
      closed: (result) => this.#closed(sink, ask, result),
      lost: (error) => {
        if (this.#open.delete(sink)) this.#again(error);
      },
    };
    const encode = (queryId: number): Uint8Array => encodeMessage({ ...ask, queryId });
    this.#open.set(sink, session.open(encode, sink));
    this.#regulate();
  }

  #record(sink: QuerySink, ask: Ask, record: RecordView): void {
    if (!this.#buffer.fits(record.bytes.length)) {
      // Not lost: what the script was not told of, it will ask for again.
      this.#interrupt(undefined);
      return;
    }
    this.#failures = 0;
    this.#run(() => this.#script.record(ask, record, this.#options.deps.now()));
    if (this.#open.has(sink)) this.#regulate();
  }

  #closed(sink: QuerySink, ask: Ask, result: number): void {
    this.#open.delete(sink);
    const isSubscription = ask.name === 'subscribe';
    // A server has no reason to end a subscription with a success; it did not say what is missing.
    const isEnded = isSubscription && (result === RESULT.SUCCESS || result === RESULT.NOT_FOUND);
    if (isRetryable(result) || isEnded) this.#again(new ResultError(this.#script.what, result));
    else this.#run(() => this.#script.closed(ask, result));
  }

  /** Something failed that may work the next time. */
  #again(error: MosaicError): void {
    if (this.#isDone) return;
    this.#interrupt(error);
    if (this.#isDone) return;
    this.#failures += 1;
    this.#lastError = error;
    const { retry, deps } = this.#options;
    if (!isTransient(error) || this.#failures >= retry.attemptsMax) {
      this.#fail(error);
      return;
    }
    const delayMs = backoffMs(retry, this.#failures, deps.random);
    this.#stopDelay?.();
    this.#stopDelay = deps.startTimer(() => {
      this.#stopDelay = undefined;
      this.#begin();
    }, delayMs);
    if (error instanceof ResultError) this.#options.retrying(this.#failures, delayMs, error);
  }

  #interrupt(why: MosaicError | undefined): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#cancelAll();
    this.#run(() => this.#script.interrupted(session.confirmedAt, why));
  }

  #cancelAll(): void {
    const session = this.#session;
    this.#session = undefined;
    const ids = [...this.#open.values()];
    this.#open.clear();
    for (const id of ids) session?.cancel(id);
  }

  /** Tells the connection whether there is room, and whether the caller waits. */
  #regulate(): void {
    const session = this.#session;
    if (session === undefined) return;
    if (this.#buffer.isHigh) this.#isFull = true;
    else if (this.#buffer.isLow) this.#isFull = false;
    const isWaiting = this.#wake !== undefined && this.#buffer.isEmpty;
    const demand = this.#isFull ? 'full' : isWaiting ? 'waiting' : 'none';
    for (const sink of this.#open.keys()) session.demand(sink, demand);
  }

  /** Lets others have their turn: checking records takes long and nothing else waits in between. */
  async #breathe(): Promise<void> {
    const { deps } = this.#options;
    if (deps.now() - this.#breathedAt < BREATH_MS) return;
    await new Promise<void>((resolve) => {
      deps.startTimer(resolve, 0);
    });
    this.#breathedAt = deps.now();
  }

  #check(record: RecordView): void {
    try {
      checkRecord(record, this.#options.checks);
    } catch (error) {
      this.#buffer.clear();
      this.#fail(error);
      throw error;
    }
  }

  #fail(error: unknown): void {
    if (this.#isDone) return;
    this.#failure = { error: isMosaicError(error) || error instanceof Error ? error : wrap(error) };
    this.#end();
  }

  #end(): void {
    this.#isDone = true;
    this.#cancelAll();
    this.#stopDelay?.();
    this.#stopStall?.();
    this.#stopListening();
    this.#options.keeper.remove(this);
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function wrap(reason: unknown): MosaicError {
  return new MosaicError('closed', 'aborted', 'it was aborted', { cause: reason });
}
