/**
 * The Gets, Queries and Subscribes that are open on one connection, by query id. A cancelled one
 * keeps its id until the server has closed it, so that what is still on its way finds nobody
 * instead of the wrong one.
 */
import { MosaicError, type RecordView } from '@mosaic-cluster/protocol';
import { QueryIds } from './query-ids.ts';

/** Who waits for the answers to a Get, Query or Subscribe. */
export interface QuerySink {
  /** A record whose lengths were checked; its bytes are the sink's to keep. */
  record(record: RecordView): void;
  locallyComplete(): void;
  /** The server has ended it; nothing follows. */
  closed(result: number): void;
  /** The connection ended, or the server owed an answer for too long; nothing follows. */
  lost(error: MosaicError): void;
}

/** One open request. */
export interface OpenQuery {
  /** Undefined: cancelled. */
  readonly sink: QuerySink | undefined;
  /** Whether the server owes a message. */
  readonly isOwed: boolean;
  /** When the last message came, or the request was made. */
  readonly heardAt: number;
}

/** The open requests of one connection. */
export class OpenQueries {
  readonly #max: number;
  readonly #ids = new QueryIds();
  readonly #open = new Map<number, OpenQuery>();

  /** @param max requests at a time, fewer than there are query ids */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes a request in.
   *
   * @returns its query id
   * @throws MosaicError `limited` with code `open-queries` where there are too many
   */
  add(sink: QuerySink, now: number): number {
    if (this.#open.size >= this.#max) {
      const message = `${this.#max} requests are open already; end some first`;
      throw new MosaicError('limited', 'open-queries', message);
    }
    const queryId = this.#ids.take((id) => this.#open.has(id));
    this.#open.set(queryId, { sink, isOwed: true, heardAt: now });
    return queryId;
  }

  /**
   * A message for `queryId` came.
   *
   * @param isOwed whether the server owes another one after it
   * @returns the request; `over`: it is not open any more; `unknown`: there never was one
   */
  hear(queryId: number, now: number, isOwed: boolean): OpenQuery | 'over' | 'unknown' {
    const query = this.#open.get(queryId);
    if (query === undefined) return this.#ids.wasTaken(queryId) ? 'over' : 'unknown';
    // A cancelled one is owed its end.
    const next = { sink: query.sink, isOwed: isOwed || query.sink === undefined, heardAt: now };
    this.#open.set(queryId, next);
    return next;
  }

  /** The server has ended it: its id may be used again. */
  delete(queryId: number): void {
    this.#open.delete(queryId);
  }

  /** Lets nobody hear of it any more. @returns who did; undefined where it was cancelled or over */
  cancel(queryId: number, now: number): QuerySink | undefined {
    const sink = this.#open.get(queryId)?.sink;
    if (sink !== undefined)
      this.#open.set(queryId, { sink: undefined, isOwed: true, heardAt: now });
    return sink;
  }

  /** Requests of which nothing was heard since `since` although an answer is owed. */
  overdue(since: number): [queryId: number, query: OpenQuery][] {
    return [...this.#open].filter(([, { isOwed, heardAt }]) => isOwed && heardAt <= since);
  }

  /** Empties the table. @returns who waited */
  clear(): QuerySink[] {
    const sinks = [...this.#open.values()].flatMap(({ sink }) => sink ?? []);
    this.#open.clear();
    return sinks;
  }
}
