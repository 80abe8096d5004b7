/** Checks of the HTTP upgrade: which requests become Mosaic connections, and what is answered. */
import { parseServerUrl } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, skip, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { acceptValueOf, exchangeHttp, type HttpAnswer, upgradeHeaders } from '../wire/http.ts';

const WEBSOCKETS = spec('WebSockets');
const WEBSOCKETS_READING = reading('WebSockets');
const RFC6455 = spec('WebSockets: RFC 6455 §4');
const EXTENSIONS = spec('Protocol extensions');

type Headers = Readonly<Record<string, string | undefined>>;

async function upgrade(t: CheckContext, headers: Headers = {}, line?: string): Promise<HttpAnswer> {
  const { host, port } = t.server.target;
  const all = { ...upgradeHeaders(`${host}:${port}`), ...headers };
  const request = { headers: all, ...(line === undefined ? {} : { line }) };
  return exchangeHttp(await t.socket(), request, t.timeoutMs);
}

function expectUpgraded(answer: HttpAnswer): void {
  ensure(answer.status === 101, `expected HTTP 101, got ${answer.status}: ${answer.body}`);
}

function expectRefused(answer: HttpAnswer, status?: number): void {
  ensure(answer.status !== 101, 'the upgrade was accepted');
  if (status === undefined) return;
  ensure(answer.status === status, `expected HTTP ${status}, got ${answer.status}`);
}

/** The extensions that the server answers with; undefined: it sent no such header. */
async function answeredExtensions(t: CheckContext, headers: Headers): Promise<string | undefined> {
  const answer = await upgrade(t, headers);
  expectUpgraded(answer);
  return answer.headers.get('x-mosaic-extensions');
}

const subprotocol: readonly Check[] = [
  check(
    'handshake/subprotocol-echo',
    WEBSOCKETS,
    'mosaic2024 is accepted and echoed',
    async (t) => {
      const answer = await upgrade(t);
      expectUpgraded(answer);
      const echoed = answer.headers.get('sec-websocket-protocol');
      ensure(echoed === 'mosaic2024', `the echoed subprotocol is "${echoed ?? ''}"`);
    },
  ),
  check(
    'handshake/subprotocol-among-others',
    WEBSOCKETS,
    'mosaic2024 is picked from among other offers',
    async (t) => {
      const answer = await upgrade(t, { 'Sec-WebSocket-Protocol': 'chat, mosaic2024' });
      expectUpgraded(answer);
      const echoed = answer.headers.get('sec-websocket-protocol');
      ensure(echoed === 'mosaic2024', `the echoed subprotocol is "${echoed ?? ''}"`);
    },
  ),
  ...(
    [
      ['missing', undefined],
      ['unknown', 'chat'],
      ['prefix', 'mosaic20'],
      ['longer', 'mosaic20240'],
    ] as const
  ).map(([name, offered]) =>
    check(
      `handshake/subprotocol-${name}`,
      WEBSOCKETS_READING,
      `an upgrade that offers ${offered === undefined ? 'no subprotocol' : `"${offered}"`} is refused with HTTP 400`,
      async (t) => {
        expectRefused(await upgrade(t, { 'Sec-WebSocket-Protocol': offered }), 400);
      },
    ),
  ),
  check(
    'handshake/refusal-sentence',
    WEBSOCKETS_READING,
    'the refusal says in plain words what was missing',
    async (t) => {
      const { body } = await upgrade(t, { 'Sec-WebSocket-Protocol': undefined });
      ensure(/\w+ \w+/.test(body), 'the body holds no sentence');
      ensure(body.includes('mosaic2024'), 'the body does not name mosaic2024');
    },
  ),
];

