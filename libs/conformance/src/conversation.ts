/**
 * A client's side of one connection, as checks want it: requests with their answers, and everything
 * else that came. Every message from the server must be well formed and belong to something.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  concatBytes,
  hexEncode,
  isMosaicError,
  type Message,
  messageName,
  parseMessage,
  type RecordView,
  RESULT,
} from '@mosaic-cluster/protocol';
import { fail, skip } from './check.ts';
import { type Answer, Exchange } from './exchange.ts';
import { describeResult } from './expect.ts';
import type { CloseInfo, RawWebSocket, WebSocketListener } from './wire/raw-websocket.ts';
import {
  getMessage,
  queryMessage,
  submissionMessage,
  subscribeMessage,
  unsubscribeMessage,
} from './wire/requests.ts';

/** How a connection was ended by the server. */
export interface ServerClose {
  /** Result code of its Closing message; undefined: it sent none. */
  readonly closing: number | undefined;
  readonly close: CloseInfo;
}

/** Before a request that was refused with TOO_FAST is sent again. */
const SLOW_DOWN_MS = 250;

/** One connection in conversation. */
export class Conversation {
  readonly websocket: RawWebSocket;
  readonly timeoutMs: number;
  /** Unrecognized messages that came. */
  unrecognized = 0;
  /** Payloads of the pongs that came. */
  readonly pongs: Buffer[] = [];
  /** A BLOB message came. */
  servesBlobs = false;
  /** Result code of the Closing message that came. */
  closing: number | undefined;
  readonly #exchanges = new Map<number, Exchange>();
  /** Result codes of submissions by ID prefix, in the order in which they came. */
  readonly #results = new Map<string, number[]>();
  readonly #faults: string[] = [];
  readonly #watchers = new Set<() => void>();
  #close: CloseInfo | undefined;
  #queryIdNext = 1;

  constructor(open: (listener: WebSocketListener) => RawWebSocket, timeoutMs: number) {
    this.websocket = open({
      message: (bytes, isText) => this.#message(bytes, isText),
      pong: (payload) => {
        this.pongs.push(payload);
        this.#wake();
      },
    });
    this.timeoutMs = timeoutMs;
    void this.websocket.closed.then((close) => {
      this.#close = close;
      this.#wake();
    });
  }

  /** What the server said that it should not have; empty: nothing. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** A query id that was not used yet on this connection. */
  newQueryId(): number {
    return this.#queryIdNext++;
  }

  /** Sends a message as it is. */
  send(bytes: Uint8Array): void {
    this.websocket.send(bytes);
  }

  /** Gets ready to hear answers for a query id; an older exchange under it ends. */
  expect(queryId: number): Exchange {
    const older = this.#exchanges.get(queryId);
    if (older !== undefined) older.isReplaced = true;
    const exchange = new Exchange(queryId);
    this.#exchanges.set(queryId, exchange);
    return exchange;
  }

  /** Submits a record; resolves with the result code. */
  async submit(record: RecordView | Uint8Array): Promise<number> {
    const bytes = record instanceof Uint8Array ? record : record.bytes;
    const deadline = Date.now() + this.timeoutMs;
    for (;;) {
      this.send(submissionMessage(bytes));
      const result = await this.submissionResult(bytes.subarray(0, 32));
      if (result !== RESULT.TOO_FAST || Date.now() > deadline) return result;
      await delay(SLOW_DOWN_MS);
    }
  }

