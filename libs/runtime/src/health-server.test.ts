/** Real requests over real sockets: probes, scrapes, and those who should not be there. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { type HealthServer, startHealthServer } from './health-server.ts';
import { createLogger } from './log.ts';
import { silentLogger } from './logger.ts';
import { Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';

const open: HealthServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

interface Running {
  readonly server: HealthServer;
  readonly readiness: Readiness;
  readonly url: string;
}

async function start(metrics = new Metrics({ service: 'test', version: '0' })): Promise<Running> {
  const log = silentLogger;
  const readiness = new Readiness({ checkTimeoutMs: 1000, log });
  const listen = { host: '127.0.0.1', port: 0 };
  const server = await startHealthServer({ listen, readiness, metrics, log });
  open.push(server);
  return { server, readiness, url: `http://127.0.0.1:${server.address.port}` };
}

/** Sends bytes as they are and returns all that comes back until the server hangs up. */
async function raw(server: HealthServer, bytes: string): Promise<string> {
  const socket = connect(server.address.port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    received += chunk;
  });
  // A reset is one way of hanging up.
  socket.on('error', () => undefined);
  socket.write(bytes);
  await new Promise((resolve) => socket.on('close', resolve));
  return received;
}

describe('health server', () => {
  it('is alive at once', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/livez?verbose`);
    expect([response.status, await response.text()]).toEqual([200, 'alive\n']);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('is ready when its service is, and names what it waits for', async () => {
    const { url, readiness } = await start();
    let isUp = false;
    readiness.addCheck({
      name: 'nats',
      check: () => (isUp ? Promise.resolve() : Promise.reject(new Error('no route'))),
    });
    const probe = async (): Promise<[number, unknown]> => {
      const response = await fetch(`${url}/readyz`);
      return [response.status, await response.json()];
    };
    expect(await probe()).toEqual([503, { ready: false, state: 'starting', waitingFor: [] }]);
    readiness.setState('serving');
    const waitingFor = [{ name: 'nats', reason: 'no route' }];
    expect(await probe()).toEqual([503, { ready: false, state: 'serving', waitingFor }]);
    isUp = true;
    expect(await probe()).toEqual([200, { ready: true, state: 'serving', waitingFor: [] }]);
    readiness.setState('draining');
    expect(await probe()).toEqual([503, { ready: false, state: 'draining', waitingFor: [] }]);
  });

  it('serves the metrics', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    expect(await response.text()).toContain('mosaic_build_info{service="test",version="0"} 1');
  });

  it('says so, and logs, when the metrics cannot be gathered', async () => {
    const lines: string[] = [];
    const sink = { write: (line: string) => void lines.push(line) };
    const log = createLogger({ service: 'x', format: 'json', sink });
    const readiness = new Readiness({ checkTimeoutMs: 1000, log });
    const metrics = { contentType: 'x', render: () => Promise.reject(new Error('broken gauge')) };
    const listen = { host: '127.0.0.1', port: 0 };
    const server = await startHealthServer({ listen, readiness, metrics, log });
    open.push(server);
    const response = await fetch(`http://127.0.0.1:${server.address.port}/metrics`);
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain('broken gauge');
    expect(lines.join('')).toContain('broken gauge');
  });

  it('knows nothing else', async () => {
    const { url } = await start();
    const missing = await fetch(`${url}/`);
    expect([missing.status, await missing.text()]).toEqual([
      404,
      'not found; there is /livez, /readyz, /metrics\n',
    ]);
    const post = await fetch(`${url}/livez`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const head = await fetch(`${url}/livez`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('refuses oversized headers, and does not wait for bodies', async () => {
    const { server } = await start();
    const huge = `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(9000)}\r\n\r\n`;
    expect(await raw(server, huge)).toMatch(/^HTTP\/1\.1 431 /);
    const endless = 'GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n';
    const answer = await raw(server, endless);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    // Without it the server would keep the connection until it times out, with a second answer.
    expect(answer.match(/^HTTP/gm)).toHaveLength(1);
    expect(answer).toMatch(/connection: close/i);
  });

  it('holds at most 64 connections', async () => {
    const { server } = await start();
    const sockets = Array.from({ length: 64 }, () => connect(server.address.port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    expect(await raw(server, 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
    for (const socket of sockets) socket.destroy();
  });

  it('says where it cannot listen', async () => {
    const { server } = await start();
    const metrics = new Metrics({ service: 'test', version: '0' });
    const readiness = new Readiness({ checkTimeoutMs: 1, log: silentLogger });
    const listen = { host: '127.0.0.1', port: server.address.port };
    const second = startHealthServer({ listen, readiness, metrics, log: silentLogger });
    await expect(second).rejects.toMatchObject({ kind: 'unavailable', code: 'listen-failed' });
    await expect(second).rejects.toThrow(`127.0.0.1:${server.address.port}`);
  });

  it('closes twice without complaint, even while a connection stays silent', async () => {
    const { server, url } = await start();
    const silent = connect(server.address.port, '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'connect');
    const kept = request(`${url}/livez`, { headers: { connection: 'keep-alive' } }).end();
    await once(kept, 'response');
    const gone = once(silent, 'close');
    await server.close();
    await server.close();
    await gone;
    await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed');
  });
});
