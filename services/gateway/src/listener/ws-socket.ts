/**
 * A {@link ClientSocket} over the `ws` package and a Node socket. `ws` parses what comes in and
 * speaks the control frames; binary frames go out from here, because one buffer with head and
 * message costs less than the two that `ws` would write, and needs the copy only once.
 */
import type { Socket } from 'node:net';
import { addressGroup } from '@mosaic-cluster/abuse';
import { WebSocket } from 'ws';
import { CLOSE_CODE, shortenReason } from './close-frame.ts';
import { ControlMeter } from './control-meter.ts';
import {
  type ClientSocket,
  DRAIN_MARK_BYTES,
  LONG_PART_BYTES,
  type SocketHandler,
} from './listener.ts';
import type { ListenerEvent } from './listener-events.ts';
import type { ListenerLimits } from './listener-limits.ts';
import { MessageMeter } from './message-meter.ts';
import type { ReceiveBudget, ReceivingClient } from './receive-budget.ts';

/** Sweeps from the last sign of life until a connection is cut; at half of them it is pinged. */
export const IDLE_SWEEPS = 8;

/**
 * What a client that is crowded out gets to read its farewell. Until then `ws` keeps the parts of
 * its message, uncounted, but no further ones are taken from it.
 */
const FAREWELL_MS = 500;

/** The `ws` socket, with a moment to say something before it refuses a message that is too long. */
export class ObservedWebSocket extends WebSocket {
  /** Called before a close with 1009 is sent. */
  beforeTooLarge: (() => void) | undefined;

  /**
   * `ws` calls this itself: without a reason where a frame's head announces more than `maxPayload`,
   * and with the peer's code and reason, be it empty, to answer the peer's close frame.
   */
  override close(code?: number, reason?: string | Buffer): void {
    const tell = this.beforeTooLarge;
    if (code === CLOSE_CODE.tooLarge && reason === undefined && tell !== undefined) {
      this.beforeTooLarge = undefined;
      tell();
    }
    super.close(code, reason);
  }
}

/** What a socket needs from its listener. */
export interface WsSocketContext {
  readonly limits: ListenerLimits;
  readonly receiveBudget: ReceiveBudget;
  readonly accept: (socket: ClientSocket) => SocketHandler;
  readonly observe: (event: ListenerEvent) => void;
  readonly failed: (error: unknown) => void;
  readonly ended: (socket: WsClientSocket) => void;
}

/** One accepted connection. */
export class WsClientSocket implements ClientSocket, ReceivingClient {
  readonly remoteAddress: string;
  readonly group: string;
  readonly clientKey: Uint8Array | undefined;
  readonly #websocket: ObservedWebSocket;
  readonly #socket: Socket;
  readonly #context: WsSocketContext;
  readonly #meter = new MessageMeter();
  /** Since its first ping or pong. */
  #control: ControlMeter | undefined;
  #handler: SocketHandler | undefined;
  /** Why the connection ends was said already. */
  #isReported = false;
  /** What comes in is thrown away. */
  #isDeaf = false;
  #aboveMark = false;
  #closing = false;
  #quietSweeps = 0;
  #bytesRead = 0;
  #bytesPending = 0;

