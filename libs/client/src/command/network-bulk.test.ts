/**
 * Many records, and servers that go away meanwhile: nothing that was handed in or asked for is lost
 * on the way. The built program against the real embedded server.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  base64Encode,
  buildRecord,
  encodeRecord,
  hexDecode,
  hexEncode,
  KNOWN_KINDS,
  type RecordView,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  buildServer,
  type EmbeddedServer,
  startEmbeddedServer,
} from '../../test/embedded-server.ts';
import {
  buildCommand,
  runBuilt,
  type Running,
  type RunResult,
  startBuilt,
} from '../../test/run-built.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const ALICE = '11'.repeat(32);
const RECORDS = 3_000;
const WAIT = { timeout: 60_000, interval: 50 };

let folder = '';
let records: RecordView[] = [];
let server: EmbeddedServer;
let env: NodeJS.ProcessEnv;
const running: Running[] = [];

beforeAll(async () => {
  records = makeRecords(RECORDS);
  await buildCommand();
  await buildServer();
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mosaic-bulk-'));
  server = await startEmbeddedServer(join(folder, 'data'));
  env = { HOME: folder, MOSAIC_SERVER: server.mtlsUrl };
  // Makes the server known, so that its first-use notice is out of the way.
  await mosaic(['query', '--kind', 'profile']);
});

afterEach(async () => {
  for (const one of running.splice(0)) {
    one.interrupt();
    await one.result;
  }
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

afterAll(() => {
  records = [];
});

function makeRecords(count: number): RecordView[] {
  const secretKey = hexDecode(ALICE);
  const from = Date.now() - count;
  return Array.from({ length: count }, (_, at) =>
    buildRecord({
      kind: KNOWN_KINDS['chat-message'],
      timestamp: timestampFromMillis(from + at),
      secretKey,
      tags: [],
      payload: Buffer.from(`record ${at} ${'.'.repeat(at % 600)}`),
    }),
  );
}

const bytesOf = (some: readonly RecordView[]): Uint8Array =>
  Buffer.concat(some.map(({ bytes }) => bytes));

function mosaic(args: readonly string[], input?: string | Uint8Array): Promise<RunResult> {
  return runBuilt(args, { cwd: folder, env, timeout: 120_000, ...(input && { input }) });
}

function start(args: readonly string[]): Running {
  const one = startBuilt(args, { cwd: folder, env, timeout: 150_000 });
  running.push(one);
  return one;
}

function lines(text: string): Record<string, unknown>[] {
  const found = text.split('\n').slice(0, -1);
  return found.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Ends the server without a word and starts it again, on its data and its port. */
async function restart(between: () => void | Promise<void>): Promise<void> {
  const { host } = new URL(server.mtlsUrl);
  await server.stop('SIGKILL');
  await between();
  server = await startEmbeddedServer(join(folder, 'data'), { MOSAIC_MTLS_LISTEN: host });
}

/** IDs in hex of all that the server holds. */
async function storedIds(): Promise<string[]> {
  const args = ['query', '--kind', 'chat-message', '--json', '--no-verify'];
  const { code, stdout } = await mosaic(args);
  expect(code).toBe(0);
  return lines(stdout).map(({ fields }) => (fields as { id: string }).id);
}

const idsOf = (some: readonly RecordView[]): string[] =>
  some.map(({ id }) => hexEncode(id)).reverse();

