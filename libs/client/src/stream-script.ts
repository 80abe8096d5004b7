/**
 * What a stream of records asks for and what it makes of the answers: the part in which Get, Query
 * and Subscribe differ. A script keeps what it needs to go on after an interruption; connections,
 * buffers and retries are the stream's affair.
 */
import type { FilterView, MosaicError, RecordView, Reference } from '@mosaic-cluster/protocol';

/** A request to make. */
export type Ask =
  | { readonly name: 'get'; readonly references: readonly Reference[] }
  | {
      readonly name: 'query' | 'subscribe';
      readonly filter: FilterView;
      /** 0: no limit. */
      readonly limit: number;
    };

/** Something for the caller. A record is checked before it is handed on. */
export interface Item<T> {
  readonly value: T;
  readonly record: RecordView | undefined;
}

/** What follows from an answer. */
export interface Step<T> {
  readonly items?: readonly Item<T>[];
  /** Requests to make next, beside those still open. */
  readonly asks?: readonly Ask[];
  /** Everything was received. */
  readonly isDone?: boolean;
}

/** One get, query or subscription, over all its connections. */
export interface StreamScript<T> {
  /** For error messages: `the query`. */
  readonly what: string;
  /**
   * A connection is there: what to ask it.
   *
   * @param now milliseconds since 1970, by this machine's clock
   */
  begin(now: number): Step<T>;
  /** A record came. @throws MosaicError where the server should not have sent it */
  record(ask: Ask, record: RecordView, now: number): Step<T>;
  locallyComplete(ask: Ask): Step<T>;
  /** The server ended a request with a code that is not worth a retry. @throws ResultError */
  closed(ask: Ask, result: number): Step<T>;
  /**
   * All requests that were open are gone; `begin` will be called again.
   *
   * @param confirmedAt the connection had delivered everything written before this moment
   * @throws MosaicError where the stream cannot go on from here
   */
  interrupted(confirmedAt: number, why: MosaicError | undefined): Step<T>;
}

/** Nothing follows. */
export const NO_STEP: Step<never> = {};
