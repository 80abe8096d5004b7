/**
 * Answers commands beside the server about what is in its memory only: what budgets are used, who is
 * banned for misbehaviour. HTTP on a local socket in the data folder, for its owner only; nothing but a
 * pardon changes anything.
 *
 *     GET  /report?question=JSON        what `process-report.ts` says
 *     GET  /bans                        {bans}
 *     GET  /subjects/NAME?standing=…    {usage, points, ban, refused}
 *     POST /subjects/NAME/pardon        {}
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  type Limiter,
  type ProcessReporter,
  type Standing,
  STANDINGS,
} from '@mosaic-cluster/abuse';
import type { Lifecycle } from '@mosaic-cluster/runtime';
import { controlPath } from './control-path.ts';

/** What can be asked. */
export interface Controlled {
  readonly limiter: Pick<Limiter, 'report' | 'bans' | 'pardon'>;
  readonly reporter: Pick<ProcessReporter, 'answer'>;
}

/** Most connections at a time; further ones are cut at once. */
export const CONTROL_CONNECTIONS_MAX = 16;
/** Longest request line and headers, in bytes: a question may name a hundred keys. */
const HEADER_BYTES_MAX = 16_384;
/** Until a request must be there whole. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Answers until the lifecycle ends. Where no socket can be made, that is said and nothing else fails. */
export async function openControlSocket(
  folder: string,
  controlled: Controlled,
  lifecycle: Lifecycle,
): Promise<void> {
  const path = await controlPath(folder);
  try {
    if (path === undefined) throw new Error('the path of the data folder is too long for a socket');
    // The folder's lock is held: whoever left one here is gone.
    await rm(path, { force: true });
    const server = controlServer(controlled, lifecycle);
    await listen(server, path);
    await chmod(path, 0o600);
    lifecycle.add('control socket', { close: () => closed(server) });
  } catch (error) {
    const { message } = error as Error;
    lifecycle.log.warn(`mosaic-admin limits, whois and bans cannot ask this server: ${message}`);
  }
}

function controlServer(controlled: Controlled, lifecycle: Lifecycle): Server {
  const options = {
    maxHeaderSize: HEADER_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: REQUEST_TIMEOUT_MS,
    keepAlive: false,
  };
  const server = createServer(options, (request, response) => {
    answer(controlled, request, response).catch((error: unknown) => {
      lifecycle.log.error('a question on the control socket failed', { error });
      say(response, 500, { message: 'the server has a bug: its log tells more' });
    });
  });
  server.maxConnections = CONTROL_CONNECTIONS_MAX;
  server.unref();
  return server;
}

async function answer(
  { limiter, reporter }: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Nothing that can be asked has a body.
  request.resume();
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const question = `${request.method ?? ''} ${pathname}`;
  if (question === 'GET /report') {
    const asked = Buffer.from(searchParams.get('question') ?? '{}');
    sayBytes(response, 200, await reporter.answer(asked));
    return;
  }
  if (question === 'GET /bans') {
    say(response, 200, { bans: await limiter.bans() });
    return;
  }
  const [, method, name, verb] = /^(\S+) \/subjects\/([^/]+)(\/pardon)?$/.exec(question) ?? [];
  const subject = name?.replaceAll('%3A', ':').replaceAll('%2F', '/') ?? '';
  if (/^[anku]:[0-9a-f.:/]{1,80}$/.test(subject)) {
    if (method === 'GET' && verb === undefined) {
      const standing = searchParams.get('standing') as Standing;
      const known = STANDINGS.includes(standing) ? standing : 'anonymous';
      const { refused, ...report } = await limiter.report(subject, known);
      say(response, 200, { ...report, refused: Object.fromEntries(refused) });
      return;
    }
    if (method === 'POST' && verb !== undefined) {
      await limiter.pardon(subject);
      say(response, 200, {});
      return;
    }
  }
  say(response, 404, { message: 'this server knows no such question' });
}

function say(response: ServerResponse, status: number, told: unknown): void {
  sayBytes(response, status, Buffer.from(JSON.stringify(told)));
}

function sayBytes(response: ServerResponse, status: number, json: Uint8Array): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(json);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
