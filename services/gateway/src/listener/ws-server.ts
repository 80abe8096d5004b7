/**
 * A listener over Node's HTTP server and the `ws` package: everything that `listener-mtls.ts` and
 * `listener-ws.ts` have in common, which is all but where the client's key comes from.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { type Server as Upgrader, WebSocketServer } from 'ws';
import { listenerUrl } from './address.ts';
import { CLOSE_CODE } from './close-frame.ts';
import { FrontDoor } from './front-door.ts';
import {
  type AnswerRules,
  answerRequest,
  type HttpResponse,
  type HttpUpgrade,
  refuseRequest,
} from './http-answer.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import type { ListenerEvent } from './listener-events.ts';
import { type ListenerLimits, resolveLimits } from './listener-limits.ts';
import { ReceiveBudget } from './receive-budget.ts';
import { describeRequest, endWithResponse, makeServer, type WsServerVariant } from './ws-http.ts';
import { IDLE_SWEEPS, ObservedWebSocket, WsClientSocket } from './ws-socket.ts';

/** A message in more fragments than this ends its connection with 1008. */
const FRAGMENTS_MAX = 16_384;

const TLS_LATE = 'ERR_TLS_HANDSHAKE_TIMEOUT';
/** The connection ended within the handshake: the client left, or was cut in favour of another. */
const TLS_GONE = 'ECONNRESET';
/** Answers to what Node's HTTP parser gives up on. */
const BROKEN_REQUESTS: Readonly<Record<string, HttpResponse>> = {
  HPE_HEADER_OVERFLOW: refuseRequest(431, 'The request headers are too long.'),
  ERR_HTTP_REQUEST_TIMEOUT: refuseRequest(408, 'The request took too long.'),
};

/** Opens the listener; resolves when it listens. */
export async function openWsServer(
  options: ListenerOptions,
  variant: WsServerVariant,
): Promise<Listener> {
  const server = new WsServer(options, variant);
  await server.listen(options.host, options.port);
  return server;
}

class WsServer implements Listener {
  readonly #limits: ListenerLimits;
  readonly #rules: AnswerRules;
  readonly #inspect: WsServerVariant['inspect'];
  readonly #secure: boolean;
  readonly #observe: (event: ListenerEvent) => void;
  readonly #door: FrontDoor;
  readonly #server: Server;
  readonly #upgrader: Upgrader<typeof ObservedWebSocket>;
  readonly #accept: (websocket: ObservedWebSocket, socket: Socket) => void;
  readonly #sockets = new Set<WsClientSocket>();
  /** The answers to requests that are being upgraded. */
  readonly #upgrades = new WeakMap<IncomingMessage, HttpUpgrade>();
  #address: FrontDoor['address'];
  #sweeper: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #lastEnded: (() => void) | undefined;