  /** The next result for an ID prefix; each is given once. */
  async submissionResult(idPrefix: Uint8Array): Promise<number> {
    const key = hexEncode(idPrefix);
    return unbanned(await this.until('Submission Result', () => this.#results.get(key)?.shift()));
  }

  /** Sends Get; resolves when it is closed. */
  async get(...references: readonly Uint8Array[]): Promise<Answer> {
    return this.#request((queryId) => getMessage(queryId, concatBytes(...references)));
  }

  /** Sends Query; resolves when it is closed. */
  async query(filter: Uint8Array, limit = 0): Promise<Answer> {
    return this.#request((queryId) => queryMessage(queryId, limit, filter));
  }

  async #request(message: (queryId: number) => Uint8Array): Promise<Answer> {
    const deadline = Date.now() + this.timeoutMs;
    for (;;) {
      const exchange = this.expect(this.newQueryId());
      this.send(message(exchange.queryId));
      const result = await this.closed(exchange);
      if (result !== RESULT.TOO_FAST || Date.now() > deadline) {
        return { records: exchange.records, result };
      }
      await delay(SLOW_DOWN_MS);
    }
  }

  /** Sends Subscribe without waiting for anything. */
  startSubscribe(filter: Uint8Array, limit = 0, queryId: number = this.newQueryId()): Exchange {
    const exchange = this.expect(queryId);
    this.send(subscribeMessage(queryId, limit, filter));
    return exchange;
  }

  /** Sends Subscribe; resolves at Locally Complete. */
  async subscribe(filter: Uint8Array, limit = 0): Promise<Exchange> {
    const exchange = this.startSubscribe(filter, limit);
    await this.complete(exchange);
    return exchange;
  }

  /** Waits for Locally Complete. */
  async complete(exchange: Exchange): Promise<void> {
    await this.until('Locally Complete', () => {
      if (exchange.result !== undefined) {
        fail(`a subscription was closed with ${describeResult(exchange.result)}`);
      }
      return exchange.storedCount;
    });
  }

  /** Waits until `count` records came after Locally Complete. */
  async live(exchange: Exchange, count: number): Promise<readonly RecordView[]> {
    await this.until(`live record ${count} (${exchange.live.length} came)`, () =>
      exchange.live.length >= count ? true : undefined,
    );
    return exchange.live;
  }

  /** Waits for Query Closed; resolves with its result code. */
  async closed(exchange: Exchange): Promise<number> {
    return unbanned(await this.until('Query Closed', () => exchange.result));
  }

  /** Sends Unsubscribe for an open exchange; resolves with the result code. */
  async unsubscribe(exchange: Exchange): Promise<number> {
    this.send(unsubscribeMessage(exchange.queryId));
    return this.closed(exchange);
  }

  /**
   * Asks something that every server answers, and waits for the answer: what the server had to say
   * at once to everything sent before has come by then.
   */
  async sentinel(): Promise<void> {
    const exchange = this.expect(this.newQueryId());
    this.send(unsubscribeMessage(exchange.queryId));
    await this.closed(exchange);
  }

  /** Waits until the server has ended the connection. */
  async serverClose(): Promise<ServerClose> {
    const close = await this.until('the end of the connection', () => this.#close, true);
    return { closing: this.closing, close };
  }

  /**
   * Waits until `probe` gives something.
   *
   * @throws CheckFailure after the timeout, or when the connection is over
   */
  async until<T>(what: string, probe: () => T | undefined, isEndFine = false): Promise<T> {
    const deadline = performance.now() + this.timeoutMs;
    for (;;) {
      const found = probe();
      if (found !== undefined) return found;
      if (this.#close !== undefined && !isEndFine) fail(this.#describeEnd(what));
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) fail(`no ${what} within ${this.timeoutMs} ms`);
      await this.#change(leftMs);
    }
  }

  /** Resolves when something came or the time is over. */
  #change(leftMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, leftMs);
      this.#watchers.add(wake);
    });
  }

  #describeEnd(what: string): string {
    const closing =
      this.closing === undefined
        ? 'without Closing'
        : `with Closing ${describeResult(this.closing)}`;
    return `the server ended the connection ${closing} (WebSocket ${this.#close?.code ?? 'no code'}) before ${what}`;
  }

  #wake(): void {
    for (const wake of this.#watchers) wake();
  }

  #message(bytes: Buffer, isText: boolean): void {
    if (isText) this.#faults.push('the server sent a text message');
    else if (this.closing !== undefined) this.#faults.push('a message came after Closing');
    else this.#take(bytes);
    this.#wake();
  }

  #take(bytes: Buffer): void {
    const name = messageName(bytes[0] ?? 0) ?? `type 0x${(bytes[0] ?? 0).toString(16)}`;
    try {
      const message = parseMessage(bytes);
      const fault = this.#handle(message);
      if (fault !== undefined) this.#faults.push(`${name}: ${fault}`);
    } catch (error) {
      if (!isMosaicError(error)) throw error;
      this.#faults.push(`the server's ${name} message is malformed: ${error.message}`);
    }
  }

  /** @returns what is wrong with the message */
  #handle(message: Message): string | undefined {
    switch (message.name) {
      case 'record':
        return this.#within(message.queryId, (exchange) => exchange.records.push(message.record));
      case 'locallyComplete':
        return this.#within(message.queryId, (exchange) => {
          if (exchange.storedCount !== undefined) this.#faults.push('Locally Complete came twice');
          exchange.storedCount = exchange.records.length;
        });
      case 'queryClosed':
        return this.#within(message.queryId, (exchange) => {
          exchange.result = message.result;
        });
      case 'submissionResult': {
        const key = hexEncode(message.idPrefix);
        this.#results.set(key, [...(this.#results.get(key) ?? []), message.result]);
        return undefined;
      }
      case 'unrecognized':
        this.unrecognized += 1;
        return undefined;
      case 'closing':
        this.closing = message.result;
        return undefined;
      case 'blobResult':
      case 'blobSubmissionResult':
        this.servesBlobs = true;
        return undefined;
      default:
        return 'a server does not send it';
    }
  }

  #within(queryId: number, take: (exchange: Exchange) => void): string | undefined {
    const exchange = this.#exchanges.get(queryId);
    if (exchange === undefined) return `query id ${queryId} was never used`;
    if (exchange.result !== undefined) return `query id ${queryId} is closed already`;
    take(exchange);
    return undefined;
  }
}

/** Gives the result code back; under a ban no check has a meaning. */
function unbanned(result: number): number {
  if (result < RESULT.IP_TEMP_BANNED || result > RESULT.PUBKEY_PERM_BANNED) return result;
  return skip(`the server banned this client: ${describeResult(result)}`);
}
