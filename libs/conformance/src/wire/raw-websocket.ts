/**
 * A WebSocket of which every byte is ours: it can speak properly, and it can misbehave. It is no
 * library's, so that a fault which client and server libraries share is not overlooked.
 */
import type { Duplex } from 'node:stream';
import { encodeFrame, type Frame, type FrameOptions, FrameReader, OPCODE } from './frame.ts';

/** How a WebSocket ended. */
export interface CloseInfo {
  /** Of the peer's close frame; undefined: the connection ended without one, or without a code. */
  readonly code: number | undefined;
  readonly reason: string;
}

/** Who hears what comes in. */
export interface WebSocketListener {
  readonly message: (bytes: Buffer, isText: boolean) => void;
  readonly pong?: (payload: Buffer) => void;
}

/** More than any Mosaic message, so that what a server should not send is still seen. */
const PAYLOAD_BYTES_MAX = 16_777_216;

/** One end of a WebSocket, after the upgrade. */
export class RawWebSocket {
  readonly #socket: Duplex;
  readonly #isClient: boolean;
  readonly #listener: WebSocketListener;
  readonly #reader = new FrameReader(PAYLOAD_BYTES_MAX);
  #parts: Buffer[] = [];
  #isText = false;
  #close: CloseInfo | undefined;
  #hasSentClose = false;
  #ended: (close: CloseInfo) => void = () => {};
  /** Resolves when the connection is over. */
  readonly closed: Promise<CloseInfo> = new Promise((resolve) => {
    this.#ended = resolve;
  });

  /** @param first bytes that came right behind the upgrade */
  constructor(
    socket: Duplex,
    first: Buffer,
    role: 'client' | 'server',
    listener: WebSocketListener,
  ) {
    this.#socket = socket;
    this.#isClient = role === 'client';
    this.#listener = listener;
    const over = (): void => this.#ended(this.#close ?? { code: undefined, reason: '' });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', over);
    socket.on('end', () => {
      socket.end();
      over();
    });
    socket.on('close', over);
    if (first.length > 0) this.#receive(first);
    socket.resume();
  }

  /** Sends a binary message. */
  send(bytes: Uint8Array): void {
    this.sendFrame(OPCODE.binary, bytes);
  }

  /** Sends one frame, proper or not. */
  sendFrame(opcode: number, payload: Uint8Array, options: FrameOptions = {}): void {
    this.write(encodeFrame(opcode, payload, { isMasked: this.#isClient, ...options }));
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** Sends a close frame. */
  close(code: number, reason = ''): void {
    if (this.#hasSentClose) return;
    this.#hasSentClose = true;
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
    this.sendFrame(OPCODE.close, payload);
  }

  /** Ends the connection without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#frame(frame);
    } catch {
      this.#socket.destroy();
    }
  }

  #frame({ opcode, isFinal, payload }: Frame): void {
    switch (opcode) {
      case OPCODE.ping:
        this.sendFrame(OPCODE.pong, payload);
        break;
      case OPCODE.pong:
        this.#listener.pong?.(payload);
        break;
      case OPCODE.close:
        this.#close ??= {
          code: payload.length < 2 ? undefined : payload.readUInt16BE(0),
          reason: payload.subarray(2).toString(),
        };
        this.close(this.#close.code ?? 1000);
        this.#socket.end();
        break;
      default:
        if (opcode !== OPCODE.continuation) this.#isText = opcode === OPCODE.text;
        this.#parts.push(payload);
        if (!isFinal) return;
        payload = this.#parts.length === 1 ? payload : Buffer.concat(this.#parts);
        this.#parts = [];
        this.#listener.message(payload, this.#isText);
    }
  }
}