const request: readonly Check[] = [
  check('handshake/accept-key', RFC6455, 'Sec-WebSocket-Accept belongs to the key', async (t) => {
    const headers = upgradeHeaders('localhost');
    const answer = await upgrade(t, headers);
    expectUpgraded(answer);
    const expected = acceptValueOf(headers['Sec-WebSocket-Key'] ?? '');
    ensure(answer.headers.get('sec-websocket-accept') === expected, 'the value is another');
  }),
  check('handshake/connection-list', RFC6455, 'Upgrade may stand among other tokens', async (t) => {
    expectUpgraded(await upgrade(t, { Connection: 'keep-alive, Upgrade' }));
  }),
  check('handshake/header-case', RFC6455, 'header names and tokens know no case', async (t) => {
    const { host, port } = t.server.target;
    const proper = Object.entries(upgradeHeaders(`${host}:${port}`));
    const headers = Object.fromEntries(proper.map(([name, value]) => [name.toUpperCase(), value]));
    const request = { headers: { ...headers, UPGRADE: 'WebSocket', CONNECTION: 'upgrade' } };
    expectUpgraded(await exchangeHttp(await t.socket(), request, t.timeoutMs));
  }),
  check(
    'handshake/websocket-version',
    RFC6455,
    'another WebSocket version is refused',
    async (t) => {
      expectRefused(await upgrade(t, { 'Sec-WebSocket-Version': '8' }));
    },
  ),
  check('handshake/websocket-key', RFC6455, 'an upgrade without a key is refused', async (t) => {
    expectRefused(await upgrade(t, { 'Sec-WebSocket-Key': undefined }));
  }),
  check('handshake/method', RFC6455, 'a POST is not upgraded', async (t) => {
    expectRefused(await upgrade(t, { 'Content-Length': '0' }, 'POST / HTTP/1.1'));
  }),
  check('handshake/path', WEBSOCKETS_READING, 'only the path "/" is upgraded', async (t) => {
    expectRefused(await upgrade(t, {}, 'GET /chat HTTP/1.1'));
  }),
  check(
    'handshake/no-compression-unasked',
    RFC6455,
    'no WebSocket extension is used that was not offered',
    async (t) => {
      const answer = await upgrade(t);
      expectUpgraded(answer);
      const used = answer.headers.get('sec-websocket-extensions') ?? '';
      ensure(used === '', `the server uses "${used}"`);
    },
  ),
  check(
    'handshake/plain-http-page',
    WEBSOCKETS_READING,
    'a browser that asks for "/" gets a page that says what this is',
    async (t) => {
      const request = { headers: { Host: 'localhost', Accept: 'text/html', Connection: 'close' } };
      const answer = await exchangeHttp(await t.socket(), request, t.timeoutMs);
      ensure(answer.status === 200, `expected HTTP 200, got ${answer.status}`);
      const type = answer.headers.get('content-type') ?? '';
      ensure(type.startsWith('text/'), `the content type is "${type}"`);
      ensure(/mosaic/i.test(answer.body), 'the page does not mention Mosaic');
    },
  ),
  check(
    'handshake/service-url',
    WEBSOCKETS,
    'X-Mosaic-Service-Url, where it is sent, is the URL of a server',
    async (t) => {
      const answer = await upgrade(t);
      expectUpgraded(answer);
      const url = answer.headers.get('x-mosaic-service-url');
      if (url === undefined) skip('the operator configured none');
      parseServerUrl(url);
    },
  ),
];

const extensions: readonly Check[] = [
  check(
    'handshake/extensions-unasked',
    EXTENSIONS,
    'without X-Mosaic-Extensions in the request there is none in the answer',
    async (t) => {
      const answered = await answeredExtensions(t, {});
      ensure(answered === undefined, `the server sent "${answered}"`);
    },
  ),
  ...(['X-Mosaic-Extensions', 'X-Mosiac-Extensions'] as const).map((header) =>
    check(
      `handshake/extensions-unknown${header === 'X-Mosaic-Extensions' ? '' : '-misspelt'}`,
      header === 'X-Mosaic-Extensions' ? EXTENSIONS : reading('Protocol extensions'),
      `${header} with unknown names is answered with X-Mosaic-Extensions: -`,
      async (t) => {
        const answered = await answeredExtensions(t, { [header]: 'x-check-one;x-check-two' });
        ensure(answered === '-', `the answer is "${answered ?? 'no header'}"`);
      },
    ),
  ),
  check(
    'handshake/extensions-order',
    EXTENSIONS,
    'supported extensions are answered in the order of the request',
    async (t) => {
      const { extensions: known } = t.server;
      if (known.length === 0) skip('needs --extensions, names that this server supports');
      const asked = [...known].reverse();
      const header = ['x-check-one', ...asked].join(';');
      const answered = await answeredExtensions(t, { 'X-Mosaic-Extensions': header });
      const names = (answered ?? '').split(';').map((name) => name.trim());
      ensure(names.join(';') === asked.join(';'), `the answer is "${answered ?? 'no header'}"`);
    },
  ),
];

/** Checks of the upgrade. */
export const upgradeChecks: readonly Check[] = [...subprotocol, ...request, ...extensions];