  constructor(
    websocket: ObservedWebSocket,
    socket: Socket,
    client: { readonly address: string; readonly key: Uint8Array | undefined },
    context: WsSocketContext,
  ) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.#context = context;
    this.clientKey = client.key;
    this.remoteAddress = client.address;
    this.group = addressGroup(this.remoteAddress);
    context.observe('opened');
    websocket.beforeTooLarge = () => this.#refuseTooLarge();
    websocket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    websocket.on('close', () => this.#end());
    // A broken frame, a failed write: the close that follows says all there is to say.
    websocket.on('error', () => this.#goDeaf());
    // After `ws` has looked at it.
    socket.on('data', (piece: Buffer) => this.#measure(piece));
    socket.on('drain', () => this.#drain());
    this.#guard(() => {
      this.#handler = context.accept(this);
    });
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  send(message: Uint8Array): boolean {
    if (this.#closing || this.#websocket.readyState !== WebSocket.OPEN) return false;
    const frame = binaryFrame(message);
    const pending = this.#socket.writableLength + frame.length;
    if (pending > this.#context.limits.outputBytesMax) {
      this.#cut('cut-output');
      return false;
    }
    if (pending >= DRAIN_MARK_BYTES) this.#aboveMark = true;
    this.#socket.write(frame);
    return true;
  }

  cork(write: () => void): void {
    this.#socket.cork();
    try {
      write();
    } finally {
      this.#socket.uncork();
    }
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#websocket.beforeTooLarge = undefined;
    this.#websocket.close(code, shortenReason(reason));
  }

  /** Ends the connection without a word. */
  terminate(): void {
    this.#closing = true;
    this.#websocket.terminate();
  }

  /**
   * Called {@link IDLE_SWEEPS} times per `idleTimeoutMs`. Bytes that came in, be it a part of a
   * message, and output that the peer took are signs of life.
   */
  sweep(): void {
    const { bytesRead, writableLength } = this.#socket;
    const alive = bytesRead !== this.#bytesRead || writableLength < this.#bytesPending;
    this.#bytesRead = bytesRead;
    this.#bytesPending = writableLength;
    this.#quietSweeps = alive ? 0 : this.#quietSweeps + 1;
    if (this.#closing) return;
    if (this.#quietSweeps === IDLE_SWEEPS / 2) this.#websocket.ping();
    if (this.#quietSweeps >= IDLE_SWEEPS) this.#cut('cut-idle');
  }

  /** The parts of its message cost too much. */
  crowdOut(): void {
    this.#report('cut-receiving');
    this.#goDeaf();
    if (this.#closing) {
      this.terminate();
      return;
    }
    this.#guard((handler) => handler?.crowdedOut());
    this.close(CLOSE_CODE.tryAgainLater, 'too many unfinished messages');
    this.#websocket.pause();
    setTimeout(() => this.terminate(), FAREWELL_MS).unref();
  }

  #measure(piece: Buffer): void {
    if (this.#isDeaf) return;
    const { messages, controlFrames } = this.#meter;
    this.#meter.add(piece);
    if (this.#meter.controlFrames !== controlFrames) {
      this.#control ??= new ControlMeter(this.#context.limits.controlFramesMax);
      if (!this.#control.add(this.#meter.controlFrames - controlFrames)) {
        this.#goDeaf();
        this.#cut('cut-control');
        return;
      }
    }
    const isSame = this.#meter.messages === messages;
    const { heldBytes } = this.#meter;
    this.#context.receiveBudget.hold(this, heldBytes, isSame);
    if (heldBytes >= LONG_PART_BYTES && !this.#isDeaf) this.#askForRest();
  }

  #askForRest(): void {
    let mayReceive = true;
    this.#guard((handler) => {
      mayReceive = handler?.mayReceive() !== false;
    });
    if (!mayReceive) this.crowdOut();
  }

  #goDeaf(): void {
    if (this.#isDeaf) return;
    this.#isDeaf = true;
    this.#context.receiveBudget.release(this);
    const { heldBytes } = this.#meter;
    if (heldBytes > 0) this.#guard((handler) => handler?.wasted(heldBytes));
  }

  /** Says why the connection ends; only the first reason counts. */
  #report(event: ListenerEvent): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#context.observe(event);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#closing) return;
    this.#guard((handler) => (isBinary ? handler?.message(data) : handler?.text()));
  }

  #refuseTooLarge(): void {
    this.#report('cut-too-large');
    this.#guard((handler) => handler?.tooLarge());
    this.#closing = true;
  }

  #drain(): void {
    if (!this.#aboveMark || this.#closing) return;
    this.#aboveMark = false;
    this.#guard((handler) => handler?.drained());
  }

  #end(): void {
    this.#goDeaf();
    this.#report(this.#closing ? 'closed' : 'left');
    this.#closing = true;
    this.#context.ended(this);
    this.#guard((handler) => handler?.closed());
  }

  #cut(event: ListenerEvent): void {
    this.#report(event);
    this.terminate();
  }

  /** An error of one connection's handler must not end the process, and with it all others. */
  #guard(call: (handler: SocketHandler | undefined) => void): void {
    try {
      call(this.#handler);
    } catch (error) {
      this.#context.failed(error);
      this.close(CLOSE_CODE.internalError, 'internal error');
    }
  }
}

/** RFC 6455 §5.2: one final, unmasked binary frame. */
function binaryFrame(message: Uint8Array): Buffer {
  const { length } = message;
  const headBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + length);
  frame[0] = 0x82;
  if (headBytes === 2) {
    frame[1] = length;
  } else if (headBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  frame.set(message, headBytes);
  return frame;
}
