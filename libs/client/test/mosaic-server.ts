/**
 * A small Mosaic server for the client's tests: real sockets, real bytes, records in memory, and a
 * hook with which a test makes it misbehave.
 */
import { once } from 'node:events';
import { createServer as createPlainServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { makeTlsIdentity, selfSignedKey } from '@mosaic-cluster/certificate';
import {
  chooseSubprotocol,
  compareBytes,
  compileFilter,
  encodeMessage,
  encodeRecordMessage,
  encodeSubmissionResult,
  equalBytes,
  type FilterView,
  type Message,
  parseMessage,
  RESULT,
  type RecordView,
  timestampFromMillis,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import { type WebSocket, WebSocketServer } from 'ws';

/** A record and when the server received it. */
export interface StoredRecord {
  readonly record: RecordView;
  readonly receivedAt: Timestamp;
}

/** How a test server behaves. */
export interface TestServerOptions {
  /** Its secret key; absent: no TLS. */
  readonly seed?: Uint8Array;
  /** Its clock, in milliseconds since 1970. */
  readonly now?: () => number;
  /** Headers of the answer to the upgrade. */
  readonly headers?: Record<string, string>;
  /** Sees each message first. @returns true where the server should not look at it */
  readonly intercept?: (connection: TestConnection, message: Message) => boolean;
  /** The subprotocol to answer with, whatever was offered; false: none. */
  readonly subprotocol?: string | false;
  readonly port?: number;
}

/** Bytes that wait for a slow reader before the server waits, too. */
const OUTPUT_MAX = 262_144;

/** One client's connection. */
export class TestConnection {
  readonly websocket: WebSocket;
  /** The key of the client's certificate. */
  readonly clientKey: Uint8Array | undefined;
  /** Open subscriptions and running queries, by query id. */
  readonly subscriptions: Map<number, FilterView> = new Map();
  readonly running: Set<number> = new Set();
  /** Names of the messages that came. */
  readonly received: string[] = [];
  constructor(websocket: WebSocket, clientKey: Uint8Array | undefined) {
    this.websocket = websocket;
    this.clientKey = clientKey;
  }

  send(message: Message): void {
    this.sendBytes(encodeMessage(message));
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.websocket.readyState === this.websocket.OPEN) this.websocket.send(bytes);
  }

  /** Cuts the connection. */
  drop(): void {
    this.websocket.terminate();
  }
}

/** A server that listens. */
export class TestServer {
  readonly connections: Set<TestConnection> = new Set();
  readonly stored: StoredRecord[] = [];
  readonly #options: TestServerOptions;
  readonly #http: Server;
  readonly #now: () => number;
  /** Connections accepted so far. */
  accepted = 0;
  /** Records sent so far, repetitions included. */
  recordsSent = 0;

  constructor(options: TestServerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const identity = options.seed && makeTlsIdentity(options.seed);
    this.#http =
      identity === undefined
        ? createPlainServer()
        : createTlsServer({
            cert: identity.certificate,
            key: identity.key,
            requestCert: true,
            rejectUnauthorized: false,
          });
    const { subprotocol } = options;
    const websockets = new WebSocketServer({
      server: this.#http,
      handleProtocols: (offered) =>
        subprotocol ?? chooseSubprotocol([...offered].join(',')) ?? false,
    });
    websockets.on('headers', (lines) => {
      for (const [name, value] of Object.entries(options.headers ?? {})) {
        lines.push(`${name}: ${value}`);
      }
    });
    websockets.on('connection', (websocket, request) => this.#accept(websocket, request));
  }

  get url(): string {
    const { port } = this.#http.address() as AddressInfo;
    return `${this.#options.seed === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/`;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  async listen(): Promise<this> {
    this.#http.listen(this.#options.port ?? 0, '127.0.0.1');
    await once(this.#http, 'listening');
    return this;
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.drop();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  /** Cuts all connections. */
  drop(): void {
    for (const connection of this.connections) connection.drop();
  }

  /** The server receives a record, some time ago if told so: keeps it, tells the subscribers. */
  receive(record: RecordView, agoMs = 0): number {
    if (this.stored.some((entry) => equalBytes(entry.record.id, record.id))) {
      return RESULT.DUPLICATE;
    }
    const entry = { record: record.copy(), receivedAt: timestampFromMillis(this.#now() - agoMs) };
    if (record.duplicateHandling !== 'ephemeral') this.stored.push(entry);
    for (const connection of this.connections) {
      for (const [queryId, filter] of connection.subscriptions) {
        if (!compileFilter(filter).matches(entry.record, entry.receivedAt)) continue;
        this.#sendRecord(connection, queryId, entry.record);
      }
    }
    return RESULT.ACCEPTED;
  }

  /** Stored records that match, newest first. */
  find(filter: FilterView): RecordView[] {
    const matcher = compileFilter(filter);
    return this.stored
      .filter(({ record, receivedAt }) => matcher.matches(record, receivedAt))
      .map(({ record }) => record)
      .sort((a, b) => compareBytes(b.id, a.id));
  }

  #sendRecord(connection: TestConnection, queryId: number, record: RecordView): void {
    this.recordsSent += 1;
    connection.sendBytes(encodeRecordMessage(queryId, record.bytes));
  }

  #accept(websocket: WebSocket, request: IncomingMessage): void {
    this.accepted += 1;
    const tls = this.#options.seed === undefined ? undefined : (request.socket as TLSSocket);
    const certificate = tls?.getPeerX509Certificate();
    const connection = new TestConnection(websocket, certificate && selfSignedKey(certificate));
    this.connections.add(connection);
    websocket.on('error', () => {});
    websocket.on('close', () => {
      this.connections.delete(connection);
      connection.subscriptions.clear();
      connection.running.clear();
    });
    websocket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) return;
      const message = parseMessage(new Uint8Array(data));
      connection.received.push(message.name);
      if (this.#options.intercept?.(connection, message) === true) return;
      this.handle(connection, message);
    });
  }

  /** What a proper server does. */
  handle(connection: TestConnection, message: Message): void {
    if (message.name === 'submission') {
      const result = this.receive(message.record);
      connection.sendBytes(encodeSubmissionResult(result, message.record.id));
    } else if (message.name === 'get') {
      const found = message.references.flatMap((reference) =>
        this.stored
          .map(({ record }) => record)
          .filter(({ id, address }) => equalBytes(id, reference) || equalBytes(address, reference)),
      );
      void this.#answer(connection, message.queryId, [...new Set(found)], 'get');
    } else if (message.name === 'query' || message.name === 'subscribe') {
      const { queryId, filter, limit } = message;
      const found = this.find(filter).slice(0, limit === 0 ? undefined : limit);
      void this.#answer(connection, queryId, found, message.name, filter);
    } else if (message.name === 'unsubscribe') {
      const { queryId } = message;
      const isOpen = connection.subscriptions.delete(queryId) || connection.running.delete(queryId);
      const result = isOpen ? RESULT.SUCCESS : RESULT.NOT_FOUND;
      connection.send({ name: 'queryClosed', queryId, result });
    }
  }

  async #answer(
    connection: TestConnection,
    queryId: number,
    found: readonly RecordView[],
    name: 'get' | 'query' | 'subscribe',
    filter?: FilterView,
  ): Promise<void> {
    const { running, websocket } = connection;
    running.add(queryId);
    const foundAt = this.stored.length;
    for (const [i, record] of found.entries()) {
      // In turns, so that a connection can break and a client can fall behind in between.
      if (i % 16 === 15) await turn(0);
      while (websocket.bufferedAmount > OUTPUT_MAX) await turn(5);
      if (!running.has(queryId)) return;
      this.#sendRecord(connection, queryId, record);
    }
    running.delete(queryId);
    if (name === 'subscribe' && filter !== undefined) {
      // The seam: what came while the stored part was on its way.
      const matcher = compileFilter(filter);
      connection.send({ name: 'locallyComplete', queryId });
      for (const { record, receivedAt } of this.stored.slice(foundAt)) {
        if (matcher.matches(record, receivedAt)) this.#sendRecord(connection, queryId, record);
      }
      connection.subscriptions.set(queryId, filter);
      return;
    }
    const result = name === 'get' && found.length === 0 ? RESULT.NOT_FOUND : RESULT.SUCCESS;
    connection.send({ name: 'queryClosed', queryId, result });
  }
}

async function turn(delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, delayMs);
  });
}

/** Starts a server on a free port of 127.0.0.1. */
export function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  return new TestServer(options).listen();
}