  constructor(options: ListenerOptions, variant: WsServerVariant) {
    const limits = resolveLimits(options.limits);
    this.#limits = limits;
    this.#inspect = variant.inspect;
    this.#secure = options.tls !== undefined;
    this.#observe = options.observe ?? (() => {});
    this.#rules = {
      serviceUrl: options.serviceUrl,
      extensions: options.extensions ?? [],
      page: options.page,
      closedBecause: () => this.#closedBecause(),
    };
    const context = {
      limits,
      receiveBudget: options.receiveBudget ?? new ReceiveBudget(limits.receivingBytesMax),
      accept: options.accept,
      observe: this.#observe,
      failed: options.failed ?? (() => {}),
      ended: (socket: WsClientSocket) => this.#forget(socket),
    };
    this.#accept = (websocket, socket) => {
      const client = { address: this.#door.finished(socket), key: variant.clientKey(socket) };
      this.#sockets.add(new WsClientSocket(websocket, socket, client, context));
    };
    this.#upgrader = this.#makeUpgrader();
    this.#server = makeServer(options, limits, variant);
    this.#attach();
    this.#door = new FrontDoor(options, limits, (connection) => {
      this.#server.emit('connection', connection);
      // TLS reads by itself.
      if (!this.#secure) connection.resume();
    });
  }

  get url(): string {
    return listenerUrl(this.#secure, this.#address?.address ?? '', this.port);
  }

  get port(): number {
    return this.#address?.port ?? 0;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get handshakes(): number {
    return this.#door.handshakes;
  }

  get waiting(): number {
    return this.#door.waiting;
  }

  async listen(host: string, port: number): Promise<void> {
    await this.#door.listen(host, port);
    this.#address = this.#door.address;
    // It listens nowhere itself, but from this on it looks for requests that are late.
    this.#server.emit('listening');
    const period = Math.max(1, Math.round(this.#limits.idleTimeoutMs / IDLE_SWEEPS));
    this.#sweeper = setInterval(() => {
      for (const socket of this.#sockets) socket.sweep();
    }, period).unref();
  }

  stopAccepting(): void {
    this.#stopped ??= this.#door.stop();
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.stopAccepting();
    if (this.#sockets.size > 0) {
      const ended = new Promise<void>((resolve) => {
        this.#lastEnded = resolve;
      });
      // Each ends within closeTimeoutMs, whatever its peer does.
      for (const socket of this.#sockets) socket.close(CLOSE_CODE.goingAway, 'going away');
      await ended;
    }
    clearInterval(this.#sweeper);
    this.#door.destroyAll();
    this.#server.close();
    await this.#stopped;
  }

  #attach(): void {
    const server = this.#server;
    // First in line: the HTTPS server takes it for an error of a client's request.
    server.prependListener('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      if (error.code !== TLS_GONE) {
        this.#door.failed(socket, error.code === TLS_LATE ? 'refused-late' : 'refused-tls');
      }
      socket.destroy();
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#refuseBroken(error.code ?? '', socket);
    });
    // First in line: HTTP must not see a connection that is refused.
    server.prependListener('secureConnection', (socket: Socket) => {
      try {
        this.#inspect(socket);
      } catch {
        this.#door.failed(socket, 'refused-certificate');
        socket.destroy();
      }
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const answer = answerRequest(describeRequest(request), this.#rules);
    // Node calls a request an upgrade only with `Connection: upgrade`; without it, it is none.
    const { status, headers, body } =
      'body' in answer
        ? answer
        : refuseRequest(400, 'A WebSocket begins with the header Connection: Upgrade.');
    this.#observeRefusal(status, request.socket);
    response.writeHead(status, { ...headers, Connection: 'close' });
    response.end(body);
  }

  /** What came is no HTTP request, or did not come in time. */
  #refuseBroken(code: string, socket: Socket): void {
    const refusal = BROKEN_REQUESTS[code];
    const isRequest = refusal !== undefined || code.startsWith('HPE_');
    // Anything else is a peer that went away, which is its right.
    if (isRequest) {
      this.#door.failed(socket, refusal?.status === 408 ? 'refused-late' : 'refused-request');
    }
    if (!isRequest || !socket.writable || socket.bytesWritten > 0) socket.destroy();
    else endWithResponse(socket, refusal ?? refuseRequest(400, 'This is no HTTP request.'));
  }

  #observeRefusal(status: number, socket: Socket): void {
    if (status === 200) return;
    if (status !== 503) this.#door.failed(socket, 'refused-request');
    else this.#observe(this.#stopped === undefined ? 'refused-full' : 'refused-stopping');
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const answer = answerRequest(describeRequest(request), this.#rules);
    if ('body' in answer) {
      this.#observeRefusal(answer.status, socket);
      endWithResponse(socket, answer);
      return;
    }
    this.#upgrades.set(request, answer);
    this.#upgrader.handleUpgrade(request, socket, head, (websocket) => {
      this.#accept(websocket, socket);
    });
  }

  #makeUpgrader(): Upgrader<typeof ObservedWebSocket> {
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: this.#limits.messageBytesMax,
      maxFragments: FRAGMENTS_MAX,
      // Missing in the package's types.
      closeTimeout: this.#limits.closeTimeoutMs,
      // Reached together with the bound that the socket counts itself, which says why.
      maxPendingAutoPongs: this.#limits.controlFramesMax,
      WebSocket: ObservedWebSocket,
      handleProtocols: (_offered: Set<string>, request: IncomingMessage) =>
        this.#upgrades.get(request)?.protocol ?? false,
    };
    const upgrader = new WebSocketServer(options);
    upgrader.on('headers', (lines, request) => {
      for (const [name, value] of Object.entries(this.#upgrades.get(request)?.headers ?? {})) {
        lines.push(`${name}: ${value}`);
      }
    });
    return upgrader;
  }

  #closedBecause(): string | undefined {
    if (this.#stopped !== undefined) return 'This server is shutting down.';
    if (this.#sockets.size >= this.#limits.connectionsMax) return 'This server is full.';
    return undefined;
  }

  #forget(socket: WsClientSocket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#lastEnded?.();
  }
}
