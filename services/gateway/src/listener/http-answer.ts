/**
 * What a listener answers to an HTTP request: the one place that decides whether a request becomes
 * a Mosaic connection. Pure, so that every listener refuses the same requests in the same words.
 */
import {
  answerExtensions,
  chooseSubprotocol,
  HEADER,
  SUBPROTOCOL_2024,
} from '@mosaic-cluster/protocol';

/** The parts of a request that decide its answer. */
export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** `1.1` */
  readonly httpVersion: string;
  /** A header by its lower-case name; several of one name joined with commas. */
  header(name: string): string | undefined;
}

/** An answer that ends the connection. */
export interface HttpResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The request becomes a WebSocket. */
export interface HttpUpgrade {
  readonly status: 101;
  /** The WebSocket subprotocol to answer with. */
  readonly protocol: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the answers depend on besides the request. */
export interface AnswerRules {
  readonly serviceUrl: string | undefined;
  readonly extensions: readonly string[];
  /** Plain text for people. */
  readonly page: string;
  /** Why no WebSocket is accepted at present; undefined: one is. */
  closedBecause(): string | undefined;
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  426: 'Upgrade Required',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

/** RFC 6455 §4.1: 16 bytes in base64. */
const WEBSOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/;

/** An answer of one plain sentence. */
export function refuseRequest(
  status: number,
  sentence: string,
  headers: Record<string, string> = {},
): HttpResponse {
  return respond(status, 'text/plain; charset=utf-8', `${sentence}\n`, headers);
}

/** Decides what becomes of `request`. */
export function answerRequest(
  request: HttpRequest,
  rules: AnswerRules,
): HttpResponse | HttpUpgrade {
  if (request.path !== '/') return refuseRequest(404, 'There is nothing here but /.');
  if (request.method.toUpperCase() !== 'GET') {
    return refuseRequest(405, 'Only GET is answered here.', { Allow: 'GET' });
  }
  if (request.header('upgrade')?.toLowerCase() !== 'websocket') return htmlPage(rules.page);
  return answerUpgrade(request, rules);
}

function answerUpgrade(request: HttpRequest, rules: AnswerRules): HttpResponse | HttpUpgrade {
  if (request.httpVersion !== '1.1') {
    return refuseRequest(505, 'A WebSocket begins with HTTP/1.1.');
  }
  if (request.header('sec-websocket-version') !== '13') {
    return refuseRequest(426, 'Only WebSocket version 13 is spoken here.', {
      'Sec-WebSocket-Version': '13',
    });
  }
  if (!WEBSOCKET_KEY.test(request.header('sec-websocket-key') ?? '')) {
    return refuseRequest(400, 'The header Sec-WebSocket-Key is missing or malformed.');
  }
  const protocol = chooseSubprotocol(request.header('sec-websocket-protocol'));
  if (protocol === undefined) {
    return refuseRequest(
      400,
      `This is a Mosaic server: offer ${SUBPROTOCOL_2024} in Sec-WebSocket-Protocol.`,
    );
  }
  const because = rules.closedBecause();
  if (because !== undefined) return refuseRequest(503, because);
  const requested = request.header(HEADER.extensions) ?? request.header(HEADER.extensionsMisspelt);
  const extensions = answerExtensions(requested, rules.extensions);
  return {
    status: 101,
    protocol,
    headers: {
      ...(extensions !== undefined && { 'X-Mosaic-Extensions': extensions }),
      ...(rules.serviceUrl !== undefined && { 'X-Mosaic-Service-Url': rules.serviceUrl }),
    },
  };
}

/** `text` as a web page; blank lines separate paragraphs. */
function htmlPage(text: string): HttpResponse {
  const paragraphs = text
    .split(/\n\s*\n/)
    .map((paragraph) => `<p>${escapeHtml(paragraph.trim())}</p>`)
    .join('\n');
  const body =
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n' +
    '<meta name="viewport" content="width=device-width">\n<title>Mosaic server</title>\n' +
    `${paragraphs}\n</html>\n`;
  return respond(200, 'text/html; charset=utf-8', body, {
    'Content-Security-Policy': "default-src 'none'",
  });
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function respond(
  status: number,
  contentType: string,
  body: string,
  headers: Record<string, string>,
): HttpResponse {
  return {
    status,
    statusText: STATUS_TEXT[status] ?? '',
    headers: { 'Content-Type': contentType, 'X-Content-Type-Options': 'nosniff', ...headers },
    body,
  };
}
