/** Node's HTTP and HTTPS servers as the listeners on them need them. */
import { constants } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { Server, Socket } from 'node:net';
import type { HttpRequest, HttpResponse } from './http-answer.ts';
import type { ListenerOptions } from './listener.ts';
import type { ListenerLimits } from './listener-limits.ts';

/** What listeners over Node's servers differ in. */
export interface WsServerVariant {
  /** Additional options of the TLS server. */
  readonly tls: ServerOptions;
  /**
   * Looks at a connection after its TLS handshake.
   *
   * @throws MosaicError where it must not go on
   */
  readonly inspect: (socket: Socket) => void;
  /** The key of the client certificate, for a socket that passed `inspect`. */
  readonly clientKey: (socket: Socket) => Uint8Array | undefined;
}

/** How often in a handshake's time the HTTP server looks for late ones. */
const HANDSHAKE_CHECKS = 4;

/** The server, not attached to any port: connections are given to it. */
export function makeServer(
  options: ListenerOptions,
  limits: ListenerLimits,
  variant: WsServerVariant,
): Server {
  const http = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.handshakeTimeoutMs,
    requestTimeout: limits.handshakeTimeoutMs,
    connectionsCheckingInterval: Math.ceil(limits.handshakeTimeoutMs / HANDSHAKE_CHECKS),
    noDelay: true,
  };
  return options.tls === undefined
    ? createServer(http)
    : createSecureServer({
        ...http,
        ...variant.tls,
        cert: options.tls.certificate,
        key: options.tls.key,
        minVersion: 'TLSv1.2',
        // A client is who it was in its first handshake.
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
        handshakeTimeout: limits.handshakeTimeoutMs,
      });
}

/** The request as `answerRequest` wants it. */
export function describeRequest(request: IncomingMessage): HttpRequest {
  const { method = '', url = '', httpVersion, headers } = request;
  return {
    method,
    path: url.split('?', 1)[0] ?? '',
    httpVersion,
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}

/** Writes `response` onto a connection that HTTP has let go of, and ends it. */
export function endWithResponse(socket: Socket, response: HttpResponse): void {
  const { status, statusText, headers, body } = response;
  const lines = [
    `HTTP/1.1 ${status} ${statusText}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
