/** Connecting: who the server is, who we are, and what is no Mosaic server. */
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeClosing,
  encodeServerKey,
  generateSecretKey,
  publicKeyOf,
  RESULT,
} from '@mosaic-cluster/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientEvent } from './client-event.ts';
import { connect, connectRaw, type MosaicClient, openTrustStoreFile } from './index.ts';
import { makeRecord } from '../test/records.ts';
import { startTestServer, type TestServer } from '../test/mosaic-server.ts';

const SEED = generateSecretKey();
const SERVER_KEY = publicKeyOf(SEED);
const opened: { close(): Promise<unknown> }[] = [];

function keep<T extends TestServer | MosaicClient>(resource: T): T {
  opened.push(resource);
  return resource;
}

afterEach(async () => {
  for (const resource of opened.splice(0).reverse()) await resource.close();
});

describe('the server key', () => {
  it('connects where it is the one expected, and says what was agreed on', async () => {
    const headers = { 'X-Mosaic-Service-Url': 'https://a.example/', 'X-Mosaic-Extensions': 'b;c' };
    const server = keep(await startTestServer({ seed: SEED, headers }));
    const url = server.url.replace('wss:', 'mosaicwss:');
    const client = keep(await connect({ url, serverKey: SERVER_KEY, extensions: ['b', 'c'] }));
    expect(client.handshake).toEqual({
      subprotocol: 'mosaic2024',
      serviceUrl: 'https://a.example/',
      extensions: ['b', 'c'],
      serverKey: SERVER_KEY,
    });
    expect(client.isConnected).toBe(true);
  });

  it('names both keys where it is another one, before a byte of HTTP is sent', async () => {
    const server = keep(await startTestServer({ seed: SEED }));
    const expected = publicKeyOf(generateSecretKey());
    const refused = connect({ url: server.url, serverKey: expected });
    await expect(refused).rejects.toMatchObject({
      kind: 'unauthorized',
      code: 'server-key',
      message: expect.stringContaining(
        `should be ${encodeServerKey(expected)}, but it shows ${encodeServerKey(SERVER_KEY)}`,
      ) as string,
    });
    expect(server.accepted).toBe(0);
  });

  it('is believed once and remembered in a file', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'mosaic-')), 'deep', 'known-servers');
    const trustStore = openTrustStoreFile(path);
    const server = keep(await startTestServer({ seed: SEED }));
    await (await connect({ url: server.url, trustStore })).close();
    expect(await readFile(path, 'utf8')).toBe(
      `127.0.0.1:${server.port} ${encodeServerKey(SERVER_KEY)}\n`,
    );
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await (await connect({ url: server.url, trustStore: openTrustStoreFile(path) })).close();
    await writeFile(
      path,
      `127.0.0.1:${server.port} ${encodeServerKey(publicKeyOf(SEED.map((b) => b ^ 1)))}\n`,
    );
    await expect(connect({ url: server.url, trustStore })).rejects.toMatchObject({
      code: 'server-key',
    });
  });

  it('names the line of a trust store that cannot be read', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'mosaic-')), 'known-servers');
    await writeFile(path, `a:1 ${encodeServerKey(SERVER_KEY)}\nb:2 mosrv0nonsense\n`);
    const refused = connect({ url: 'wss://b:2/', trustStore: openTrustStoreFile(path) });
    await expect(refused).rejects.toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('line 2') as string,
    });
  });

  it('ends a client whose server comes back with another key', async () => {
    const first = keep(await startTestServer({ seed: SEED }));
    const { port } = first;
    const events: ClientEvent[] = [];
    const client = keep(
      await connect({
        url: first.url,
        serverKey: SERVER_KEY,
        reconnect: { initialMs: 20 },
        onEvent: (event) => events.push(event),
      }),
    );
    opened.splice(opened.indexOf(first), 1);
    await first.close();
    keep(await startTestServer({ seed: generateSecretKey(), port }));
    await vi.waitFor(() => expect(events.at(-1)?.name).toBe('ended'), { timeout: 5_000 });
    expect(events.at(-1)).toMatchObject({ error: { code: 'server-key' } });
    await expect(client.publish(makeRecord(1))).rejects.toMatchObject({ code: 'server-key' });
  });
});

describe('the client key', () => {
  it('is the key of the client certificate', async () => {
    const server = keep(await startTestServer({ seed: SEED }));
    const clientSecretKey = generateSecretKey();
    keep(await connect({ url: server.url, serverKey: SERVER_KEY, clientSecretKey }));
    keep(await connect({ url: server.url, serverKey: SERVER_KEY }));
    const keys = [...server.connections].map(({ clientKey }) => clientKey);
    expect(keys).toEqual([publicKeyOf(clientSecretKey), undefined]);
  });
});

