/**
 * The transport of Node: `ws` over sockets of our own making. TLS comes first and alone, so that
 * not one byte of the upgrade reaches a server that shows the wrong key.
 */
import type { IncomingMessage } from 'node:http';
import { MosaicError } from '@mosaic-cluster/protocol';
import { WebSocket } from 'ws';
import { connectTls, type TlsConnection } from './tls-node.ts';
import type {
  HandshakeInfo,
  Transport,
  TransportListener,
  TransportSocket,
  TransportTarget,
} from './transport.ts';
import { HEADER, parseExtensions } from '@mosaic-cluster/protocol';

/** Most bytes of a refusing server's page that are quoted in the error. */
const PAGE_BYTES_MAX = 300;
const ABNORMAL = 1006;

/** The transport over `node:tls` and `ws`. */
export const nodeTransport: Transport = { knowsKeys: true, open };

async function open(
  target: TransportTarget,
  listener: TransportListener,
): Promise<TransportSocket> {
  target.signal?.throwIfAborted();
  const deadline = Date.now() + target.timeoutMs;
  const tls = target.url.startsWith('wss:') ? await connectTls(target) : undefined;
  const websocket = new WebSocket(target.url, [...target.subprotocols], {
    headers: { ...target.headers },
    perMessageDeflate: false,
    maxPayload: target.messageBytesMax,
    handshakeTimeout: Math.max(1, deadline - Date.now()),
    followRedirects: false,
    ...(tls === undefined ? {} : { createConnection: () => tls.socket }),
  });
  const socket = new NodeSocket(websocket, listener);
  try {
    const headers = await untilOpen(websocket, target);
    socket.start(describe(websocket, headers, tls));
    return socket;
  } catch (error) {
    tls?.socket.destroy();
    throw error;
  }
}

function describe(
  websocket: WebSocket,
  headers: IncomingMessage['headers'],
  tls: TlsConnection | undefined,
): HandshakeInfo {
  const serviceUrl = headers[HEADER.serviceUrl];
  const extensions = headers[HEADER.extensions] ?? headers[HEADER.extensionsMisspelt];
  return {
    subprotocol: websocket.protocol,
    serviceUrl: typeof serviceUrl === 'string' ? serviceUrl : undefined,
    extensions: typeof extensions === 'string' ? parseExtensions(extensions) : [],
    serverKey: tls?.serverKey,
  };
}

function untilOpen(
  websocket: WebSocket,
  target: TransportTarget,
): Promise<IncomingMessage['headers']> {
  return new Promise((resolve, reject) => {
    let headers: IncomingMessage['headers'] = {};
    const abort = (): void => {
      reject(target.signal?.reason as Error);
      websocket.terminate();
    };
    const done = (): void => target.signal?.removeEventListener('abort', abort);
    target.signal?.addEventListener('abort', abort);
    websocket.on('upgrade', (response: IncomingMessage) => {
      headers = response.headers;
    });
    websocket.on('unexpected-response', (request, response: IncomingMessage) => {
      done();
      void quote(response).then((page) => {
        request.destroy();
        reject(notMosaic(target, `it answered HTTP ${response.statusCode}${page}`));
      });
    });
    websocket.once('open', () => {
      done();
      resolve(headers);
    });
    // Stays for the connection's life: an error without a listener would end the process.
    websocket.on('error', (error: Error) => {
      done();
      reject(connectFailure(target, error));
    });
  });
}

/** The first words of a refusing answer, which say more than its number. */
async function quote(response: IncomingMessage): Promise<string> {
  let page = '';
  try {
    for await (const chunk of response) {
      page += String(chunk);
      if (page.length >= PAGE_BYTES_MAX) break;
    }
  } catch {
    // What came until then will do.
  }
  const text = page.replaceAll(/\s+/g, ' ').trim().slice(0, PAGE_BYTES_MAX);
  return text === '' ? '' : `: ${text}`;
}

function connectFailure(target: TransportTarget, error: Error): MosaicError {
  if (/subprotocol/i.test(error.message)) {
    return notMosaic(target, 'it did not answer with the subprotocol that was offered', error);
  }
  const message = `cannot connect to ${target.url}: ${error.message}`;
  return new MosaicError('unavailable', 'connect', message, { cause: error });
}

function notMosaic(target: TransportTarget, why: string, cause?: unknown): MosaicError {
  const message = `${target.url} is no Mosaic server: ${why}`;
  return new MosaicError('invalid', 'handshake', message, { cause });
}

class NodeSocket implements TransportSocket {
  readonly canPing = true;
  readonly canPause = true;
  readonly #websocket: WebSocket;
  #handshake: HandshakeInfo | undefined;
  #cause: unknown;

  constructor(websocket: WebSocket, listener: TransportListener) {
    this.#websocket = websocket;
    websocket.on('message', (data: Buffer, isBinary: boolean) => {
      // Not as a Buffer, whose methods differ: its slice is no copy.
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      if (isBinary) listener.message(bytes);
      else listener.text();
    });
    websocket.on('pong', () => listener.pong());
    websocket.on('error', (error: Error) => {
      this.#cause ??= error;
    });
    websocket.on('close', (code: number, reason: Buffer) => {
      if (this.#handshake === undefined) return;
      const end = this.#cause === undefined ? code : ABNORMAL;
      listener.closed({ code: end, reason: reason.toString(), cause: this.#cause });
    });
  }

  /** From here on the listener is told of the end. */
  start(handshake: HandshakeInfo): void {
    this.#handshake = handshake;
  }

  get handshake(): HandshakeInfo {
    return this.#handshake as HandshakeInfo;
  }

  get bufferedBytes(): number {
    return this.#websocket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    // A failed write is followed by the close, which says it better.
    if (this.#websocket.readyState === WebSocket.OPEN) this.#websocket.send(bytes, () => {});
  }

  sendText(text: string): void {
    if (this.#websocket.readyState === WebSocket.OPEN) this.#websocket.send(text, () => {});
  }

  pause(): void {
    this.#websocket.pause();
  }

  resume(): void {
    this.#websocket.resume();
  }

  ping(): void {
    if (this.#websocket.readyState === WebSocket.OPEN) this.#websocket.ping(() => {});
  }

  close(code: number, reason: string): void {
    // A paused socket would never read the answer to the close frame.
    this.#websocket.resume();
    this.#websocket.close(code, reason);
  }

  terminate(): void {
    this.#websocket.terminate();
  }
}
