/** The settings make a server that knows whose the connections of a balancer are. Needs a build. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ServerLab } from '../testing/server-process.ts';

const lab = new ServerLab();
afterEach(() => lab.close());

/** Connects with `header` in front of TLS. */
async function knock(url: string | null, header: string): Promise<WebSocket> {
  const tcp = connect({ host: '127.0.0.1', port: Number(new URL(url ?? '').port) });
  tcp.write(header);
  const socket = new WebSocket(url ?? '', 'mosaic2024', {
    createConnection: () => connectTls({ socket: tcp, rejectUnauthorized: false }),
  });
  await once(socket, 'open');
  return socket;
}

it('takes headers on both listeners, and no connection without one', async () => {
  const { server, ready } = await lab.start({
    MOSAIC_DATA_DIR: await lab.folder(),
    MOSAIC_PROXY_PROTOCOL_FROM: '10.0.0.0/8,127.0.0.0/8',
    MOSAIC_UWS_ENGINE: 'uws',
  });
  for (const url of [ready.mtlsUrl, ready.uwsUrl]) {
    const socket = await knock(url, 'PROXY TCP4 203.0.113.9 10.0.0.1 40000 443\r\n');
    socket.close();
    await once(socket, 'close');
    await expect(knock(url, '')).rejects.toThrow();
  }
  const { stdout, stderr } = await server.stop('SIGTERM');
  expect(stdout + stderr).toContain('cannot be relied on to read PROXY headers');
});

it('limits clients by their own addresses', async () => {
  const { ready } = await lab.start({
    MOSAIC_DATA_DIR: await lab.folder(),
    MOSAIC_PROXY_PROTOCOL_FROM: '127.0.0.1',
    MOSAIC_BUDGETS: 'connects.address.anonymous=1/d:3',
  });
  const from = (address: string): Promise<WebSocket> =>
    knock(ready.mtlsUrl, `PROXY TCP4 ${address} 10.0.0.1 40000 443\r\n`);
  for (let i = 0; i < 3; i++) await from('203.0.113.9');
  await expect(from('203.0.113.9')).rejects.toThrow();
  await from('203.0.113.7');
});
