/**
 * The transport of browsers, over their global `WebSocket`. Browsers show neither certificates nor
 * headers and can neither ping nor stop reading; the certificate authorities vouch for the server
 * and the connection is anonymous.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type {
  Transport,
  TransportListener,
  TransportSocket,
  TransportTarget,
} from './transport.ts';

/** The part of the browsers' `WebSocket` that is used. */
export interface BrowserWebSocket {
  binaryType: string;
  readonly protocol: string;
  readonly bufferedAmount: number;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: 'close',
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  send(data: Uint8Array<ArrayBuffer> | string): void;
  close(code?: number, reason?: string): void;
}

/** Makes a `WebSocket`: the global class, or another one with its shape. */
export type BrowserWebSocketClass = new (url: string, protocols: string[]) => BrowserWebSocket;

/** The only standard close code that a browser lets a page send. */
const NORMAL = 1000;
/** No close frame came. */
const ABNORMAL = 1006;
/** From here on codes are free for applications. */
const APPLICATION = 3000;

/**
 * The transport over a class like the browsers' `WebSocket`.
 *
 * @param webSocketClass absent: the global one, looked up when connecting
 */
export function makeBrowserTransport(webSocketClass?: BrowserWebSocketClass): Transport {
  return {
    knowsKeys: false,
    open(target, listener) {
      const found = webSocketClass ?? (globalThis as { WebSocket?: unknown }).WebSocket;
      if (found === undefined) {
        throw new MosaicError('unavailable', 'connect', 'this platform has no global WebSocket');
      }
      return open(found as BrowserWebSocketClass, target, listener);
    },
  };
}

/** The transport over the global `WebSocket`. */
export const browserTransport: Transport = makeBrowserTransport();

async function open(
  webSocketClass: BrowserWebSocketClass,
  target: TransportTarget,
  listener: TransportListener,
): Promise<TransportSocket> {
  target.signal?.throwIfAborted();
  const websocket = new webSocketClass(target.url, [...target.subprotocols]);
  websocket.binaryType = 'arraybuffer';
  let isOpen = false;
  let isOver = false;
  const end = (code: number, reason: string): void => {
    if (!isOpen || isOver) return;
    isOver = true;
    listener.closed({ code, reason, cause: undefined });
  };
  websocket.addEventListener('message', ({ data }) => {
    if (isOver) return;
    if (!(data instanceof ArrayBuffer)) listener.text();
    else if (data.byteLength <= target.messageBytesMax) listener.message(new Uint8Array(data));
    else websocket.close(APPLICATION, 'message too large');
  });
  websocket.addEventListener('close', ({ code, reason }) => end(code, reason));
  await new Promise<void>((resolve, reject) => {
    const give = (error: unknown): void => {
      clearTimeout(timer);
      target.signal?.removeEventListener('abort', abort);
      reject(error);
      websocket.close();
    };
    const abort = (): void => give(target.signal?.reason);
    const timer = setTimeout(() => give(refusal(target, 'no answer in time')), target.timeoutMs);
    target.signal?.addEventListener('abort', abort);
    websocket.addEventListener('close', () => {
      if (!isOpen)
        give(refusal(target, 'the connection was refused; the browser does not say why'));
    });
    websocket.addEventListener('error', () => {});
    websocket.addEventListener('open', () => {
      clearTimeout(timer);
      target.signal?.removeEventListener('abort', abort);
      isOpen = true;
      resolve();
    });
  });
  return socketOver(websocket, () => {
    // A browser cannot cut a connection; it may wait for a dead server's answer for minutes.
    websocket.close();
    queueMicrotask(() => end(ABNORMAL, ''));
  });
}

function refusal(target: TransportTarget, why: string): MosaicError {
  return new MosaicError('unavailable', 'connect', `cannot connect to ${target.url}: ${why}`);
}

function socketOver(websocket: BrowserWebSocket, terminate: () => void): TransportSocket {
  const handshake = {
    subprotocol: websocket.protocol,
    serviceUrl: undefined,
    extensions: [],
    serverKey: undefined,
  };
  return {
    handshake,
    canPing: false,
    canPause: false,
    get bufferedBytes() {
      return websocket.bufferedAmount;
    },
    send: (bytes) => websocket.send(bytes as Uint8Array<ArrayBuffer>),
    sendText: (text) => websocket.send(text),
    pause() {},
    resume() {},
    ping() {},
    close(code, reason) {
      websocket.close(code === NORMAL || code >= APPLICATION ? code : NORMAL, reason);
    },
    terminate,
  };
}
