/**
 * The networked commands as their users meet them: the built program against the real embedded
 * server, each in a process of its own.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeServerKey,
  encodeUserKey,
  generateSecretKey,
  hexDecode,
  publicKeyOf,
} from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  buildServer,
  type EmbeddedServer,
  startEmbeddedServer,
} from '../../test/embedded-server.ts';
import { buildCommand, runBuilt, type RunResult } from '../../test/run-built.ts';

// A test starts up to a dozen processes, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ALICE = '11'.repeat(32);
const BOB = '22'.repeat(32);
const ALICE_KEY = encodeUserKey(publicKeyOf(hexDecode(ALICE)));
const OTHER_SERVER = encodeServerKey(publicKeyOf(generateSecretKey()));
const UNKNOWN_ID = `1a${'00'.repeat(47)}`;

let folder = '';
let server: EmbeddedServer;
const started: EmbeddedServer[] = [];

async function startServer(name: string, settings?: NodeJS.ProcessEnv): Promise<EmbeddedServer> {
  const one = await startEmbeddedServer(join(folder, name), settings);
  started.push(one);
  return one;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mosaic-network-'));
  await buildCommand();
  await buildServer();
  server = await startServer('data');
});

afterAll(async () => {
  for (const one of started) await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs in the test's folder, which is its home too, on the test's server. */
function mosaic(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<RunResult> {
  const all = { HOME: folder, MOSAIC_SERVER: server.mtlsUrl, ...env };
  return runBuilt(args, { cwd: folder, env: all });
}

function lines(text: string): Record<string, unknown>[] {
  const found = text.split('\n').filter(Boolean);
  return found.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Publishes a record and returns its reference. */
async function publish(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await mosaic(['publish', '--quiet', '--secret', ALICE, ...args]);
  expect({ code, stderr: stderr.replace(/^note: first (.*\n){3}/, '') }).toEqual({
    code: 0,
    stderr: '',
  });
  return /moref0\w+/.exec(stdout)?.[0] ?? '';
}

const PRIVATE_KIND = '99:1:unique,author-only,printable';

describe('the first minute', () => {
  test('works as the README shows it', async () => {
    const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');
    const commands = Array.from(
      readme.matchAll(/^npm run -s mosaic -- (.+)$/gm),
      ([, one = '']) => one,
    );
    expect(commands.map((one) => one.split(' ')[0])).toEqual([
      'keygen',
      'publish',
      'query',
      'subscribe',
    ]);
    const home = mkdtempSync(join(folder, 'home-'));
    const outputs: string[] = [];
    for (const command of commands) {
      const words = command.matchAll(/"([^"]*)"|(\S+)/g);
      const args = Array.from(words, ([, quoted, bare]) => quoted ?? bare ?? '');
      const real = args.map((arg) => (arg.startsWith('wss://') ? server.mtlsUrl : arg));
      if (real[0] === 'subscribe') real.push('--until-complete');
      const { code, stdout, stderr } = await runBuilt(real, { cwd: home, env: { HOME: home } });
      expect({ code, stderr }, command).toMatchObject({ code: 0 });
      outputs.push(stdout);
    }
    const [, published = '', queried = '', followed = ''] = outputs;
    expect(published).toMatch(/^ACCEPTED {2}moref0\w+\n$/);
    const id = published.slice(10).trim();
    const shown = new RegExp(
      `^\\S+Z {2}mopub0\\w{12}… {2}microblog-root\n {2}Hello, Mosaic\n {2}${id}\n`,
    );
    expect(queried).toMatch(shown);
    expect(followed).toMatch(shown);
    expect(followed).toMatch(/— live from here —\n$/);
  });
});

describe('mosaic get', () => {
  test('gets by ID and by address, from arguments and files, as JSON', async () => {
    const reference = await publish('--text', 'one');
    const [record] = lines((await mosaic(['get', reference, '--json'])).stdout);
    expect(record).toMatchObject({
      type: 'record',
      valid: true,
      fields: { payload: { text: 'one' }, kind: { name: 'microblog-root' } },
    });
    const { id, address } = (record?.['fields'] ?? {}) as { id?: string; address?: string };
    writeFileSync(join(folder, 'refs.txt'), `${id}\n\n${address}  ${reference}\r\n`);
    const both = await mosaic(['get', '@refs.txt', '--quiet']);
    expect(both).toMatchObject({ code: 0, stderr: '' });
    expect(both.stdout.match(/ {2}one\n/g)).toHaveLength(1);
  });

  test('names what is not there, and exits with 1', async () => {
    const reference = await publish('--text', 'there');
    const { code, stdout, stderr } = await mosaic(['get', UNKNOWN_ID, reference, '--json']);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: /^not found: moref0/ });
    expect(lines(stdout).map(({ type }) => type)).toEqual(['record', 'missing']);
    expect(lines(stdout)[1]).toMatchObject({ hex: UNKNOWN_ID });
  });

  test('hands a private record to its author only', async () => {
    const reference = await publish('--kind', PRIVATE_KIND, '--text', 'secret');
    const own = await mosaic(['get', reference, '--secret', ALICE]);
    expect(own).toMatchObject({ code: 0, stdout: expect.stringContaining('  secret\n') });
    const ways = [[], ['--secret', BOB], ['--secret', ALICE, '--anonymous']];
    for (const way of ways) {
      const other = await mosaic(['get', reference, ...way]);
      expect(other, way.join(' ')).toMatchObject({ code: 1, stdout: '' });
    }
    const byEnvironment = await mosaic(['get', reference], { MOSAIC_SECRET_KEY: ALICE });
    expect(byEnvironment.code).toBe(0);
  });
});

