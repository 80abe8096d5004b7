/** A socket without a network: it remembers what was sent and reads when the test says so. */
import { type Message, parseMessage, resultName } from '@mosaic-cluster/protocol';
import {
  type ClientSocket,
  DRAIN_MARK_BYTES,
  type SocketHandler,
} from '../src/listener/listener.ts';

/** What tests look at. */
export class FakeSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly clientKey: Uint8Array | undefined;
  /** Every message sent, in order. */
  readonly sent: Uint8Array[] = [];
  /** How often the system would have been called. */
  writes = 0;
  closedWith: number | undefined;
  bufferedBytes = 0;
  /** Whether the client takes what is sent at once. */
  isReading = true;
  handler!: SocketHandler;
  #corked = 0;
  #reachedMark = false;

  constructor(clientKey?: Uint8Array, remoteAddress = '127.0.0.1') {
    this.clientKey = clientKey;
    this.remoteAddress = remoteAddress;
  }

  send(message: Uint8Array): boolean {
    if (this.closedWith !== undefined) return false;
    this.sent.push(Uint8Array.from(message));
    if (this.#corked === 0) this.writes += 1;
    if (!this.isReading) this.bufferedBytes += message.length;
    if (this.bufferedBytes >= DRAIN_MARK_BYTES) this.#reachedMark = true;
    return true;
  }

  cork(write: () => void): void {
    const before = this.sent.length;
    this.#corked += 1;
    try {
      write();
    } finally {
      this.#corked -= 1;
    }
    if (this.#corked === 0 && this.sent.length > before) this.writes += 1;
  }

  close(code: number, _reason: string): void {
    this.closedWith ??= code;
  }

  /** The client reads everything that waits for it. */
  read(): void {
    this.bufferedBytes = 0;
    if (!this.#reachedMark) return;
    this.#reachedMark = false;
    this.handler.drained();
  }

  /** The messages sent, taken apart. */
  messages(): Message[] {
    return this.sent.map((bytes) => parseMessage(bytes));
  }

  /** The messages sent in a few words each: `closed 7 SUCCESS`, `record 7 12.0`, `complete 7`. */
  story(): string[] {
    return this.messages().map((message) => storyOf(message));
  }

  /** {@link story}, and forgets what was sent so far. */
  takeStory(): string[] {
    const story = this.story();
    this.sent.length = 0;
    return story;
  }
}

/** A record by timestamp and serial. */
export function nameOf(record: Uint8Array): string {
  const view = new DataView(record.buffer, record.byteOffset);
  return `${view.getBigUint64(0)}.${view.getUint32(8, true)}`;
}

function storyOf(message: Message): string {
  switch (message.name) {
    case 'record':
      return `record ${message.queryId} ${nameOf(message.record.bytes)}`;
    case 'locallyComplete':
      return `complete ${message.queryId}`;
    case 'queryClosed':
      return `closed ${message.queryId} ${resultName(message.result)}`;
    case 'submissionResult':
      return `result ${resultName(message.result)} ${nameOf(message.idPrefix)}`;
    case 'closing':
      return `closing ${resultName(message.result)}`;
    default:
      return message.name;
  }
}