describe('what is refused', () => {
  const serverKey = SERVER_KEY;
  it.each([
    [{ url: 'https://a/' }, 'server-url'],
    [{ url: 'ws://user@a/' }, 'server-url'],
    [{ url: 'wss://a/path', serverKey }, 'server-url'],
    [{ url: 'mosaicwss://a:70000/', serverKey }, 'server-url'],
    [{ url: 'wss://a/' }, 'client-options'],
    [{ url: 'ws://a/', serverKey }, 'client-options'],
    [{ url: 'ws://a/', clientSecretKey: SEED }, 'client-options'],
    [{ url: 'wss://a/', serverKey, certificateAuthorities: true }, 'client-options'],
    [{ url: 'ws://a/', openQueriesMax: 0 }, 'client-options'],
    [{ url: 'ws://a/', retry: { maxMs: -1 } }, 'client-options'],
    [{ url: 'wss://a/', serverKey: new Uint8Array(32) }, 'key'],
  ])('%j', async (options, code) => {
    await expect(connect(options)).rejects.toMatchObject({ kind: 'invalid', code });
  });

  it('a server without the subprotocol', async () => {
    const server = keep(await startTestServer({ subprotocol: false }));
    await expect(connect({ url: server.url })).rejects.toMatchObject({ code: 'handshake' });
  });

  it('a server that answers with an HTTP page, which is quoted', async () => {
    const http = createServer((_request, response) => {
      response.writeHead(404).end('nothing here');
    });
    await new Promise<void>((resolve) => {
      http.listen(0, '127.0.0.1', resolve);
    });
    const { port } = http.address() as AddressInfo;
    await expect(connect({ url: `ws://127.0.0.1:${port}/` })).rejects.toMatchObject({
      code: 'handshake',
      message: expect.stringContaining('HTTP 404: nothing here') as string,
    });
    await new Promise((resolve) => {
      http.close(resolve);
    });
  });

  it('nobody there', async () => {
    const server = await startTestServer();
    const { url } = server;
    await server.close();
    await expect(connect({ url })).rejects.toMatchObject({ kind: 'unavailable', code: 'connect' });
  });

  it('a server that does not answer, after the time for connecting and on abort', async () => {
    const { createServer: createTcpServer } = await import('node:net');
    const sockets = new Set<{ destroy(): void }>();
    const silent = createTcpServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    const { port } = silent.address() as AddressInfo;
    for (const scheme of ['ws', 'wss']) {
      const options = {
        url: `${scheme}://127.0.0.1:${port}/`,
        ...(scheme === 'wss' ? { serverKey } : {}),
      };
      await expect(connect({ ...options, connectTimeoutMs: 50 })).rejects.toMatchObject({
        code: 'connect',
      });
      const signal = AbortSignal.timeout(50);
      await expect(connect({ ...options, signal })).rejects.toThrow(/aborted due to timeout/);
    }
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

describe('a connection that is lost', () => {
  it('tells the reason that the server gave, and is final after a lasting ban', async () => {
    const server = keep(await startTestServer());
    const events: ClientEvent[] = [];
    const client = keep(await connect({ url: server.url, onEvent: (event) => events.push(event) }));
    for (const connection of server.connections) {
      connection.sendBytes(encodeClosing(RESULT.IP_PERM_BANNED));
      connection.websocket.close(1008, 'banned');
    }
    await vi.waitFor(() => expect(events.at(-1)?.name).toBe('ended'));
    expect(events).toMatchObject([
      { name: 'connected' },
      { name: 'closing', result: RESULT.IP_PERM_BANNED },
      { name: 'disconnected', code: 1008, reason: 'banned', error: { code: 'ip-perm-banned' } },
      { name: 'ended', error: { code: 'ip-perm-banned' } },
    ]);
    await expect(client.publish(makeRecord(1))).rejects.toMatchObject({ code: 'ip-perm-banned' });
  });

  it('is replaced at a random moment after SHUTTING_DOWN', async () => {
    const server = keep(await startTestServer());
    const events: ClientEvent[] = [];
    const client = keep(
      await connect({
        url: server.url,
        onEvent: (event) => events.push(event),
        reconnect: { initialMs: 0, shutdownSpreadMs: 200 },
        deps: { random: () => 0.25 },
      }),
    );
    for (const connection of server.connections) {
      connection.sendBytes(encodeClosing(RESULT.SHUTTING_DOWN));
      connection.websocket.close(1001);
    }
    await vi.waitFor(() => expect(server.accepted).toBe(2));
    expect(events).toContainEqual(expect.objectContaining({ name: 'reconnecting', delayMs: 50 }));
    await vi.waitFor(() => expect(client.isConnected).toBe(true));
  });

  it.each([
    ['bytes that are none', Uint8Array.of(0x80, 8, 0, 0, 1)],
    ['a message that clients send', Uint8Array.of(4, 8, 0, 0, 1, 0, 0, 0)],
    ['an answer to a query that nobody made', Uint8Array.of(0x81, 8, 0, 0, 9, 9, 0, 0)],
  ])('is replaced after %s', async (_name, bytes) => {
    const server = keep(await startTestServer());
    const events: ClientEvent[] = [];
    keep(
      await connect({
        url: server.url,
        reconnect: { initialMs: 1 },
        onEvent: (event) => events.push(event),
      }),
    );
    for (const connection of server.connections) connection.sendBytes(bytes);
    await vi.waitFor(() => expect(server.accepted).toBe(2));
    const error = expect.objectContaining({ kind: 'invalid', code: 'server-message' }) as unknown;
    expect(events).toContainEqual(expect.objectContaining({ name: 'disconnected', error }));
  });

  it('is noticed where the server has gone silent', async () => {
    const server = keep(await startTestServer());
    const events: ClientEvent[] = [];
    keep(
      await connect({
        url: server.url,
        probeIntervalMs: 40,
        reconnect: { initialMs: 1 },
        onEvent: (event) => events.push(event),
      }),
    );
    // Reads nothing and so answers nothing.
    for (const connection of server.connections) connection.websocket.pause();
    await vi.waitFor(() => expect(server.accepted).toBe(2), { timeout: 5_000 });
    const error = expect.objectContaining({ code: 'unresponsive' }) as unknown;
    expect(events).toContainEqual(expect.objectContaining({ name: 'disconnected', error }));
  });

  it('stays where the server answers probes', async () => {
    const server = keep(await startTestServer());
    keep(await connect({ url: server.url, probeIntervalMs: 20 }));
    const pings = vi.fn();
    for (const { websocket } of server.connections) websocket.on('ping', pings);
    await vi.waitFor(() => expect(pings.mock.calls.length).toBeGreaterThan(5));
    expect(server.accepted).toBe(1);
  });
});

describe('close and abort', () => {
  it('waits for submissions, then says goodbye', async () => {
    let answer = (): void => {};
    const server: TestServer = await startTestServer({
      intercept(connection, message) {
        answer = () => server.handle(connection, message);
        return true;
      },
    });
    keep(server);
    const client = await connect({ url: server.url });
    const codes: number[] = [];
    for (const { websocket } of server.connections)
      websocket.on('close', (code) => codes.push(code));
    const published = client.publish(makeRecord(1));
    await vi.waitFor(() => expect([...server.connections][0]?.received).toEqual(['submission']));
    const closed = client.close();
    await expect(client.publish(makeRecord(2))).rejects.toMatchObject({ kind: 'closed' });
    answer();
    expect(await published).toMatchObject({ resultName: 'ACCEPTED' });
    await closed;
    await vi.waitFor(() => expect(codes).toEqual([1000]));
    await client.close();
  });

  it('is cut where the server does not answer in time', async () => {
    const server = keep(await startTestServer({ intercept: () => true }));
    const client = await connect({ url: server.url, drainTimeoutMs: 20 });
    const published = client.publish(makeRecord(1));
    const refused = expect(published).rejects.toMatchObject({ kind: 'closed' });
    await client.close();
    await refused;
  });

  it('ends everything at once on abort', async () => {
    const server = keep(await startTestServer({ intercept: () => true }));
    const abort = new AbortController();
    const client = await connect({ url: server.url, signal: abort.signal });
    const published = client.publish(makeRecord(1));
    abort.abort();
    await expect(published).rejects.toMatchObject({ kind: 'closed' });
    await vi.waitFor(() => expect(server.connections.size).toBe(0));
  });
});

describe('a raw connection', () => {
  it('sends and receives bytes as they are and tells how it ended', async () => {
    const server = keep(await startTestServer({ seed: SEED }));
    const raw = await connectRaw({ url: server.url, serverKey: SERVER_KEY });
    expect(raw.handshake.subprotocol).toBe('mosaic2024');
    raw.send(Uint8Array.of(4, 8, 0, 0, 1, 2, 0, 0));
    expect(await raw.receive()).toEqual(Uint8Array.of(0x82, 8, 0, 0, 1, 2, RESULT.NOT_FOUND, 0));
    for (const connection of server.connections) connection.websocket.close(1008, 'enough');
    expect(await raw.closed).toMatchObject({ code: 1008, reason: 'enough' });
    expect(await raw.receive()).toBeUndefined();
  });

  it('stops reading where nobody takes what came, and loses nothing', async () => {
    const server = keep(await startTestServer());
    const raw = await connectRaw({ url: server.url, bufferBytesMax: 100_000 });
    const count = 400;
    for (const { websocket } of server.connections) {
      for (let i = 0; i < count; i++) websocket.send(new Uint8Array(60_000).fill(i));
    }
    const [connection] = server.connections;
    await vi.waitFor(() => expect(connection?.websocket.bufferedAmount).toBeGreaterThan(1_000_000));
    let seen = 0;
    for await (const bytes of raw) {
      expect(bytes[0]).toBe(seen & 0xff);
      seen += 1;
      if (seen === count) break;
    }
    expect(await raw.close()).toMatchObject({ code: 1000 });
  });

  it('can offer another subprotocol, or none', async () => {
    const server = keep(await startTestServer());
    const raw = await connectRaw({ url: server.url, subprotocols: [] });
    expect(raw.handshake.subprotocol).toBe('');
    raw.terminate();
    expect(await raw.closed).toMatchObject({ code: 1006 });
  });
});
