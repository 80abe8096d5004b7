/** The least that a client needs, on a real socket: what goes out and what comes in, as it is. */
import { once } from 'node:events';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import {
  buildFilter,
  encodeMessage,
  encodeSubmission,
  type FilterElementInput,
  hexEncode,
  type Message,
  parseMessage,
  type RecordView,
  type Reference,
  type ResultName,
  resultName,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import { WebSocket } from 'ws';

/** What a Get, Query or Subscribe brought. */
export interface Answer {
  readonly ids: string[];
  readonly records: RecordView[];
  /** The result it was closed with, or that everything stored was sent. */
  result: ResultName | 'LOCALLY_COMPLETE' | undefined;
}

type Waiter = () => boolean;

/** A connection. */
export class TestClient {
  readonly #socket: WebSocket;
  readonly #results = new Map<string, ResultName | undefined>();
  readonly #answers = new Map<number, Answer>();
  readonly #waiters = new Set<Waiter>();
  #queryId = 0;
  /** What the server gave as its reason to close. */
  closing: ResultName | undefined;
  isClosed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (bytes: Buffer) => {
      this.#receive(parseMessage(new Uint8Array(bytes)));
      this.#check();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#check();
    });
  }

  /**
   * Connects; with a key, by a client certificate.
   *
   * @param localAddress where to connect from: any address of 127.0.0.0/8
   */
  static async connect(
    url: string,
    secret?: SecretKey,
    localAddress?: string,
  ): Promise<TestClient> {
    const identity = secret && makeTlsIdentity(secret);
    const socket = new WebSocket(url, 'mosaic2024', {
      rejectUnauthorized: false,
      ...(localAddress !== undefined && { localAddress }),
      ...(identity && { cert: identity.certificate, key: identity.key }),
    });
    const client = new TestClient(socket);
    await once(socket, 'open');
    return client;
  }

  /** Submits records at once; their results, in order. */
  async submit(...records: RecordView[]): Promise<(ResultName | undefined)[]> {
    const names = records.map(({ id }) => hexEncode(id.subarray(0, 32)));
    for (const name of names) this.#results.delete(name);
    for (const { bytes } of records) this.#socket.send(encodeSubmission(bytes));
    await this.#until(() => names.every((name) => this.#results.has(name)));
    return names.map((name) => this.#results.get(name));
  }

  /** Sends a Query and waits for its end. */
  query(...elements: FilterElementInput[]): Promise<Answer> {
    const filter = buildFilter(elements);
    return this.#ask((queryId) => ({ name: 'query', queryId, limit: 0, filter }));
  }

  /** Sends a Get and waits for its end. */
  get(...references: Reference[]): Promise<Answer> {
    return this.#ask((queryId) => ({ name: 'get', queryId, references }));
  }

  /** Sends a Subscribe and waits until everything stored came; the answer goes on to grow. */
  subscribe(...elements: FilterElementInput[]): Promise<Answer> {
    const filter = buildFilter(elements);
    return this.#ask((queryId) => ({ name: 'subscribe', queryId, limit: 0, filter }));
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<ResultName | undefined> {
    if (!this.isClosed) await new Promise((resolve) => this.#socket.once('close', resolve));
    return this.closing;
  }

  close(): void {
    this.#socket.terminate();
  }

  async #ask(message: (queryId: number) => Message): Promise<Answer> {
    const queryId = (this.#queryId += 1);
    const answer: Answer = { ids: [], records: [], result: undefined };
    this.#answers.set(queryId, answer);
    this.#socket.send(encodeMessage(message(queryId)));
    await this.#until(() => answer.result !== undefined);
    return answer;
  }

  #receive(message: Message): void {
    switch (message.name) {
      case 'submissionResult':
        this.#results.set(hexEncode(message.idPrefix), resultName(message.result));
        return;
      case 'record': {
        const answer = this.#answers.get(message.queryId);
        answer?.records.push(message.record);
        answer?.ids.push(hexEncode(message.record.id));
        return;
      }
      case 'locallyComplete':
      case 'queryClosed': {
        const answer = this.#answers.get(message.queryId);
        if (answer === undefined) return;
        answer.result =
          message.name === 'queryClosed' ? resultName(message.result) : 'LOCALLY_COMPLETE';
        return;
      }
      case 'closing':
        this.closing = resultName(message.result);
        return;
      default:
        throw new Error(`the server sent ${message.name}`);
    }
  }

  /** Resolves when `isDone` says so after a message; rejects when the connection ends first. */
  #until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = () => {
        if (isDone()) resolve();
        else if (this.isClosed) reject(new Error(`the connection ended (${this.closing})`));
        else return false;
        return true;
      };
      if (!waiter()) this.#waiters.add(waiter);
    });
  }

  #check(): void {
    for (const waiter of this.#waiters) if (waiter()) this.#waiters.delete(waiter);
  }
}