describe('mosaic query', () => {
  test('takes options or a ready-made filter, and a limit', async () => {
    for (const text of ['a', 'b', 'c']) {
      await publish('--kind', 'blog-post', '--tag', '0x4321:01', '--text', text);
    }
    const made = await mosaic(['build', 'filter', '--tag', '0x4321:01', '--kind', 'blog-post']);
    const ways = [
      ['--tag', '0x4321:01'],
      ['--filter', made.stdout.trim()],
    ];
    for (const way of ways) {
      const { code, stdout } = await mosaic(['query', ...way, '--limit', '2', '--json']);
      expect(code).toBe(0);
      const texts = lines(stdout).map(({ fields }) => fields as { payload: { text: string } });
      expect(texts.map(({ payload }) => payload.text)).toEqual(['c', 'b']);
    }
  });

  test('writes bytes that publish takes, byte for byte', async () => {
    await publish('--kind', '99:2:unique,everybody', '--payload', 'bytes');
    const asked = ['query', '--kind', '99:2:unique,everybody'];
    expect(await mosaic([...asked, '--out', 'all.bin'])).toMatchObject({ code: 0, stdout: '' });
    expect((await mosaic([...asked, '--out', 'all.bin'])).stderr).toContain('it exists already');
    const again = await mosaic(['publish', '@all.bin', '--json']);
    expect(lines(again.stdout)[0]).toMatchObject({ result: { name: 'DUPLICATE' } });
    const other = await startServer('other-data');
    const env = { MOSAIC_SERVER: other.mtlsUrl };
    expect((await mosaic(['publish', '@all.bin'], env)).code).toBe(0);
    expect((await mosaic([...asked, '--out', 'copy.bin', '--no-verify'], env)).code).toBe(0);
    expect(readFileSync(join(folder, 'copy.bin'))).toEqual(readFileSync(join(folder, 'all.bin')));
  });

  test("keeps a stranger's control characters off the screen", async () => {
    await publish('--kind', 'chat-message', '--text', 'two\nlines \u001B[31m\u202E');
    await publish('--kind', '99:3:unique,everybody', '--text', '\u001B[2J');
    const text = await mosaic(['query', '--kind', 'chat-message']);
    expect(text.stdout).toContain('  two\n  lines \\u{1b}[31m\\u{202e}\n');
    const binary = await mosaic(['query', '--kind', '99:3:unique,everybody']);
    expect(binary.stdout).toContain('application 99, kind 3\n  (4 bytes)\n');
  });

  test('of nothing is no error, and leaves an empty file', async () => {
    const { code, stdout } = await mosaic([
      'query',
      '--author',
      ALICE_KEY,
      '--kind',
      'profile',
      '--out',
      'none',
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(readFileSync(join(folder, 'none'))).toHaveLength(0);
  });
});

describe('the server', () => {
  test('is believed once, aloud, and refused when its key changes', async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    const known = join(home, '.config', 'mosaic', 'known-servers');
    const run = () => mosaic(['query', '--kind', 'profile', '--quiet'], { HOME: home });
    const first = await run();
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining(server.serverKey) });
    expect(first.stderr).toMatch(/^note: first connection to 127\.0\.0\.1:\d+, whose key is\n/);
    expect(await run()).toMatchObject({ code: 0, stderr: '' });
    const line = readFileSync(known, 'utf8');
    writeFileSync(known, line.replace(server.serverKey, OTHER_SERVER));
    const changed = await run();
    expect(changed).toMatchObject({ code: 5, stdout: '' });
    expect(changed.stderr).toContain('THE KEY OF THIS SERVER HAS CHANGED');
    for (const part of [OTHER_SERVER, server.serverKey, known]) {
      expect(changed.stderr).toContain(part);
    }
    writeFileSync(known, 'nonsense');
    expect(await run()).toMatchObject({ code: 2, stderr: expect.stringContaining('line 1') });
    expect(readFileSync(known, 'utf8')).toBe('nonsense');
  });

  test('is known by --server-key, as mosrv0… or hex, without a file', async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    const asked = ['query', '--kind', 'profile', '--quiet', '--server-key'];
    for (const way of [server.serverKey, server.serverKeyHex]) {
      expect(await mosaic([...asked, way], { HOME: home })).toMatchObject({ code: 0, stderr: '' });
    }
    expect(existsSync(join(home, '.config'))).toBe(false);
    const wrong = await mosaic([...asked, OTHER_SERVER], { HOME: home });
    expect(wrong).toMatchObject({ code: 5, stderr: expect.stringContaining(server.serverKey) });
  });

  test('may be one without TLS, of which a note tells', async () => {
    const plain = await startServer('plain-data', {
      MOSAIC_MTLS_LISTEN: 'off',
      MOSAIC_UWS_TLS: 'off',
    });
    const env = { MOSAIC_SERVER: plain.uwsUrl };
    const sent = await mosaic(['publish', '--secret', ALICE, '--text', 'plain'], env);
    expect(sent).toMatchObject({ code: 0, stderr: expect.stringMatching(/^note: ws:\/\/ has/) });
    const asked = ['query', '--kind', 'profile'];
    const key = await mosaic([...asked, '--server-key', server.serverKey], env);
    expect(key).toMatchObject({ code: 2, stderr: expect.stringContaining('ws:// shows no key') });
  });
});

