/**
 * The port that orchestrators and Prometheus talk to. It is apart from the service's own port,
 * so that it answers however busy that one is, and can be kept from the outside.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { withDeadline } from './deadline.ts';
import { formatHostPort, type HostPort } from './host-port.ts';
import type { Logger } from './logger.ts';
import type { Readiness } from './readiness.ts';
import { RuntimeError } from './runtime-error.ts';

/** Where the server gets its answers from. */
export interface HealthServerOptions {
  readonly listen: HostPort;
  readonly readiness: Readiness;
  /** The text for `/metrics`; a `Metrics` fits. */
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  readonly log: Logger;
}

/** A health server that listens. */
export interface HealthServer {
  /** Where it listens, with the real port where 0 was asked for. */
  readonly address: HostPort;
  /** Stops listening, lets the answers under way out, and ends all connections. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const METRICS_TIMEOUT_MS = 5000;
const CLOSE_GRACE_MS = 500;
// Small, because nobody but a handful of probes and scrapers belongs here.
const SERVER_LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 5000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
};
const HEADERS_MAX = 50;
const CONNECTIONS_MAX = 64;
const REQUESTS_PER_CONNECTION_MAX = 1000;
const ROUTES = ['/livez', '/readyz', '/metrics'];
const PLAIN = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Starts to answer `/livez` (200 while the event loop turns), `/readyz` (200, or 503 with what
 * is waited for) and `/metrics`. Rejects with `unavailable`, code `listen-failed`, when it can't
 * listen there.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer(SERVER_LIMITS, (request, response) => {
    void respond(options, request, response);
  });
  server.maxHeadersCount = HEADERS_MAX;
  server.maxConnections = CONNECTIONS_MAX;
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
  await listen(server, options.listen);
  server.on('error', (error) => options.log.error('health server failed', { error }));
  const { port } = server.address() as AddressInfo;
  return {
    address: { host: options.listen.host, port },
    close: () => close(server),
  };
}

async function respond(
  options: HealthServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let result: Answer;
  try {
    result = await answer(options, request);
  } catch (error) {
    options.log.error('health request failed', { error });
    result = { status: 500, contentType: PLAIN, body: 'internal error, see the log\n' };
  }
  const headers: Record<string, string | number> = {
    'content-type': result.contentType,
    'content-length': Buffer.byteLength(result.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (result.status === 405) headers['allow'] = 'GET, HEAD';
  // No request needs a body: rather than read one to its end, the connection is given up.
  const hasBody =
    request.headers['transfer-encoding'] !== undefined ||
    Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody) headers['connection'] = 'close';
  response.writeHead(result.status, headers);
  response.end(request.method === 'HEAD' ? undefined : result.body);
}

async function answer(options: HealthServerOptions, request: IncomingMessage): Promise<Answer> {
  const [path = ''] = (request.url ?? '').split('?');
  if (!ROUTES.includes(path)) {
    return { status: 404, contentType: PLAIN, body: `not found; there is ${ROUTES.join(', ')}\n` };
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, contentType: PLAIN, body: 'only GET and HEAD\n' };
  }
  if (path === '/livez') return { status: 200, contentType: PLAIN, body: 'alive\n' };
  return path === '/readyz' ? await answerReadiness(options) : await answerMetrics(options);
}

async function answerReadiness(options: HealthServerOptions): Promise<Answer> {
  const { isReady, state, waitingFor, notes } = await options.readiness.report();
  const said = notes.length === 0 ? {} : { notes };
  return {
    status: isReady ? 200 : 503,
    contentType: JSON_TYPE,
    body: `${JSON.stringify({ ready: isReady, state, waitingFor, ...said })}\n`,
  };
}

async function answerMetrics({ metrics, log }: HealthServerOptions): Promise<Answer> {
  try {
    const body = await withDeadline(metrics.render(), METRICS_TIMEOUT_MS, 'gathering the metrics');
    return { status: 200, contentType: metrics.contentType, body };
  } catch (error) {
    log.error('metrics could not be gathered', { error });
    return { status: 503, contentType: PLAIN, body: 'metrics could not be gathered\n' };
  }
}

function listen(server: Server, address: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const message = `the health server can't listen on ${formatHostPort(address)}: ${error.message}`;
      reject(new RuntimeError('unavailable', 'listen-failed', message, error));
    };
    server.once('error', onError);
    server.listen(address.port, address.host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const force = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(force);
}