describe('mosaic publish of many', () => {
  test.each<[string, (some: readonly RecordView[]) => string | Uint8Array]>([
    ['bytes', bytesOf],
    ['hex lines', (some) => some.map(({ bytes }) => hexEncode(bytes)).join('\n')],
    ['base64 lines', (some) => some.map(({ bytes }) => `${base64Encode(bytes)}\r\n`).join('')],
    ['morecord0 lines', (some) => some.map((one) => `${encodeRecord(one)}\n\n`).join('')],
  ])('takes %s from standard input', async (_, encode) => {
    const { code, stdout } = await mosaic(['publish'], encode(records));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^3,000 records published, .*\n {6}3,000 {2}ACCEPTED\n$/),
    });
    expect(await storedIds()).toEqual(idsOf(records));
  });

  test('takes several files, and tells of each record in JSON', async () => {
    writeFileSync(join(folder, 'a.bin'), bytesOf(records.slice(0, 20)));
    writeFileSync(join(folder, 'b.txt'), records.slice(20, 30).map(encodeRecord).join('\n'));
    const args = ['publish', '@a.bin', '@b.txt', '--json', '--in-flight', '3'];
    const told = lines((await mosaic(args)).stdout);
    expect(told).toHaveLength(31);
    expect(told.at(-1)).toMatchObject({
      type: 'summary',
      published: 30,
      failed: 0,
      results: { ACCEPTED: 30 },
      interrupted: false,
    });
    const last = told.find(({ index }) => index === 29);
    expect(last).toMatchObject({
      source: 'b.txt, line 10',
      id: idsOf(records.slice(29, 30))[0],
      result: { code: 2, name: 'ACCEPTED' },
    });
  });

  test('ends at what is refused or unreadable, unless told to keep going', async () => {
    const forged = bytesOf(records.slice(5, 6));
    forged[200] = (forged[200] ?? 0) ^ 1;
    const texts = records.slice(0, 10).map(({ bytes }) => hexEncode(bytes));
    texts[5] = hexEncode(forged);
    texts[7] = 'no record';
    const input = texts.join('\n');
    const ended = await mosaic(['publish', '--in-flight', '1'], input);
    expect(ended).toMatchObject({ code: 6, stdout: expect.stringMatching(/^5 records published/) });
    expect(ended.stderr).toContain('standard input, line 6: the server finds it invalid (INVALID)');
    const all = await mosaic(['publish', '--keep-going'], input);
    expect(all).toMatchObject({ code: 6, stdout: expect.stringMatching(/^8 records published/) });
    expect(all.stderr).toContain('standard input, line 8: a record has 152 to 1048576 bytes');
    for (const line of ['5  DUPLICATE', '3  ACCEPTED', '1  unreadable', '1  INVALID']) {
      expect(all.stdout).toContain(`         ${line}\n`);
    }
  });

  test.each([
    [
      'a cut record',
      () => bytesOf(records.slice(0, 3)).subarray(0, -1),
      /byte \d+: it ends within/,
    ],
    ['other bytes', () => new Uint8Array(4096).fill(0xff), /byte 0: what starts here is no record/],
    ['a secret key', () => `mosec0${'y'.repeat(51)}o`, /line 1: this is no record/],
  ])('says where %s is', async (_, input, problem) => {
    const { code, stderr } = await mosaic(['publish'], input());
    expect(code).toBe(1);
    expect(stderr).toMatch(problem);
    expect(stderr).not.toContain('yyyyy');
  });

  test('loses nothing when the server is killed and started again', async () => {
    const one = start(['publish', '--json', '--in-flight', '64']);
    one.write(bytesOf(records.slice(0, 2_000)));
    await vi.waitFor(() => expect(one.stdout().split('\n').length).toBeGreaterThan(200), WAIT);
    await restart(() => one.write(bytesOf(records.slice(2_000))));
    const enough = () => expect(one.stdout().split('\n').length).toBeGreaterThan(RECORDS);
    await vi.waitFor(enough, WAIT);
    one.interrupt();
    const { stdout, stderr } = await one.result;
    expect(lines(stdout).at(-1)).toMatchObject({ published: RECORDS, failed: 0 });
    expect(stderr).toContain('connected again');
    expect(await storedIds()).toEqual(idsOf(records));
  });

  test('gives up, with 4, when the server stays away', async () => {
    const one = start(['publish', '--timeout', '2']);
    one.write(bytesOf(records.slice(0, 5)));
    await vi.waitFor(async () => expect(await storedIds()).toHaveLength(5), WAIT);
    await server.stop('SIGKILL');
    one.write(bytesOf(records.slice(5, 10)));
    const { code, stdout, stderr } = await one.result;
    expect({ code, stdout }).toEqual({
      code: 4,
      stdout: expect.stringMatching(/^5 records published, 5 failures/),
    });
    expect(stderr).toContain('byte');
  });

  test('ends with a summary on Ctrl-C', async () => {
    const one = start(['publish']);
    one.write(bytesOf(records.slice(0, 7)));
    await vi.waitFor(async () => expect(await storedIds()).toHaveLength(7), WAIT);
    one.interrupt();
    expect(await one.result).toMatchObject({
      code: 130,
      stdout: expect.stringMatching(/^7 records published.*\n {10}7 {2}ACCEPTED\n$/),
      stderr: expect.stringContaining('interrupted'),
    });
  });

  test('counts what has no answer when Ctrl-C ends it', async () => {
    const one = start(['publish', '--json', '--keep-going']);
    const text = (some: readonly RecordView[]) => some.map((each) => `${encodeRecord(each)}\n`);
    one.write(text(records.slice(0, 1)).join(''));
    await vi.waitFor(() => expect(one.stdout()).toContain('ACCEPTED'), WAIT);
    server.pause();
    one.write([...text(records.slice(1, 8)), 'no record\n'].join(''));
    // It is told of when everything before it was handed in.
    await vi.waitFor(() => expect(one.stdout()).toContain('"unreadable"'), WAIT);
    one.interrupt();
    const { code, stdout } = await one.result;
    server.resume();
    expect(code).toBe(130);
    expect(lines(stdout).at(-1)).toMatchObject({
      published: 1,
      results: { ACCEPTED: 1, unreadable: 1, 'no answer': 7 },
      interrupted: true,
    });
  });

  test('shows its progress', async () => {
    const one = start(['publish']);
    one.write(bytesOf(records.slice(0, 7)));
    await vi.waitFor(() => expect(one.stderr()).toMatch(/^7 records published, /m), WAIT);
  });
});

