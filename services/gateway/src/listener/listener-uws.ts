/**
 * The fast listener, over uWebSockets.js, for clients without certificates: TLS with the server's
 * own certificate or one that browsers trust, or plain HTTP behind something that ends TLS.
 *
 * Some of its bounds are those of the library:
 * - A message above `messageBytesMax` is noticed when it is complete, and only up to
 *   {@link OVERSIZE_FACTOR} times that length; a longer one ends its connection at once, without a
 *   word to the client. What arrives of one message is kept in memory until then, and the room for
 *   a connection's longest message stays taken until the connection ends.
 * - Nobody is told how much of a message has arrived, so `receivingBytesMax` says nothing: what
 *   unfinished messages hold is bounded by `connectionsMax` times {@link OVERSIZE_FACTOR} times
 *   `messageBytesMax` only.
 * - Nobody is told of a connection before its HTTP request, so `handshakesMax` and
 *   `handshakesPerAddressMax` say nothing either. Silent connections keep nobody out as long as
 *   the process has file descriptors; each has 8 to 12 seconds.
 * - TLS handshake and HTTP request together have 8 to 12 seconds, `handshakeTimeoutMs` says nothing.
 * - `idleTimeoutMs` is rounded up to whole seconds, from 8 to 960; the ping goes out 4 to 16
 *   seconds before its end. A peer gets as long as from ping to end to answer a close frame.
 * - `cork` has no effect within a callback of another socket.
 * - TLS handshakes begin as connections come, at no pace; `handshakesPerSecondMax` says nothing.
 *   What can be refused is the request for a WebSocket, by `upgradesPerSecondMax`.
 * - Of PROXY headers it reads some, from anybody, so whoever sends one is refused; where there are
 *   balancers that send them, this listener cannot be used (decision 25).
 * - Over TLS it loses the connection of a client that has sent several messages of more than half a
 *   megabyte together by the time it reads: a process that was busy for some ten milliseconds, and a
 *   client that does not wait for answers, are enough. Without TLS it doesn't.
 * - Fragments without content are read and thrown away for as long as they come.
 * - An HTTP method it has never heard of gets no answer, HTTP/1.0 gets 505.
 */
import { setTimeout } from 'node:timers/promises';
import { MosaicError } from '@mosaic-cluster/protocol';
import type {
  HttpRequest as NativeRequest,
  HttpResponse as NativeResponse,
  TemplatedApp,
  us_listen_socket,
  us_socket_context_t,
} from 'uWebSockets.js';
import { addressGroup } from '@mosaic-cluster/abuse';
import { listenerUrl } from './address.ts';
import { CLOSE_CODE } from './close-frame.ts';
import {
  type AnswerRules,
  answerRequest,
  type HttpRequest,
  type HttpResponse,
  refuseRequest,
} from './http-answer.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import type { ListenerEvent } from './listener-events.ts';
import { type ListenerLimits, resolveLimits } from './listener-limits.ts';
import { comeAgainLater, UpgradeRate } from './upgrade-rate.ts';
import { closeApp, secureApp } from './uws-app.ts';
import type { UwsModule } from './uws-module.ts';
import { describeRequest, peerOf, respond } from './uws-request.ts';
import { UwsClientSocket, type UwsSocketContext, type UwsUserData } from './uws-socket.ts';

/** A message up to this many times `messageBytesMax` is answered with TOO_LARGE. */
export const OVERSIZE_FACTOR = 2;

/** Room beside `outputBytesMax` for frame heads and pongs. */
const OUTPUT_SLACK_BYTES = 65_536;
const IDLE_SECONDS_MIN = 8;
const IDLE_SECONDS_MAX = 960;
/** The reason that uWebSockets.js gives for a message above its own limit. */
const NATIVE_TOO_LARGE = 'Received too big message';
/** ... and for one on which nothing moved. */
const NATIVE_IDLE = 'WebSocket timed out from inactivity';
/** What a peer that has nothing left to read gets to answer close(): some round trips. */
const FAREWELL_MS = 500;
/**
 * Opens the listener; it listens when this returns.
 *
 * @param uws the loaded native module
 * @throws MosaicError `unavailable` with code `listen` where host and port can't be had; `invalid`
 *   with code `listener-tls` where certificate and key can't be used, with code `listener-proxy` for
 *   `proxyFrom`
 */
