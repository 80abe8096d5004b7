/** The HTTP half of a WebSocket: requests written by hand, answers read as far as checks need. */
import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { SUBPROTOCOL_2024 } from '@mosaic-cluster/protocol';
import { CheckFailure } from '../check.ts';

/** A request's parts; headers with an undefined value are left out. */
export interface HttpRequest {
  /** Default: `GET / HTTP/1.1`. */
  readonly line?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** A server's answer. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** What came behind the head of an upgrade. */
  readonly rest: Buffer;
}

/** Most bytes of an answer that are read. */
const ANSWER_BYTES_MAX = 262_144;

/** A new `Sec-WebSocket-Key`. */
export function newWebSocketKey(): string {
  return randomBytes(16).toString('base64');
}

/** The `Sec-WebSocket-Accept` that belongs to a key (RFC 6455 §4.2.2). */
export function acceptValueOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** The headers of a proper upgrade to `mosaic2024`. */
export function upgradeHeaders(host: string): Record<string, string> {
  return {
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': newWebSocketKey(),
    'Sec-WebSocket-Protocol': SUBPROTOCOL_2024,
  };
}

/**
 * Sends a request and reads the answer: of an upgrade the head, of anything else head and body.
 *
 * @throws CheckFailure where the connection ends before a whole head, or no answer comes in time
 */
export async function exchangeHttp(
  socket: Duplex,
  request: HttpRequest,
  timeoutMs: number,
): Promise<HttpAnswer> {
  const lines = Object.entries(request.headers ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  socket.write(`${[request.line ?? 'GET / HTTP/1.1', ...lines].join('\r\n')}\r\n\r\n`);
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      socket.off('data', read);
      socket.off('end', end);
      socket.off('close', end);
      // Nobody listens until the WebSocket does: what comes meanwhile must wait.
      socket.pause();
      settle();
    };
    const read = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const answer = parseAnswer(received, false);
      if (answer !== undefined) finish(() => resolve(answer));
      else if (received.length > ANSWER_BYTES_MAX) end();
    };
    const end = (): void => {
      const answer = parseAnswer(received, true);
      const failure = new CheckFailure('the server ended the connection without an HTTP answer');
      finish(() => (answer === undefined ? reject(failure) : resolve(answer)));
    };
    const timer = setTimeout(() => {
      const failure = new CheckFailure(`no whole HTTP answer within ${timeoutMs} ms`);
      finish(() => reject(failure));
    }, timeoutMs);
    socket.on('data', read);
    socket.resume();
    socket.on('end', end);
    socket.on('close', end);
  });
}

function parseAnswer(received: Buffer, hasEnded: boolean): HttpAnswer | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [first = '', ...lines] = received.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0);
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const rest = received.subarray(headEnd + 4);
  if (status === 101) return { status, headers, body: '', rest };
  const length = Number(headers.get('content-length') ?? Number.POSITIVE_INFINITY);
  if (rest.length < length && !hasEnded) return undefined;
  return { status, headers, body: rest.toString(), rest: Buffer.alloc(0) };
}
