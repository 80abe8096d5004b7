/** A {@link ClientSocket} over a uWebSockets.js socket. */
import type { WebSocket } from 'uWebSockets.js';
import { CLOSE_CODE, shortenReason } from './close-frame.ts';
import { ControlMeter } from './control-meter.ts';
import type { ClientSocket, SocketHandler } from './listener.ts';
import type { ListenerEvent } from './listener-events.ts';
import type { ListenerLimits } from './listener-limits.ts';

/** `send()` says: buffered, and on its way when the peer reads. */
const SENT_LATER = 0;
/** `send()` says: thrown away. */
const DROPPED = 2;

/**
 * The `compress` argument of `send()`. Compression is disabled, so nothing is compressed; but
 * without it, a message from 16 KiB on takes a short cut over plain TCP that loses the length of the
 * frame's head from the end of a message that the kernel takes in part only.
 */
const AVOID_SHORT_CUT = true;

/** What a socket needs from its listener. */
export interface UwsSocketContext {
  readonly limits: ListenerLimits;
  readonly accept: (socket: ClientSocket) => SocketHandler;
  readonly observe: (event: ListenerEvent) => void;
  readonly failed: (error: unknown) => void;
}

/** What uWebSockets.js keeps for us with each of its sockets. */
export interface UwsUserData {
  /** The client's. */
  readonly address: string;
  client: UwsClientSocket | undefined;
}

/** One accepted connection. */
export class UwsClientSocket implements ClientSocket {
  readonly remoteAddress: string;
  /** uWebSockets.js cannot ask for an Ed25519 certificate. */
  readonly clientKey: undefined = undefined;
  readonly #context: UwsSocketContext;
  /** undefined once closed: the native object must not be touched any more. */
  #websocket: WebSocket<UwsUserData> | undefined;
  #handler: SocketHandler | undefined;
  /** Why the connection ends was said already. */
  #isReported = false;
  /** Since its first ping or pong. */
  #control: ControlMeter | undefined;
  /** Some output waits for the peer; cleared when all of it is gone. */
  #behind = false;

  constructor(websocket: WebSocket<UwsUserData>, context: UwsSocketContext) {
    this.#websocket = websocket;
    this.#context = context;
    this.remoteAddress = websocket.getUserData().address;
  }

  /** Hands the socket to the connection layer, which may close it at once. */
  open(): void {
    this.#context.observe('opened');
    this.#guard(() => {
      this.#handler = this.#context.accept(this);
    });
  }

  get bufferedBytes(): number {
    return this.#websocket?.getBufferedAmount() ?? 0;
  }

  send(message: Uint8Array): boolean {
    const websocket = this.#websocket;
    if (websocket === undefined) return false;
    if (this.#behind) {
      const pending = websocket.getBufferedAmount() + message.length;
      if (pending > this.#context.limits.outputBytesMax) return this.#cut(websocket, 'cut-output');
    }
    const status = websocket.send(message, true, AVOID_SHORT_CUT);
    if (status === DROPPED) return this.#cut(websocket, 'cut-output');
    if (status === SENT_LATER) this.#behind = true;
    return true;
  }

  cork(write: () => void): void {
    if (this.#websocket === undefined) write();
    else this.#websocket.cork(write);
  }

  close(code: number, reason: string): void {
    const websocket = this.#websocket;
    if (websocket === undefined) return;
    // Forgotten first: end() calls back, and from then on the native object is invalid.
    this.#websocket = undefined;
    this.report('closed');
    websocket.end(code, shortenReason(reason));
  }

  receive(bytes: Uint8Array, isBinary: boolean): void {
    if (this.#websocket === undefined) return;
    if (bytes.length > this.#context.limits.messageBytesMax) {
      this.report('cut-too-large');
      this.#guard((handler) => handler?.tooLarge());
      this.close(CLOSE_CODE.tooLarge, 'message too large');
      return;
    }
    this.#guard((handler) => (isBinary ? handler?.message(bytes) : handler?.text()));
  }

  /** A ping, which the library answers, or a pong came. */
  receiveControl(): void {
    const websocket = this.#websocket;
    if (websocket === undefined) return;
    this.#control ??= new ControlMeter(this.#context.limits.controlFramesMax);
    if (!this.#control.add(1)) this.#cut(websocket, 'cut-control');
  }

  /** Says why the connection ends; only the first reason counts. */
  report(event: ListenerEvent): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#context.observe(event);
  }

  /** Some output has left. */
  drain(): void {
    if (!this.#behind || this.#websocket?.getBufferedAmount() !== 0) return;
    this.#behind = false;
    this.#guard((handler) => handler?.drained());
  }

  /** The connection is over; may happen within any call to the native object. */
  end(): void {
    this.#websocket = undefined;
    queueMicrotask(() => {
      this.#guard((handler) => handler?.closed());
    });
  }

  #cut(websocket: WebSocket<UwsUserData>, event: ListenerEvent): false {
    this.report(event);
    this.#websocket = undefined;
    websocket.close();
    return false;
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