describe('mosaic subscribe', () => {
  test('brings stored and live records, each once, over a server that is killed', async () => {
    await mosaic(['publish'], bytesOf(records.slice(0, 10)));
    const one = start(['subscribe', '--kind', 'chat-message', '--json', '--count', '16']);
    await vi.waitFor(() => expect(one.stdout()).toContain('{"type":"live"}'), WAIT);
    await mosaic(['publish'], bytesOf(records.slice(10, 13)));
    await vi.waitFor(() => expect(lines(one.stdout())).toHaveLength(14), WAIT);
    const { host } = new URL(server.mtlsUrl);
    await restart(() => undefined);
    expect(new URL(server.mtlsUrl).host).toBe(host);
    await mosaic(['publish'], bytesOf(records.slice(13, 16)));
    const { code, stdout, stderr } = await one.result;
    expect(code).toBe(0);
    const told = lines(stdout);
    const ids = told.flatMap(({ type, fields }) =>
      type === 'record' ? [(fields as { id: string }).id] : [],
    );
    expect(ids.sort()).toEqual(idsOf(records.slice(0, 16)).sort());
    const marks = told.flatMap(({ type }) => (type === 'record' ? [] : [type]));
    expect(marks.slice(0, 2)).toEqual(['live', 'interrupted']);
    expect(stderr).toMatch(/^note: .*trying again in \d+\.\d s$/m);
    expect(stderr).toContain('note: connected again');
  });

  test('marks where live begins, obeys its limit, and ends on Ctrl-C without an error', async () => {
    await mosaic(['publish'], bytesOf(records.slice(0, 5)));
    const one = start(['subscribe', '--kind', 'chat-message', '--limit', '1']);
    await vi.waitFor(() => expect(one.stdout()).toContain('— live from here —'), WAIT);
    await mosaic(['publish'], bytesOf(records.slice(6, 7)));
    await vi.waitFor(() => expect(one.stdout()).toContain('record 6 '), WAIT);
    one.interrupt();
    const { code, stdout } = await one.result;
    expect(code).toBe(0);
    const shown = stdout.match(/record \d|— live/g);
    expect(shown).toEqual(['record 4', '— live', 'record 6']);
  });

  test('ends with --until-complete', async () => {
    await mosaic(['publish'], bytesOf(records.slice(0, 5)));
    const args = ['subscribe', '--kind', 'chat-message', '--until-complete', '--raw'];
    const { code, stdout } = await mosaic([...args, '--out', 'five.bin']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const again = await mosaic(['publish', '@five.bin']);
    expect(again.stdout).toMatch(/^5 records published.*\n {10}5 {2}DUPLICATE\n$/);
  });
});
