/** What becomes of connections, as an operator sees it on the health port. Needs a build. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ServerLab } from '../testing/server-process.ts';

const lab = new ServerLab();
afterEach(() => lab.close());

/** The health port cannot be asked for, so it is chosen: one that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function open(url: string | null): Promise<WebSocket> {
  const socket = new WebSocket(url ?? '', 'mosaic2024', { rejectUnauthorized: false });
  await once(socket, 'open');
  return socket;
}

it('shows what becomes of connections, by listener and reason', async () => {
  const health = `127.0.0.1:${await freePort()}`;
  const folder = await lab.folder();
  const { ready } = await lab.start({ MOSAIC_DATA_DIR: folder, MOSAIC_HEALTH_LISTEN: health });
  const scrape = async (): Promise<Map<string, number>> => {
    const text = await (await fetch(`http://${health}/metrics`)).text();
    const lines = text.split('\n').filter((line) => /^mosaic_(listener|receiving)_/.test(line));
    return new Map(lines.map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
  };
  /** What is not zero, apart from those that uWebSockets.js does not tell. */
  const figures = async (): Promise<Record<string, number>> =>
    Object.fromEntries([...(await scrape())].filter(([, value]) => value > 0));

  const before = await scrape();
  expect([...before.values()].every((value) => value === 0 || Number.isNaN(value))).toBe(true);
  expect(before.get('mosaic_listener_closed_total{listener="mtls",reason="receiving"}')).toBe(0);

  const port = Number(new URL(ready.mtlsUrl ?? '').port);
  const silent = connect({ host: '127.0.0.1', port });
  const garbage = connect({ host: '127.0.0.1', port });
  garbage.on('error', () => {});
  garbage.end('this is no TLS');
  const stranger = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  stranger.write('GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [sender, leaving, wrong] = [
    await open(ready.mtlsUrl),
    await open(ready.mtlsUrl),
    await open(ready.uwsUrl),
  ];
  sender.send(Buffer.alloc(100_000), { fin: false });
  leaving.close();
  wrong.send('a text, which Mosaic has not');

  await expect.poll(figures, { timeout: 20_000 }).toEqual({
    mosaic_receiving_bytes: expect.any(Number),
    'mosaic_listener_connections{listener="mtls"}': 1,
    'mosaic_listener_handshakes{listener="mtls"}': 1,
    'mosaic_listener_opened_total{listener="mtls"}': 2,
    'mosaic_listener_opened_total{listener="uws"}': 1,
    'mosaic_listener_handshakes_failed_total{listener="mtls",reason="tls"}': 1,
    'mosaic_listener_handshakes_failed_total{listener="mtls",reason="request"}': 1,
    'mosaic_listener_closed_total{listener="mtls",reason="client"}': 1,
    'mosaic_listener_closed_total{listener="uws",reason="server"}': 1,
  });
  expect((await scrape()).get('mosaic_receiving_bytes')).toBeGreaterThan(100_000);
  sender.terminate();
  silent.destroy();
  await expect
    .poll(async () => (await scrape()).get('mosaic_receiving_bytes'), { timeout: 20_000 })
    .toBe(0);
});
