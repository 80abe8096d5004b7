/** The command `npm run cluster`: what it tells programs, what it keeps, and that it leaves nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect } from '@mosaic-cluster/client';
import { buildRecord, generateSecretKey, hexDecode, KNOWN_KINDS } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from './options.ts';
import { parseObject } from './report.ts';

interface Ready {
  readonly gateways: readonly { readonly mtlsUrl: string }[];
  readonly serverKeyHex: string;
  readonly processes: readonly { readonly name: string; readonly pid: number; health: string }[];
  readonly servers: {
    readonly nats: readonly { readonly pid: number }[];
    readonly redis: readonly { readonly pid: number }[];
    readonly s3: { readonly pid: number };
  };
}

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-command-'));
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<{ ready: Ready; stop: () => Promise<number | null> }> {
  const counts = ['--gateways', '1', '--workers', '1'];
  const args = ['--data', join(folder, 'data'), ...counts, '--any-ports', '--json'];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  const ready = await new Promise<Ready>((resolve, reject) => {
    const said: string[] = [];
    createInterface(child.stdout).on('line', (line) => {
      said.push(line);
      const event = parseObject(line);
      if (event?.['event'] === 'ready') resolve(event as unknown as Ready);
    });
    void ended.then((code) => reject(new Error(`it ended with ${code}:\n${said.join('\n')}`)));
  });
  const stop = (): Promise<number | null> => {
    child.kill('SIGINT');
    return ended;
  };
  return { ready, stop };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function clientOf({ gateways, serverKeyHex }: Ready): ReturnType<typeof connect> {
  return connect({ url: gateways[0]!.mtlsUrl, serverKey: hexDecode(serverKeyHex) });
}

it('keeps key, ports and records over a restart, and leaves no process behind', {
  timeout: 180_000,
}, async () => {
  const first = await start();
  const { processes, servers } = first.ready;
  expect(processes.map(({ name }) => name)).toEqual([
    'gateway-1',
    'outbox-1',
    'inbox-1',
    'encryption-1',
  ]);
  const record = buildRecord({
    kind: KNOWN_KINDS['microblog-root'],
    timestamp: BigInt(Date.now()) * 1_000_000n,
    secretKey: generateSecretKey(),
    payload: new TextEncoder().encode('kept'),
  });
  const client = await clientOf(first.ready);
  await client.publish(record);
  await client.close();
  expect(await first.stop()).toBe(0);
  const pids = [...processes, ...servers.nats, ...servers.redis, servers.s3].map(({ pid }) => pid);
  expect(pids.filter(isAlive)).toEqual([]);

  const second = await start();
  expect(second.ready.serverKeyHex).toBe(first.ready.serverKeyHex);
  expect(second.ready.gateways).toEqual(first.ready.gateways);
  const again = await clientOf(second.ready);
  expect((await again.getOne(record.id))?.bytes).toEqual(record.bytes);
  await again.close();
  expect(await second.stop()).toBe(0);
});

describe('the command line', () => {
  it('has defaults', () => {
    expect(parseOptions([])).toEqual({
      dataDir: './data/cluster',
      nodeOptions: [],
      gateways: 2,
      workers: 2,
      isJson: false,
      usualPorts: true,
      gatewaySettings: {},
      workerSettings: {},
    });
    expect(parseOptions(['--help'])).toBeUndefined();
  });

  it('passes settings on', () => {
    const options = parseOptions(['--worker-setting', 'MOSAIC_USERS=a=b', '--gateways', '3']);
    expect(options).toMatchObject({ gateways: 3, workerSettings: { MOSAIC_USERS: 'a=b' } });
    expect(parseOptions(['--node-option=--inspect=0'])?.nodeOptions).toEqual(['--inspect=0']);
  });

  it.each([
    [['--gateways', '0'], '--gateways: write a whole number from 1 to 16, not "0"'],
    [['--workers', 'two'], '--workers'],
    [['--worker-setting', 'x'], '--worker-setting: write NAME=VALUE'],
    [['--port', '1'], '--port'],
    [['now'], 'now'],
  ])('is refused with what is wrong: %s', (args, sentence) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(sentence);
  });
});
