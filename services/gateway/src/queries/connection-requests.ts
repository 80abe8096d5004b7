/**
 * Gets, queries and subscriptions of one connection. Each has a query id that is free again once
 * Query Closed was sent; nothing is ever sent for it after that.
 */
import type { Visitor } from '@mosaic-cluster/abuse';
import {
  type FilterView,
  type PublicKey,
  type QueryId,
  type Reference,
  RESULT,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import { countResult } from '../counters.ts';
import type { EngineContext } from '../engine-context.ts';
import { isFailure, resultOfError } from '../errors-to-results.ts';
import type { StoredRequest } from '../gateway-events.ts';
import { type InterestKey, interestKeys } from '../live/interest-choice.ts';
import { textOf } from '../key-text.ts';
import type { ClientSocket } from '../listener/listener.ts';
import { OpenRequests } from './open-request.ts';
import { paidBy } from './paid-pages.ts';
import { type PageSource, QueryStream } from './query-stream.ts';
import { StoredAnswer, type StoredAnswerOptions } from './stored-answer.ts';
import { StreamTurns } from './stream-turns.ts';
import { Subscriber } from '../live/subscription.ts';
import type { StoredWatch } from '../watch/stored-watch.ts';

/** What filing a subscription under one key takes, roughly: a map entry, texts, a place to look. */
const INTEREST_BYTES = 512;
/** Keys for which a subscription takes one of the places that somebody has for subscriptions. */
const KEYS_PER_PLACE = 16;
/** Places of one that asks for nothing rarer than kinds: a good part of all records is sent to it. */
const PLACES_FOR_KINDS = 8;

/** How a request's stored records are asked for and written. */
interface StreamPlan {
  readonly request: StoredRequest;
  readonly watch: StoredWatch;
  readonly queryId: QueryId;
  readonly sources: readonly PageSource[];
  readonly limit: number;
  readonly pageRecordsFirst: number;
  readonly answer: Pick<StoredAnswerOptions, 'sending' | 'ended'>;
}

/** The requests of one connection. */
export class ConnectionRequests {
  readonly #context: EngineContext;
  readonly #socket: ClientSocket;
  readonly #key: PublicKey | undefined;
  readonly #visitor: Visitor;
  readonly #open: OpenRequests;
  readonly #turns: StreamTurns;
  #subscriber: Subscriber | undefined;
  #isClosed = false;

  constructor(context: EngineContext, socket: ClientSocket, visitor: Visitor) {
    this.#context = context;
    this.#socket = socket;
    this.#key = socket.clientKey;
    this.#visitor = visitor;
    this.#open = new OpenRequests(context.limits);
    this.#turns = new StreamTurns(context.limits.streamsActiveMax);
  }

  /**
   * Makes place for a request: an older one with the same query id ends without a word.
   *
   * @returns false where the connection has too much open, or has to wait until what it asked before
   *   is paid for; then it was answered
   */
  admit(queryId: QueryId, heldBytes: number): boolean {
    this.#open.end(queryId);
    if (this.#open.hasRoomFor(heldBytes) && this.#visitor.mayQuery()) return true;
    this.refuse(queryId);
    return false;
  }

  /** Sends Query Closed with TOO_FAST, unless the connection is over by now. */
  refuse(queryId: QueryId): void {
    if (!this.#isClosed) this.finish(queryId, RESULT.TOO_FAST);
  }

  /** Sends Query Closed: the request, be it open or not, is done with. */
  finish(queryId: QueryId, result: ResultCode): void {
    this.#close(queryId, result);
    countResult(this.#context.counters.queryResults, result);
  }

  #close(queryId: QueryId, result: ResultCode): void {
    this.#open.end(queryId);
    this.#context.writer.queryClosed(this.#socket, queryId, result);
  }

  /** A Get that was admitted. */
  get(queryId: QueryId, references: readonly Reference[], heldBytes: number): void {
    const { limits, roles, watcher } = this.#context;
    if (references.length > limits.getReferencesMax) {
      this.finish(queryId, RESULT.TOO_LARGE);
      return;
    }
    const wanted = withoutRepeats(references);
    const watch = watcher.stored('get');
    this.#answerStored(heldBytes, {
      request: 'get',
      watch,
      queryId,
      sources: wanted.length === 0 ? [] : roles.forReferences(wanted, this.#key, watch),
      limit: 0,
      pageRecordsFirst: Math.max(1, wanted.length),
      answer: {
        ended: (count) => this.finish(queryId, count > 0 ? RESULT.SUCCESS : RESULT.NOT_FOUND),
      },
    });
  }

  /** A Query that was admitted. */
  query(queryId: QueryId, filter: FilterView, limit: number): void {
    if (!filter.isNarrow) {
      this.finish(queryId, RESULT.TOO_OPEN);
      return;
    }
    const { roles, limits, watcher } = this.#context;
    const watch = watcher.stored('query');
    this.#answerStored(filter.bytes.length, {
      request: 'query',
      watch,
      queryId,
      sources: roles.forFilter(filter, this.#key, 'all', watch),
      limit,
      pageRecordsFirst: limits.pageRecordsFirst,
      answer: { ended: () => this.finish(queryId, RESULT.SUCCESS) },
    });
  }

  /** A Subscribe that was admitted. */
  subscribe(queryId: QueryId, filter: FilterView, limit: number): void {
    if (!filter.isNarrow) {
      this.finish(queryId, RESULT.TOO_OPEN);
      return;
    }
    const { hub, roles, writer, limits, counters, watcher } = this.#context;
    const keys = interestKeys(filter);
    const heldBytes = filter.bytes.length + INTEREST_BYTES * keys.length;
    const places = placesFor(keys);
    if (!this.#open.hasRoomFor(heldBytes) || !this.#visitor.subscribe(places)) {
      this.refuse(queryId);
      return;
    }
    if (!hub.hasRoom(this.#visitor.sharesAs, keys.length)) {
      this.#visitor.unsubscribe(places);
      this.finish(queryId, RESULT.TEMPORARY_ERROR);
      return;
    }
    this.#visitor.queried(keys.length * hub.keyCost, 0);
    this.#subscriber ??= new Subscriber(this.#socket, this.#visitor);
    const { subscription, ready } = hub.open({
      subscriber: this.#subscriber,
      queryId,
      filter,
      keys,
      lost: (result, reason) => {
        if (subscription.isClosed) return;
        if (reason === 'unread') this.#close(queryId, result);
        else this.finish(queryId, result);
      },
    });
    const watch = watcher.stored('subscribe');
    const stream = this.#stream({
      request: 'subscribe',
      watch,
      queryId,
      sources: roles.forFilter(filter, this.#key, 'all', watch),
      limit,
      pageRecordsFirst: limits.pageRecordsFirst,
      answer: {
        sending: (served) => {
          hub.noteStored(subscription, served);
          return !subscription.isClosed;
        },
        ended: (count, last) => {
          writer.locallyComplete(this.#socket, queryId);
          this.#turns.leave(stream);
          hub.storedSent(subscription, limit > 0 && count >= limit ? last : undefined);
        },
      },
    });
    counters.subscriptionsOpen += 1;
    this.#open.add({
      queryId,
      heldBytes,
      cancel: () => {
        counters.subscriptionsOpen -= 1;
        this.#visitor.unsubscribe(places);
        hub.close(subscription);
        stream.cancel();
        watch.end();
        this.#turns.leave(stream);
      },
    });
    ready.then(
      () => {
        if (!subscription.isClosed) this.#turns.enter(stream);
      },
      (error: unknown) => {
        if (!subscription.isClosed) this.#fail(queryId, error, watch);
      },
    );
  }

  /** An Unsubscribe; it ends a Get or Query as well. */
  unsubscribe(queryId: QueryId): void {
    const wasOpen = this.#open.end(queryId);
    this.finish(queryId, wasOpen ? RESULT.SUCCESS : RESULT.NOT_FOUND);
  }

  /** Goes on after the client has read. */
  resume(): void {
    this.#turns.resume();
    if (this.#subscriber !== undefined) this.#context.hub.resume(this.#subscriber);
  }

  /** Closes every request with a result. */
  finishAll(result: ResultCode): void {
    for (const queryId of this.#open.queryIds()) this.finish(queryId, result);
  }

  /** Gives everything back: the connection is over. */
  close(): void {
    this.#isClosed = true;
    for (const queryId of this.#open.queryIds()) this.#open.end(queryId);
  }

  #answerStored(heldBytes: number, plan: StreamPlan): void {
    const { counters } = this.#context;
    const stream = this.#stream(plan);
    counters.queriesOpen += 1;
    this.#open.add({
      queryId: plan.queryId,
      heldBytes,
      cancel: () => {
        counters.queriesOpen -= 1;
        stream.cancel();
        plan.watch.end();
        this.#turns.leave(stream);
      },
    });
    this.#turns.enter(stream);
  }

  #stream(plan: StreamPlan): QueryStream {
    const { writer, counters, limits, clock, events } = this.#context;
    const { request, watch, queryId, sources, limit, pageRecordsFirst, answer } = plan;
    const sink = new StoredAnswer({
      clock,
      socket: this.#socket,
      writer,
      counters,
      queryId,
      pauseBytes: limits.streamPauseBytes,
      failed: (error) => {
        if (isFailure(resultOfError(error))) events.storedFailed?.(request);
        this.#fail(queryId, error, watch);
      },
      ...answer,
      ended: (count, last, tookMs) => {
        answer.ended(count, last, tookMs);
        watch.end();
        events.storedSent?.(request, Math.max(0, tookMs) / 1000, watch.traceId);
      },
    });
    const paid = paidBy(this.#visitor, sources);
    return new QueryStream({ sources: paid, sink, limit, pageRecordsFirst, limits });
  }

  #fail(queryId: QueryId, error: unknown, watch: StoredWatch): void {
    watch.end(error);
    this.#context.failed(error, watch.requestId);
    this.finish(queryId, resultOfError(error));
  }
}

function withoutRepeats(references: readonly Reference[]): readonly Reference[] {
  if (references.length < 2) return references;
  const byText = new Map<string, Reference>();
  for (const reference of references) byText.set(textOf(reference), reference);
  return byText.size === references.length ? references : [...byText.values()];
}

/** The places that a subscription takes which is filed under these keys. */
function placesFor(keys: readonly InterestKey[]): number {
  const least = keys[0]?.name === 'kind' ? PLACES_FOR_KINDS : 1;
  return Math.max(least, Math.ceil(keys.length / KEYS_PER_PLACE));
}