describe('exit codes', () => {
  test.each([
    [['query'], 2, 'query: it is not said what records are wanted'],
    [['query', '--kind', 'profile', '--server', 'http://x/'], 2, '--server: "http://x/" is no URL'],
    [['query', '--kind', 'profile', '--filter', '00'], 2, '--filter: there are other options'],
    [['query', '--filter', '00112233'], 2, '--filter: '],
    [['query', '--kind', 'profile', '--raw', '--json'], 2, '--raw: excludes --json'],
    [['query', '--kind', 'profile', '--secret', 'nonsense'], 2, '--secret: the value is no secret'],
    [['query', '--kind', 'profile', '--timeout', '0'], 2, 'Give seconds'],
    [['query', '--since', '2026-01-01'], 6, '(TOO_OPEN)'],
    [['query', '--kind', 'profile', '--server', 'wss://127.0.0.1:1/'], 4, 'ECONNREFUSED'],
    [['get', 'nonsense'], 2, 'REF: '],
    [['get', UNKNOWN_ID], 1, 'not found: moref0'],
    [['publish', '--text', 'x'], 2, 'mosaic keygen'],
    [['publish', '--text', 'x', '--payload', 'y'], 2, '--text: excludes --payload'],
    [['publish', '--payload', 'x', '--secret', ALICE], 2, '--kind: it is missing'],
    [['publish', '--tag', '1:00', UNKNOWN_ID], 2, '--tag: ready records are published as they are'],
    [['publish', UNKNOWN_ID], 2, 'RECORD 1: a record has 152 to'],
    [['publish', '@missing'], 2, 'cannot read missing: no such file'],
    [['publish', '--text', 'x', '--secret', ALICE, '--from-author', '--anonymous'], 6, '--secret'],
    [['publish', '--text', 'x', '--secret', BOB, '--from-author', '--author', ALICE_KEY], 6, '('],
  ])('%j exits with %i', async (args, expected, problem) => {
    const { code, stdout, stderr } = await mosaic(args);
    expect({ code, stdout }, stderr).toEqual({ code: expected, stdout: '' });
    expect(stderr).toContain(problem);
    expect(stderr).not.toMatch(/ {4}at |1{20}|2{20}/);
  });

  test('7 is for what is no Mosaic server', async () => {
    const http = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => {
      http.listen(0, '127.0.0.1', resolve);
    });
    const { port } = http.address() as AddressInfo;
    const args = ['query', '--kind', 'profile', '--server', `ws://127.0.0.1:${port}/`];
    const { code, stderr } = await mosaic(args);
    http.close();
    expect({ code, stderr }).toEqual({
      code: 7,
      stderr: expect.stringContaining('is no Mosaic server: it answered HTTP 200: hello'),
    });
  });
});
