/** The listener contract, first part: which requests become connections, and which don't. */
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { selfSignedKey } from '@mosaic-cluster/certificate';
import { connectClient, exchange, upgradeRequest } from './contract-client.ts';
import { eventually, type ListenerFixture, type Open } from './contract-server.ts';

function describeUpgrade(open: Open): void {
  it('accepts mosaic2024 and echoes it, among other offers too', async () => {
    const { listener, accepted } = await open();
    const client = await connectClient(listener, { protocols: ['other', 'mosaic2024'] });
    expect(client.websocket.protocol).toBe('mosaic2024');
    expect(accepted).toHaveLength(1);
    expect(client.headers).not.toHaveProperty('x-mosaic-extensions');
    expect(client.headers).not.toHaveProperty('x-mosaic-service-url');
  });

  it('negotiates no compression', async () => {
    const { listener } = await open();
    const client = await connectClient(listener, { perMessageDeflate: true });
    expect(client.headers).not.toHaveProperty('sec-websocket-extensions');
  });

  it('answers extensions in the order of the client, or none', async () => {
    const { listener } = await open({}, { extensions: ['one', 'two'] });
    const ask = async (name: string, value: string): Promise<unknown> => {
      const client = await connectClient(listener, { headers: { [name]: value } });
      return client.headers['x-mosaic-extensions'];
    };
    expect(await ask('X-Mosaic-Extensions', 'two; three; one')).toBe('two;one');
    expect(await ask('X-Mosiac-Extensions', 'one')).toBe('one');
    expect(await ask('X-Mosaic-Extensions', 'three')).toBe('-');
  });

  it('announces the service URL', async () => {
    const { listener } = await open({}, { serviceUrl: 'https://example.com/about' });
    const client = await connectClient(listener);
    expect(client.headers['x-mosaic-service-url']).toBe('https://example.com/about');
  });

  it.each([
    ['no subprotocol', { 'Sec-WebSocket-Protocol': undefined }, 400, 'mosaic2024'],
    ['another subprotocol', { 'Sec-WebSocket-Protocol': 'mosaic2025' }, 400, 'mosaic2024'],
    ['a prefix of it', { 'Sec-WebSocket-Protocol': 'mosaic20' }, 400, 'mosaic2024'],
    ['an old WebSocket version', { 'Sec-WebSocket-Version': '8' }, 426, 'version 13'],
    ['no key', { 'Sec-WebSocket-Key': undefined }, 400, 'Sec-WebSocket-Key'],
    ['a bad key', { 'Sec-WebSocket-Key': 'abc' }, 400, 'Sec-WebSocket-Key'],
    ['a long head', { 'X-Long': 'x'.repeat(20_000) }, 431, ''],
  ])('refuses %s', async (_what, headers, status, sentence) => {
    const { listener, accepted } = await open();
    const answer = await exchange(listener, upgradeRequest(headers));
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain(sentence);
    expect(accepted).toEqual([]);
    expect(listener.connections).toBe(0);
  });

  it('upgrades at / only', async () => {
    const { listener, accepted, events } = await open();
    const elsewhere = await exchange(listener, upgradeRequest({}, 'GET /chat HTTP/1.1'));
    expect(elsewhere).toMatch(/^HTTP\/1.1 404 /);
    const posted = await exchange(listener, upgradeRequest({}, 'POST / HTTP/1.1'));
    expect(posted).toMatch(/^HTTP\/1.1 405 /);
    const old = await exchange(listener, upgradeRequest({}, 'GET / HTTP/1.0'));
    expect(old).not.toMatch(/^HTTP\/1.1 (101|200) /);
    expect(accepted).toEqual([]);
    expect(events.every((event) => event === 'refused-request')).toBe(true);
  });
}

