/**
 * The client: one connection to one server, kept open, and everything that can be asked over it.
 */
import {
  FilterView,
  type FilterElementInput,
  buildFilter,
  parseFilter,
  MosaicError,
  type RecordView,
  type Reference,
} from '@mosaic-cluster/protocol';
import type { ClientEvent } from './client-event.ts';
import { type ClientDeps, systemDeps } from './deps.ts';
import { dial } from './dial.ts';
import { GetScript } from './get.ts';
import { onAbort } from './on-abort.ts';
import { type ClientOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import {
  asRecord,
  type PublishManyOptions,
  type PublishOptions,
  type PublishOutcome,
  type PublishResult,
  type RecordLike,
} from './publish.ts';
import { publishMany, type RecordSource } from './publish-many.ts';
import { Publisher } from './publisher.ts';
import { QueryScript } from './query.ts';
import { RecordStream, type StreamOptions } from './record-stream.ts';
import { SessionKeeper } from './session-keeper.ts';
import { StreamIterator } from './stream-iterator.ts';
import type { StreamScript } from './stream-script.ts';
import { type SubscriptionEvent, SubscriptionScript } from './subscription-script.ts';
import type { HandshakeInfo, Transport } from './transport.ts';

/** How a request is made. */
export interface RequestOptions {
  /** Ends the request; the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How a query or subscription is made. */
export interface QueryOptions extends RequestOptions {
  /** Most stored records to receive, newest first; 0 to 65,535, default 0: no limit. */
  readonly limit?: number;
}

/** A filter, or the elements to build one of. */
export type FilterLike = FilterView | readonly FilterElementInput[];

/** How long `close` waits for the server's half of the closing, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000;

/** A connection to a server, replaced when it is lost. Made by `connect`. */
export class MosaicClient {
  readonly #options: ClientOptions;
  readonly #resolved: ResolvedOptions;
  readonly #deps: ClientDeps;
  readonly #keeper: SessionKeeper;
  readonly #publisher: Publisher;
  #closed: Promise<void> | undefined;
  #stopListening: () => void = () => {};

  /** Use `connect`, which opens the connection, too. */
  constructor(options: ClientOptions, transport: Transport) {
    this.#deps = { ...systemDeps(transport), ...options.deps };
    this.#options = options;
    const resolved = resolveOptions(options, this.#deps.transport);
    this.#resolved = resolved;
    this.#keeper = new SessionKeeper(this.#deps, {
      open: (listener) => dial(options, resolved.target, this.#deps.transport, listener),
      limits: resolved,
      reconnect: resolved.reconnect,
      observe: (event) => this.#observe(event),
    });
    this.#publisher = new Publisher(this.#deps, this.#keeper, resolved.publish, resolved.retry);
  }

  /** What the newest connection's two sides agreed on. */
  get handshake(): HandshakeInfo {
    const { handshake } = this.#keeper;
    if (handshake === undefined) throw new MosaicError('closed', 'closed', 'not connected yet');
    return handshake;
  }

  /** Whether the server can be reached at this moment. */
  get isConnected(): boolean {
    return this.#keeper.session !== undefined;
  }

  /** Opens the first connection, in one attempt. Called by `connect`. */
  async open(): Promise<this> {
    await this.#keeper.start();
    this.#stopListening = onAbort(this.#options.signal, () => this.#abort());
    if (this.#options.signal?.aborted === true) this.#abort();
    return this;
  }

  /**
   * Publishes a record; resolves when the server has taken it. What may work later is repeated
   * within the bounds of `retry`.
   *
   * @throws ResultError where the server refuses it; MosaicError `invalid` with code `record` for
   *   bytes that are none, `limited` with code `publish-queue`, `unavailable` with code
   *   `publish-timeout`, `closed`
   */
  async publish(record: RecordLike, options: PublishOptions = {}): Promise<PublishResult> {
    this.#requireOpen();
    return this.#publisher.publish(asRecord(record), options);
  }

  /**
   * Publishes many records. Each has one outcome, which come in the order in which they become
   * known; the source is read as fast as they are taken.
   *
   * @throws what the source throws, after all outcomes
   */
  publishMany(
    source: RecordSource,
    options: PublishManyOptions = {},
  ): AsyncGenerator<PublishOutcome, void, undefined> {
    const { inFlightMax, bytesInFlightMax } = this.#resolved.publish;
    return publishMany({
      inFlightMax,
      bytesInFlightMax,
      ...options,
      source,
      publishOne: (record, each) => this.publish(record, each),
    });
  }

  /**
   * Gets records by ID or address, in portions of 512 references. What is not there is left out.
   * The request is made when the first record is asked for.
   *
   * @throws ResultError, MosaicError `invalid` with code `server-record` or `server-message` where
   *   the server sends what it should not: when iterating
   */
  get(references: Iterable<Reference>, options: RequestOptions = {}): StreamIterator<RecordView> {
    const script = new GetScript(references);
    return new StreamIterator(() => this.#stream(script, options, false));
  }

  /** Gets the newest record that a reference names; undefined where there is none. */
  async getOne(
    reference: Reference,
    options: RequestOptions = {},
  ): Promise<RecordView | undefined> {
    for await (const record of this.get([reference], options)) return record;
    return undefined;
  }

  /**
   * Asks for stored records, newest first. Made when the first record is asked for; leaving the
   * loop ends it. After a lost connection it goes on where it was, so it is no snapshot.
   *
   * @throws as {@link get}
   */
  query(filter: FilterLike, options: QueryOptions = {}): StreamIterator<RecordView> {
    const script = new QueryScript(asFilter(filter), checkLimit(options.limit));
    return new StreamIterator(() => this.#stream(script, options, false));
  }

  /**
   * Asks for stored records, newest first, and for those that the server receives from now on.
   * Made at once. It goes on over lost connections, each record coming once.
   *
   * @throws as {@link get}
   */
  subscribe(filter: FilterLike, options: QueryOptions = {}): StreamIterator<SubscriptionEvent> {
    const limit = checkLimit(options.limit);
    const script = new SubscriptionScript(asFilter(filter), limit, this.#resolved.resume);
    return new StreamIterator(() => this.#stream(script, options, true)).start();
  }

  /**
   * Closes the client: waits for submissions under way, ends everything else, and says goodbye to
   * the server. Iterations throw MosaicError `closed`.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stopListening();
    let stop = (): void => {};
    const late = new Promise<void>((resolve) => {
      stop = this.#deps.startTimer(resolve, this.#resolved.drainTimeoutMs);
    });
    await Promise.race([this.#publisher.drained(), late]);
    stop();
    await this.#keeper.close(CLOSE_TIMEOUT_MS);
  }

  #abort(): void {
    const cause = this.#options.signal?.reason as unknown;
    const error = new MosaicError('closed', 'closed', 'the client was aborted', { cause });
    this.#keeper.fail(error);
  }

  #requireOpen(): void {
    if (this.#keeper.failure !== undefined) throw this.#keeper.failure;
    if (this.#closed === undefined) return;
    throw new MosaicError('closed', 'closed', 'the client is being closed');
  }

  #stream<T>(
    script: StreamScript<T>,
    options: RequestOptions,
    isEndless: boolean,
  ): RecordStream<T> {
    this.#requireOpen();
    const { retry, bufferBytesMax } = this.#resolved;
    const forever = Number.POSITIVE_INFINITY;
    const streamOptions: StreamOptions = {
      deps: this.#deps,
      keeper: this.#keeper,
      retry: isEndless ? { ...retry, attemptsMax: forever, timeoutMs: forever } : retry,
      checks: { verify: this.#options.verify ?? true, tools: this.#options.validation ?? {} },
      bufferBytesMax,
      signal: options.signal,
      retrying: (attempt: number, delayMs: number, error: MosaicError) =>
        this.#observe({ name: 'retrying', attempt, delayMs, error }),
    };
    return new RecordStream(script, streamOptions);
  }

  #observe(event: ClientEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // An observer's mistake must not break the connection it looks at.
    }
  }
}

function asFilter(filter: FilterLike): FilterView {
  return filter instanceof FilterView
    ? parseFilter(new Uint8Array(filter.bytes))
    : buildFilter(filter);
}

function checkLimit(limit = 0): number {
  if (Number.isInteger(limit) && limit >= 0 && limit <= 0xffff) return limit;
  throw new MosaicError('invalid', 'limit', `a limit is 0 to 65535, not ${limit}`);
}
