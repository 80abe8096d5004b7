/**
 * A Mosaic server in a few lines, over real sockets, for the generator's own tests: it does what a
 * generator waits for, and on demand one thing wrong, which the generator must notice.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  compareBytes,
  compileFilter,
  encodeMessage,
  encodeRecordMessage,
  encodeSubmissionResult,
  type FilterMatcher,
  hexEncode,
  type Message,
  parseMessage,
  type RecordView,
  type Reference,
  referenceKind,
  RESULT,
} from '@mosaic-cluster/protocol';
import { type WebSocket, WebSocketServer } from 'ws';

/** What the server can do wrong. */
export type Fault =
  | 'refuses-records'
  | 'answers-for-another-record'
  | 'drops-a-result'
  | 'forgets-the-newest'
  | 'adds-a-stranger'
  | 'sends-oldest-first'
  | 'repeats-a-record'
  | 'closes-the-connection'
  | 'delivers-twice'
  | 'delivers-to-everybody'
  | 'alters-a-record';

interface Subscription {
  readonly queryId: number;
  readonly matcher: FilterMatcher;
}

/** A running server. */
export class MemoryServer {
  fault: Fault | undefined;
  /** A fault that the server has when it holds so many records. */
  laterFault: { readonly fault: Fault; readonly records: number } | undefined;
  /** Records that were submitted. */
  readonly records = new Map<string, RecordView>();
  readonly #server: WebSocketServer;
  readonly #subscriptions = new Map<WebSocket, Subscription>();

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => this.#answer(socket, parseMessage(data)));
      socket.on('close', () => this.#subscriptions.delete(socket));
      socket.on('error', () => {});
    });
  }

  static async start(): Promise<MemoryServer> {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      backlog: 1_024,
      handleProtocols: () => 'mosaic2024',
    });
    await once(server, 'listening');
    return new MemoryServer(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(socket: WebSocket, message: Message): void {
    if (this.fault === 'closes-the-connection') {
      socket.close(1011, 'out of order');
      return;
    }
    switch (message.name) {
      case 'submission':
        this.#submission(socket, message.record.copy());
        return;
      case 'get': {
        const found = message.references.flatMap((reference) => this.#get(reference));
        this.#stored(socket, message.queryId, found, true);
        return;
      }
      case 'query': {
        const records = this.#find(compileFilter(message.filter), message.limit);
        this.#stored(socket, message.queryId, records, false);
        return;
      }
      case 'subscribe': {
        const { queryId } = message;
        const matcher = compileFilter(message.filter);
        for (const record of this.#find(matcher, message.limit)) {
          socket.send(encodeRecordMessage(queryId, record.bytes));
        }
        socket.send(encodeMessage({ name: 'locallyComplete', queryId }));
        this.#subscriptions.set(socket, { queryId, matcher });
        return;
      }
      case 'unsubscribe': {
        this.#subscriptions.delete(socket);
        const { queryId } = message;
        socket.send(encodeMessage({ name: 'queryClosed', queryId, result: RESULT.SUCCESS }));
        return;
      }
      default:
        socket.send(encodeMessage({ name: 'unrecognized' }));
    }
  }

  #submission(socket: WebSocket, record: RecordView): void {
    const id = record.id.slice();
    const isNew = !this.records.has(hexEncode(id));
    const isEphemeral = record.duplicateHandling === 'ephemeral';
    if (record.duplicateHandling === 'replaceable') {
      for (const older of this.#get(record.address)) this.records.delete(hexEncode(older.id));
    }
    if (!isEphemeral) this.records.set(hexEncode(id), record);
    if (this.records.size === this.laterFault?.records) this.fault = this.laterFault.fault;
    if (this.fault === 'drops-a-result' && this.records.size === 3) return;
    if (this.fault === 'answers-for-another-record') id[20] = 0xff ^ (id[20] ?? 0);
    const isHeard = [...this.#subscriptions.values()].some(({ matcher }) => {
      return matcher.matches(record, 0n);
    });
    const stored = isNew ? RESULT.ACCEPTED : RESULT.DUPLICATE;
    const accepted = isEphemeral && !isHeard ? RESULT.NO_CONSUMERS : stored;
    const result = this.fault === 'refuses-records' ? RESULT.TOO_FAST : accepted;
    socket.send(encodeSubmissionResult(result, id));
    if (isNew) this.#publish(record);
  }

  #publish(record: RecordView): void {
    const { fault } = this;
    const altered = record.bytes.slice();
    altered.fill(0xff, record.signedEnd - 8, record.signedEnd);
    for (const [socket, { queryId, matcher }] of this.#subscriptions) {
      if (fault !== 'delivers-to-everybody' && !matcher.matches(record, 0n)) continue;
      const bytes = fault === 'alters-a-record' ? altered : record.bytes;
      socket.send(encodeRecordMessage(queryId, bytes));
      if (fault === 'delivers-twice') socket.send(encodeRecordMessage(queryId, bytes));
    }
  }

  #stored(socket: WebSocket, queryId: number, records: RecordView[], isGet: boolean): void {
    if (this.fault === 'sends-oldest-first') records.reverse();
    if (this.fault === 'repeats-a-record' && records.length > 0) records[1] = records[0]!;
    for (const record of records) socket.send(encodeRecordMessage(queryId, record.bytes));
    const result = records.length === 0 && isGet ? RESULT.NOT_FOUND : RESULT.SUCCESS;
    socket.send(encodeMessage({ name: 'queryClosed', queryId, result }));
  }

  #find(matcher: FilterMatcher, limit: number): RecordView[] {
    const all = [...this.records.values()].sort((a, b) => compareBytes(b.id, a.id));
    const matching = all.filter((record) => matcher.matches(record, 0n));
    if (this.fault === 'adds-a-stranger') {
      const stranger = all.find((record) => !matcher.matches(record, 0n));
      if (stranger !== undefined) matching.unshift(stranger);
    }
    const known = matching.slice(this.fault === 'forgets-the-newest' ? 1 : 0);
    return limit === 0 ? known : known.slice(0, limit);
  }

  #get(reference: Reference): RecordView[] {
    if (referenceKind(reference) === 'address') {
      const all = [...this.records.values()];
      return all.filter(({ address }) => compareBytes(address, reference) === 0);
    }
    const record = this.records.get(hexEncode(reference));
    return record === undefined ? [] : [record];
  }
}
