/** The client for browsers: what a bundler makes of it, and that it works over their WebSocket. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type * as Browser from './index-browser.ts';
import { AUTHOR, makeRecord } from '../test/records.ts';
import { startTestServer, type TestServer } from '../test/mosaic-server.ts';

const FILTER = [{ name: 'authors' as const, keys: [AUTHOR] }];
let folder = '';
let bundle: typeof Browser;
let code = '';
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-browser-'));
  const outfile = join(folder, 'client.mjs');
  await build({
    // By name, as an application does it: the package's own `exports` choose the file.
    stdin: {
      contents: `import * as client from '@mosaic-cluster/client'; export { client };`,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    outfile,
    logLevel: 'silent',
  });
  code = await readFile(outfile, 'utf8');
  const loaded = (await import(pathToFileURL(outfile).href)) as { client: typeof Browser };
  bundle = loaded.client;
  server = await startTestServer();
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function connectLikeABrowser(
  options: Partial<Parameters<typeof Browser.connect>[0]> = {},
): ReturnType<typeof Browser.connect> {
  const transport = bundle.makeBrowserTransport(WebSocket);
  return bundle.connect({ url: server.url, deps: { transport }, ...options });
}

describe('the bundle', () => {
  it('needs nothing of Node', () => {
    expect(code).not.toMatch(/["']node:/);
    expect(code).not.toMatch(/\brequire\(|\bprocess\.|\bBuffer\b/);
    expect(code.length).toBeGreaterThan(10_000);
    expect(bundle).not.toHaveProperty('nodeTransport');
  });

  it('publishes, asks and subscribes', async () => {
    const client = await connectLikeABrowser();
    const record = makeRecord(1);
    expect(await client.publish(record.bytes)).toMatchObject({ resultName: 'ACCEPTED' });
    for await (const event of client.subscribe(FILTER)) {
      if (event.name === 'record') expect(event.record.bytes).toEqual(new Uint8Array(record.bytes));
      if (event.name === 'locallyComplete') break;
    }
    expect((await client.getOne(record.id))?.id).toEqual(new Uint8Array(record.id));
    await client.close();
  });

  it('finds out that a connection is dead without being able to ping', async () => {
    const accepted = server.accepted;
    const client = await connectLikeABrowser({ probeIntervalMs: 40, reconnect: { initialMs: 1 } });
    await vi.waitFor(() => {
      const [connection] = server.connections;
      expect(connection?.received.filter((name) => name === 'unsubscribe').length).toBeGreaterThan(
        2,
      );
    });
    expect(server.accepted).toBe(accepted + 1);
    for (const { websocket } of server.connections) websocket.pause();
    await vi.waitFor(() => expect(server.accepted).toBeGreaterThan(accepted + 1), {
      timeout: 5_000,
    });
    await client.close();
  });

  it('keeps a slow caller within its buffer although it cannot stop reading', async () => {
    for (let i = 0; i < 60; i++) server.receive(makeRecord(i, 'x'.repeat(50_000)));
    const client = await connectLikeABrowser({ bufferBytesMax: 300_000, verify: false });
    const query = client.query(FILTER);
    let count = 0;
    for await (const record of query) {
      count += record.bytes.length > 0 ? 1 : 0;
      // Slower than the network.
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
    }
    expect(count).toBe(server.stored.length);
    const names = [...server.connections].flatMap(({ received }) => received);
    expect(names.filter((name) => name === 'query').length).toBeGreaterThan(1);
    await client.close();
  });

  it('refuses keys, which a browser can neither check nor show', async () => {
    const wss = { url: 'wss://example.org/' };
    for (const keys of [{ serverKey: AUTHOR }, { clientSecretKey: new Uint8Array(32) }]) {
      await expect(connectLikeABrowser({ ...wss, ...keys })).rejects.toMatchObject({
        code: 'client-options',
      });
    }
  });

  it('says that nobody is there', async () => {
    const gone = await startTestServer();
    const { url } = gone;
    await gone.close();
    await expect(connectLikeABrowser({ url })).rejects.toMatchObject({ code: 'connect' });
  });
});
