/**
 * A client of a gateway without a network in between: it submits until it is told that the record
 * is stored, and takes up its subscriptions again where the server gives them up, as the client
 * library does.
 */
import type { Gateway } from '@mosaic-cluster/gateway';
import {
  buildFilter,
  encodeMessage,
  encodeSubmission,
  type FilterElementInput,
  hexEncode,
  isSuccess,
  parseMessage,
  type RecordView,
  RESULT,
} from '@mosaic-cluster/protocol';

type Socket = Parameters<Gateway['accept']>[0];
type Handler = ReturnType<Gateway['accept']>;

/** Between two attempts. */
const RETRY_MS = 50;

/** One life of a subscription, from Subscribe to Query Closed. */
export interface SubscriptionLife {
  readonly elements: readonly FilterElementInput[];
  /** IDs as they came, in hexadecimal. */
  readonly ids: string[];
  isComplete: boolean;
}

/** A connected client. */
export class ClusterClient {
  /** Subscriptions as they are at present. */
  readonly lives = new Map<number, SubscriptionLife>();
  /** How often a subscription was given up by the server. */
  renewals = 0;
  /** Whether it takes what the server sends. */
  isReading = true;
  readonly received: { readonly bytes: number; readonly name: string }[] = [];
  readonly #socket: Socket;
  readonly #handler: Handler;
  readonly #results = new Map<string, (result: number) => void>();
  readonly #queries = new Map<number, { ids: string[]; done: (result: number) => void }>();
  #queryIds = 0;
  #unread = 0;
  #isClosed = false;

  constructor(gateway: Gateway, key: Uint8Array | undefined) {
    const read = (): number => this.#unread;
    this.#socket = {
      remoteAddress: '127.0.0.1',
      clientKey: key,
      get bufferedBytes() {
        return read();
      },
      send: (message) => this.#take(Uint8Array.from(message)),
      cork: (write) => write(),
      close: () => {},
    };
    this.#handler = gateway.accept(this.#socket);
  }

  /** Subscribes, for good. */
  subscribe(elements: readonly FilterElementInput[]): void {
    if (this.#isClosed) return;
    this.#queryIds += 1;
    const queryId = this.#queryIds;
    this.lives.set(queryId, { elements, ids: [], isComplete: false });
    this.#handler.message(
      encodeMessage({ name: 'subscribe', queryId, limit: 0, filter: buildFilter(elements) }),
    );
  }

  /** Asks; resolves with the records' IDs and the result. */
  query(elements: readonly FilterElementInput[]): Promise<{ ids: string[]; result: number }> {
    this.#queryIds += 1;
    const queryId = this.#queryIds;
    return new Promise((resolve) => {
      const ids: string[] = [];
      this.#queries.set(queryId, { ids, done: (result) => resolve({ ids, result }) });
      this.#handler.message(
        encodeMessage({ name: 'query', queryId, limit: 0, filter: buildFilter(elements) }),
      );
    });
  }

  /** Submits once; resolves with the result. */
  submit(record: RecordView): Promise<number> {
    return new Promise((resolve) => {
      this.#results.set(hexEncode(record.id.subarray(0, 32)), resolve);
      this.#handler.message(encodeSubmission(record.bytes));
    });
  }

  /** Submits until the record is stored. @returns the results on the way */
  async publish(record: RecordView): Promise<number[]> {
    const results: number[] = [];
    for (;;) {
      const result = await this.submit(record);
      results.push(result);
      if (isSuccess(result)) return results;
      if (result !== RESULT.TEMPORARY_ERROR && result !== RESULT.TOO_FAST) {
        throw new Error(`a record was refused with ${result}`);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Reads everything that waits for it. */
  read(): void {
    this.isReading = true;
    this.#unread = 0;
    this.#handler.drained();
  }

  close(): void {
    this.#isClosed = true;
    this.#handler.closed();
  }

  #take(bytes: Uint8Array): boolean {
    if (!this.isReading) this.#unread += bytes.length;
    const message = parseMessage(bytes);
    switch (message.name) {
      case 'record': {
        const id = hexEncode(message.record.id);
        const ids = this.lives.get(message.queryId)?.ids ?? this.#queries.get(message.queryId)?.ids;
        ids?.push(id);
        break;
      }
      case 'locallyComplete': {
        const life = this.lives.get(message.queryId);
        if (life !== undefined) life.isComplete = true;
        break;
      }
      case 'queryClosed':
        this.#closed(message.queryId, message.result);
        break;
      case 'submissionResult': {
        const name = hexEncode(message.idPrefix);
        this.#results.get(name)?.(message.result);
        this.#results.delete(name);
        break;
      }
      default:
        break;
    }
    return true;
  }

  #closed(queryId: number, result: number): void {
    const query = this.#queries.get(queryId);
    this.#queries.delete(queryId);
    query?.done(result);
    const life = this.lives.get(queryId);
    if (life === undefined) return;
    this.lives.delete(queryId);
    this.renewals += 1;
    setTimeout(() => this.subscribe(life.elements), RETRY_MS);
  }
}