function describePages(fixture: ListenerFixture, open: Open): void {
  it('shows people what this is, and closes', async () => {
    const { listener, events } = await open();
    const answer = await exchange(listener, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer).toMatch(/^content-type: text\/html; charset=utf-8\r$/im);
    expect(answer).toContain('<p>A Mosaic server.</p>\n<p>Its key is &lt;mosrv0test&gt;.</p>');
    expect(events).toEqual([]);
  });

  it('answers other paths with 404 and other methods with 405', async () => {
    const { listener } = await open();
    const ask = (line: string): Promise<string> =>
      exchange(listener, `${line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`);
    expect(await ask('GET /favicon.ico')).toMatch(/^HTTP\/1.1 404 /);
    expect(await ask('POST /')).toMatch(/^HTTP\/1.1 405 [^]*allow: GET/i);
    expect(await ask('DELETE /')).toMatch(/^HTTP\/1.1 405 /);
  });

  it('keeps no HTTP connection alive', async () => {
    const { listener } = await open();
    const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n';
    // The exchange is over when the server ends the connection.
    expect(await exchange(listener, request)).toMatch(/^HTTP\/1.1 200 [^]*connection: close\r\n/i);
  });

  it('ends HTTP/1.0 after its answer', async () => {
    const { listener } = await open();
    const answer = await exchange(listener, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(answer).toMatch(fixture.http10 ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 505 /);
  });
}

function describeLimits(open: Open): void {
  it('counts its connections and refuses one too many', async () => {
    const { listener, events } = await open({}, { limits: { connectionsMax: 2 } });
    const first = await connectClient(listener);
    await connectClient(listener);
    expect(listener.connections).toBe(2);
    await expect(connectClient(listener)).rejects.toThrow('503');
    expect(events).toEqual(['refused-full']);
    first.websocket.close();
    await eventually(() => listener.connections).toBe(1);
    await connectClient(listener);
    expect(listener.connections).toBe(2);
  });

  it('stops accepting and keeps what it has', async () => {
    const { listener, accepted } = await open();
    const client = await connectClient(listener);
    listener.stopAccepting();
    listener.stopAccepting();
    await expect(connectClient(listener)).rejects.toThrow('ECONNREFUSED');
    client.websocket.send(Buffer.of(1));
    await eventually(() => accepted[0]?.messages).toEqual([Buffer.of(1)]);
    expect(accepted[0]?.socket.send(Buffer.of(2))).toBe(true);
    await eventually(() => client.messages).toEqual([Buffer.of(2)]);
  });

  it('says that a port is taken', async () => {
    const { listener } = await open();
    await expect(open({}, { port: listener.port })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'listen',
      message: expect.stringContaining(`127.0.0.1 port ${listener.port}`),
    });
  });

  it('names contradicting limits', async () => {
    await expect(open({}, { limits: { outputBytesMax: 1_000_000 } })).rejects.toMatchObject({
      code: 'listener-limits',
      message: expect.stringContaining('outputBytesMax'),
    });
  });
}

function describeTls(open: Open): void {
  const versionOf = async (
    port: number,
    version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3',
  ): Promise<{ version: string | null; key: string }> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
        // OpenSSL offers TLS 1.1 at this level only.
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        const certificate = socket.getPeerX509Certificate();
        const key = Buffer.from(certificate ? selfSignedKey(certificate) : []).toString('hex');
        resolve({ version: socket.getProtocol(), key });
        socket.destroy();
      });
    });

  it('speaks TLS 1.2 and 1.3 with its Ed25519 certificate, and nothing older', async () => {
    const { listener } = await open();
    const modern = await versionOf(listener.port, 'TLSv1.3');
    expect(modern.version).toBe('TLSv1.3');
    expect(modern.key).toHaveLength(64);
    expect(await versionOf(listener.port, 'TLSv1.2')).toEqual({ ...modern, version: 'TLSv1.2' });
    await expect(versionOf(listener.port, 'TLSv1.1')).rejects.toThrow();
  });
}

/** All of this part. */
export function describeHandshake(fixture: ListenerFixture, open: Open): void {
  describe('upgrade', () => describeUpgrade(open));
  describe('pages', () => describePages(fixture, open));
  describe('limits', () => describeLimits(open));
  describe.runIf(fixture.tls)('TLS', () => describeTls(open));
}
