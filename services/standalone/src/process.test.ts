/** The embedded server as a process: how it starts, what it says, how it ends. Needs a build. */
import { decodeServerKey, encodeUserKey, hexEncode } from '@mosaic-cluster/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { author, recordBy } from '../testing/authors.ts';
import { ServerLab, type Settings } from '../testing/server-process.ts';
import { TestClient } from '../testing/test-client.ts';

const ALICE = author(0);

let lab = new ServerLab();
afterEach(async () => {
  await lab.close();
  lab = new ServerLab();
});

describe('the ready line', () => {
  it('says where it serves, as soon as it does, alone on its line', async () => {
    const dataDir = await lab.folder();
    const { server, ready } = await lab.start({ MOSAIC_DATA_DIR: dataDir });
    expect(ready).toMatchObject({ event: 'ready', dataDir });
    expect(ready.mtlsUrl).toMatch(/^wss:\/\/127\.0\.0\.1:\d+\/$/);
    expect(ready.uwsUrl).toMatch(/^wss:\/\/127\.0\.0\.1:\d+\/$/);
    expect(ready.serverKeyHex).toBe(hexEncode(decodeServerKey(ready.serverKey)));
    for (const line of server.stdout.trimEnd().split('\n'))
      expect(() => JSON.parse(line)).not.toThrow();
    for (const url of [ready.mtlsUrl, ready.uwsUrl]) {
      const client = await TestClient.connect(url ?? '');
      expect((await client.get(recordBy(ALICE).id)).result).toBe('NOT_FOUND');
      client.close();
    }
  });

  it('has null for a listener that is off, and ws: for one without TLS', async () => {
    const { ready } = await lab.start({
      MOSAIC_DATA_DIR: await lab.folder(),
      MOSAIC_MTLS_LISTEN: 'off',
      MOSAIC_UWS_TLS: 'off',
    });
    expect(ready.mtlsUrl).toBeNull();
    expect(ready.uwsUrl).toMatch(/^ws:\/\//);
  });

  it('is one line of JSON where stdout is no terminal, whatever the log looks like', async () => {
    const { ready } = await lab.start({
      MOSAIC_DATA_DIR: await lab.folder(),
      MOSAIC_LOG: 'pretty',
    });
    expect(ready.event).toBe('ready');
  });
});

it('prints every setting with --help, and starts nothing', async () => {
  const { code, stdout } = await lab.spawn({}, ['--help']).ended;
  expect(code).toBe(0);
  for (const name of ['MOSAIC_DATA_DIR', 'MOSAIC_ADMISSION', 'MOSAIC_UWS_TLS']) {
    expect(stdout).toContain(name);
  }
});

describe('a start that cannot be', () => {
  async function sentence(settings: Settings): Promise<string> {
    const dataDir = await lab.folder();
    const { code, stdout, stderr } = await lab.spawn({ MOSAIC_DATA_DIR: dataDir, ...settings })
      .ended;
    expect(code).toBe(1);
    return stdout + stderr;
  }

  it.each([
    ['MOSAIC_ADMISSION', { MOSAIC_ADMISSION: 'everyone' }],
    ['MOSAIC_ADMISION', { MOSAIC_ADMISION: 'open' }],
    ['MOSAIC_UWS_LISTEN', { MOSAIC_UWS_LISTEN: 'nowhere' }],
    ['MOSAIC_SERVICE_URL', { MOSAIC_SERVICE_URL: 'https://example.com/' }],
    ['MOSAIC_USERS', { MOSAIC_USERS: 'mopub0nonsense' }],
    ['10.0.0.0/33', { MOSAIC_PROXY_PROTOCOL_FROM: '10.0.0.0/8, 10.0.0.0/33' }],
    ['from 8s to 16m', { MOSAIC_IDLE_TIMEOUT: '2s' }],
    ['MOSAIC_ROLES', { MOSAIC_ROLES: 'outbox,mailbox' }],
    ['MOSAIC_MTLS_LISTEN', { MOSAIC_MTLS_LISTEN: 'off', MOSAIC_UWS_LISTEN: 'off' }],
  ] as const)('says what is wrong: %s', async (name, settings) => {
    expect(await sentence(settings)).toContain(name);
  });

  it('names every wrong setting at once', async () => {
    const text = await sentence({ MOSAIC_LOG: 'loud', MOSAIC_IDLE_TIMEOUT: 'never' });
    expect(text).toContain('MOSAIC_LOG');
    expect(text).toContain('MOSAIC_IDLE_TIMEOUT');
  });

  it('names an address that is taken', async () => {
    const { ready } = await lab.start({ MOSAIC_DATA_DIR: await lab.folder() });
    const { host, port } = new URL(ready.uwsUrl ?? '');
    for (const name of ['MOSAIC_UWS_LISTEN', 'MOSAIC_MTLS_LISTEN']) {
      const text = await sentence({ [name]: host });
      expect(text).toContain(name);
      expect(text).toContain(port);
    }
  });

  it('names the process that holds the data folder, until that is killed', async () => {
    const settings = { MOSAIC_DATA_DIR: await lab.folder() };
    const { server } = await lab.start(settings);
    const text = await sentence(settings);
    expect(text).toContain(`in use by process ${server.pid}`);
    await server.stop('SIGKILL');
    await lab.start(settings);
  });
});

describe('the end', () => {
  it('comes with SIGTERM: clients are told, what was accepted is kept, and the exit is 0', async () => {
    const settings = { MOSAIC_DATA_DIR: await lab.folder() };
    const { server, ready } = await lab.start(settings);
    const clients = await Promise.all(
      [ready.mtlsUrl, ready.uwsUrl].map((url) => TestClient.connect(url ?? '')),
    );
    const record = recordBy(ALICE);
    const [first, second] = clients;
    expect(await first?.submit(record)).toEqual(['ACCEPTED']);
    const ended = server.stop('SIGTERM');
    expect(await first?.closed()).toBe('SHUTTING_DOWN');
    expect(await second?.closed()).toBe('SHUTTING_DOWN');
    expect((await ended).code).toBe(0);

    const again = await lab.start(settings);
    expect(again.ready.serverKeyHex).toBe(ready.serverKeyHex);
    const client = await TestClient.connect(again.ready.mtlsUrl ?? '');
    const { records } = await client.get(record.id);
    expect(records.map(({ bytes }) => hexEncode(bytes))).toEqual([hexEncode(record.bytes)]);
    client.close();
  });

  it('comes with SIGINT too', async () => {
    const { server } = await lab.start({ MOSAIC_DATA_DIR: await lab.folder() });
    expect((await server.stop('SIGINT')).code).toBe(0);
  });
});

it('keeps secrets out of what it logs', async () => {
  const settings = {
    MOSAIC_DATA_DIR: await lab.folder(),
    MOSAIC_LOG_LEVEL: 'trace',
    MOSAIC_USERS: encodeUserKey(ALICE.key),
  };
  const { server, ready } = await lab.start(settings);
  const client = await TestClient.connect(ready.mtlsUrl ?? '', ALICE.secret);
  await client.submit(recordBy(ALICE, { payload: new TextEncoder().encode('a secret message') }));
  client.close();
  const { stdout, stderr } = await server.stop();
  expect(stdout + stderr).not.toMatch(/mosec0|a secret message|PRIVATE KEY/);
});