export function openUwsListener(uws: UwsModule, options: ListenerOptions): Listener {
  const listener = new UwsListener(uws, options);
  listener.listen(options.host, options.port);
  return listener;
}

class UwsListener implements Listener {
  readonly #uws: UwsModule;
  readonly #options: ListenerOptions;
  readonly #app: TemplatedApp;
  readonly #limits: ListenerLimits;
  readonly #rate: UpgradeRate;
  readonly #rules: AnswerRules;
  readonly #secure: boolean;
  readonly #observe: (event: ListenerEvent) => void;
  readonly #context: UwsSocketContext;
  readonly #sockets = new Set<UwsClientSocket>();
  #host = '';
  #port = 0;
  #listenSocket: us_listen_socket | undefined;
  #accepting = true;
  #closed: Promise<void> | undefined;

  constructor(uws: UwsModule, options: ListenerOptions) {
    if (options.proxyFrom !== undefined) throw cannotReadProxyHeaders();
    this.#uws = uws;
    this.#options = options;
    this.#limits = resolveLimits(options.limits);
    this.#rate = new UpgradeRate(this.#limits.upgradesPerSecondMax);
    this.#secure = options.tls !== undefined;
    this.#observe = options.observe ?? (() => {});
    this.#rules = {
      serviceUrl: options.serviceUrl,
      extensions: options.extensions ?? [],
      page: options.page,
      closedBecause: () => this.#closedBecause(),
    };
    this.#context = {
      limits: this.#limits,
      accept: options.accept,
      observe: this.#observe,
      failed: options.failed ?? (() => {}),
    };
    this.#app = options.tls === undefined ? uws.App() : secureApp(uws, options.tls);
    this.#route();
  }

  get url(): string {
    return listenerUrl(this.#secure, this.#host, this.#port);
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** The library says nothing of a connection before its request. */
  get handshakes(): undefined {
    return undefined;
  }

  get waiting(): undefined {
    return undefined;
  }

  listen(host: string, port: number): void {
    this.#app.listen(host, port, (socket) => {
      if (socket !== false) this.#listenSocket = socket;
    });
    if (this.#listenSocket === undefined) {
      const message =
        `cannot listen on ${host} port ${port}: ` +
        'the port is taken, needs a privilege, or the address is not one of this machine';
      throw new MosaicError('unavailable', 'listen', message);
    }
    this.#host = host;
    this.#port = this.#uws.listenSocketPort(this.#listenSocket);
  }

  stopAccepting(): void {
    this.#accepting = false;
    if (this.#listenSocket === undefined) return;
    this.#uws.closeListenSocket(this.#listenSocket);
    this.#listenSocket = undefined;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.stopAccepting();
    const { closeTimeoutMs } = this.#limits;
    let graceMs = 0;
    for (const socket of this.#sockets) {
      const unread = socket.bufferedBytes > 0;
      graceMs = Math.max(graceMs, unread ? closeTimeoutMs : Math.min(closeTimeoutMs, FAREWELL_MS));
      socket.close(CLOSE_CODE.goingAway, 'going away');
    }
    // The library does not tell when a closing socket is gone, so its peer just gets some time.
    if (graceMs > 0) await setTimeout(graceMs);
    closeApp(this.#app);
  }

  #route(): void {
    const { messageBytesMax, outputBytesMax, idleTimeoutMs } = this.#limits;
    const idleSeconds = Math.ceil(idleTimeoutMs / 1000);
    this.#app.ws<UwsUserData>('/*', {
      compression: this.#uws.DISABLED,
      maxPayloadLength: messageBytesMax * OVERSIZE_FACTOR,
      maxBackpressure: outputBytesMax + OUTPUT_SLACK_BYTES,
      idleTimeout: Math.min(IDLE_SECONDS_MAX, Math.max(IDLE_SECONDS_MIN, idleSeconds)),
      sendPingsAutomatically: true,
      upgrade: (response, request, context) => this.#upgrade(response, request, context),
      open: (websocket) => {
        const client = new UwsClientSocket(websocket, this.#context);
        websocket.getUserData().client = client;
        this.#sockets.add(client);
        client.open();
      },
      message: (websocket, message, isBinary) => {
        websocket.getUserData().client?.receive(new Uint8Array(message), isBinary);
      },
      ping: (websocket) => websocket.getUserData().client?.receiveControl(),
      pong: (websocket) => websocket.getUserData().client?.receiveControl(),
      drain: (websocket) => websocket.getUserData().client?.drain(),
      close: (websocket, _code, reason) => {
        this.#forget(websocket.getUserData().client, Buffer.from(reason).toString());
      },
    });
    this.#app.any('/*', (response, request) => this.#answer(response, request));
  }

  #upgrade(response: NativeResponse, request: NativeRequest, context: us_socket_context_t): void {
    const address = this.#admit(response);
    if (address === undefined) return;
    const described = describeRequest(request);
    const answer = this.#decide(described);
    if ('body' in answer) {
      this.#refuse(response, answer, address);
      return;
    }
    if (!this.#rate.take(addressGroup(address))) {
      this.#observe('refused-pace');
      respond(response, comeAgainLater());
      return;
    }
    response.writeStatus('101 Switching Protocols');
    for (const [name, value] of Object.entries(answer.headers)) response.writeHeader(name, value);
    const key = described.header('sec-websocket-key') ?? '';
    response.upgrade<UwsUserData>(
      { address, client: undefined },
      key,
      answer.protocol,
      '',
      context,
    );
  }

  #answer(response: NativeResponse, request: NativeRequest): void {
    const address = this.#admit(response);
    if (address === undefined) return;
    const answer = this.#decide(describeRequest(request));
    // What the library does not take for an upgrade has no proper key, so it is refused before.
    const refusal = refuseRequest(400, 'This is not a WebSocket handshake.');
    this.#refuse(response, 'body' in answer ? answer : refusal, address);
  }

  /** The client's address; undefined: the request is answered already. */
  #admit(response: NativeResponse): string | undefined {
    const { address, claimed } = peerOf(response);
    if (this.#options.arrives?.(address) === false) {
      this.#observe('refused-rate');
      response.close();
      return undefined;
    }
    if (claimed) {
      this.#refuse(response, refuseRequest(400, 'No PROXY header is wanted here.'), address);
      return undefined;
    }
    return address;
  }

  #decide(request: HttpRequest & { headBytes: number }): ReturnType<typeof answerRequest> {
    if (request.headBytes <= this.#limits.headerBytesMax)
      return answerRequest(request, this.#rules);
    return refuseRequest(431, 'The request headers are too long.');
  }

  #refuse(response: NativeResponse, answer: HttpResponse, address: string): void {
    if (answer.status === 503) {
      this.#observe(this.#accepting ? 'refused-full' : 'refused-stopping');
    } else if (answer.status !== 200) {
      this.#observe('refused-request');
      this.#options.handshakeFailed?.(address);
    }
    respond(response, answer);
  }

  #closedBecause(): string | undefined {
    if (!this.#accepting) return 'This server is shutting down.';
    if (this.#sockets.size >= this.#limits.connectionsMax) return 'This server is full.';
    return undefined;
  }

  #forget(client: UwsClientSocket | undefined, reason: string): void {
    if (client === undefined) return;
    client.report(
      reason === NATIVE_TOO_LARGE ? 'cut-too-large' : reason === NATIVE_IDLE ? 'cut-idle' : 'left',
    );
    this.#sockets.delete(client);
    client.end();
  }
}

function cannotReadProxyHeaders(): MosaicError {
  const message = 'uWebSockets.js cannot be relied on to read PROXY headers: use the ws package';
  return new MosaicError('invalid', 'listener-proxy', message);
}
