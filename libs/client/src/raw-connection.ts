/**
 * One connection without any help: bytes in, bytes out, and how it ended. For tests of servers and
 * for tools that want to see what is really said.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import { dial, type DialVariant } from './dial.ts';
import { checkServer, type ServerOptions } from './options.ts';
import type {
  CloseInfo,
  HandshakeInfo,
  Transport,
  TransportListener,
  TransportSocket,
} from './transport.ts';

/** How a raw connection is made. */
export interface RawOptions extends ServerOptions, DialVariant {
  readonly signal?: AbortSignal;
  /** Bytes of messages that wait to be taken; reading stops there. Default: 8 MiB. */
  readonly bufferBytesMax?: number;
}

/** What an unread message costs beside its bytes. */
const MESSAGE_BYTES = 64;

/**
 * An open connection. Iterating gives the messages as they came, and ends with the connection.
 * Where the platform cannot stop reading (browsers), a connection whose buffer is full is cut.
 */
export class RawConnection implements AsyncIterable<Uint8Array> {
  readonly #bufferBytesMax: number;
  #socket: TransportSocket | undefined;
  #messages: Uint8Array[] = [];
  #bytes = 0;
  #isPaused = false;
  #texts = 0;
  #waiting: (() => void)[] = [];
  #close: CloseInfo | undefined;
  #ended: (close: CloseInfo) => void = () => {};
  /** Resolves when the connection is over, with close code and text. */
  readonly closed: Promise<CloseInfo> = new Promise((resolve) => {
    this.#ended = resolve;
  });

  /** Use `connectRaw`. */
  constructor(bufferBytesMax: number) {
    this.#bufferBytesMax = bufferBytesMax;
  }

  /** What was agreed on when connecting. */
  get handshake(): HandshakeInfo {
    return this.#open().handshake;
  }

  /** Text messages that came; Mosaic has none. */
  get textsReceived(): number {
    return this.#texts;
  }

  /** Bytes sent that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.#open().bufferedBytes;
  }

  /** Sends one binary message, whatever it holds. */
  send(bytes: Uint8Array): void {
    this.#open().send(bytes);
  }

  /** Sends a text message. */
  sendText(text: string): void {
    this.#open().sendText(text);
  }

  /** The next message; undefined when the connection is over and everything was taken. */
  async receive(): Promise<Uint8Array | undefined> {
    while (this.#messages.length === 0 && this.#close === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    this.#bytes -= message.length + MESSAGE_BYTES;
    if (this.#isPaused && this.#bytes <= this.#bufferBytesMax / 2) {
      this.#isPaused = false;
      this.#socket?.resume();
    }
    return message;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const message = await this.receive();
      if (message === undefined) return;
      yield message;
    }
  }

  /** Stops reading from the network, for tests of a server's patience. */
  pause(): void {
    this.#open().pause();
  }

  resume(): void {
    this.#open().resume();
  }

  /** Sends a close frame; resolves when the connection is over, which is up to the server. */
  async close(code = 1000, reason = ''): Promise<CloseInfo> {
    this.#open().close(code, reason);
    return this.closed;
  }

  /** Ends the connection without a word. */
  terminate(): void {
    this.#socket?.terminate();
  }

  /** Hears the transport. For `connectRaw`. */
  listener(): TransportListener {
    return {
      message: (bytes) => this.#receive(bytes),
      text: () => {
        this.#texts += 1;
      },
      pong() {},
      closed: (close) => {
        this.#close = close;
        this.#ended(close);
        this.#wake();
      },
    };
  }

  /** Takes the open connection. For `connectRaw`. */
  start(socket: TransportSocket): this {
    this.#socket = socket;
    return this;
  }

  #receive(bytes: Uint8Array): void {
    this.#messages.push(new Uint8Array(bytes));
    this.#bytes += bytes.length + MESSAGE_BYTES;
    if (this.#bytes > this.#bufferBytesMax && !this.#isPaused) {
      if (this.#socket?.canPause === false) this.#socket.terminate();
      this.#isPaused = true;
      this.#socket?.pause();
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #open(): TransportSocket {
    if (this.#socket !== undefined) return this.#socket;
    throw new MosaicError('closed', 'closed', 'not connected yet');
  }
}

/**
 * Opens a raw connection.
 *
 * @throws as `connect`
 */
export async function openRaw(options: RawOptions, transport: Transport): Promise<RawConnection> {
  const target = checkServer(options, transport);
  const connection = new RawConnection(options.bufferBytesMax ?? 8_388_608);
  const socket = await dial(options, target, transport, connection.listener(), options);
  return connection.start(socket);
}
