/** The control socket: what a command is told, who may ask, and what becomes of too many. */
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMemoryLimiter,
  type Limiter,
  parseBudgets,
  ProcessReporter,
} from '@mosaic-cluster/abuse';
import { createLogger, Lifecycle } from '@mosaic-cluster/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serverControl } from './control-client.ts';
import { CONTROL_CONNECTIONS_MAX, openControlSocket } from './control-socket.ts';

const ABUSER = 'a:203.0.113.7';
const NETWORK = 'n:2001:db8::/48';
/** Some of them are off. */
const BUDGETS = parseBudgets('submissions.address.anonymous=1/s:10 query.network.*=off');

let folder: string;
let lines: string[];
let lifecycle: Lifecycle;
let limiter: Limiter;
let reporter: ProcessReporter;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-control-'));
  lines = [];
  const log = createLogger({ service: 'test', sink: { write: (line) => lines.push(line) } });
  lifecycle = new Lifecycle({ log });
  limiter = createMemoryLimiter({
    budgets: BUDGETS,
    penalties: { threshold: 10 },
  });
  reporter = new ProcessReporter({
    service: 'test',
    version: '0',
    rules: { MOSAIC_LIMITS: 'true' },
    budgets: BUDGETS,
    users: new Set(['aa']),
    limiter,
    isShared: false,
  });
});
afterEach(async () => {
  await lifecycle.close();
  await rm(folder, { recursive: true });
});

it('tells what the limiter knows, and pardons', async () => {
  await openControlSocket(folder, { limiter, reporter }, lifecycle);
  const control = serverControl(folder);
  limiter.spend([{ subject: ABUSER, budget: 'submissions', standing: 'anonymous', amount: 1e6 }]);
  limiter.penalize(ABUSER, 11, 'invalid-record');
  const told = await control.report({ top: 1, subjects: [ABUSER], users: ['aa', 'bb'] });
  expect(told).toMatchObject({
    process: { service: 'test', pid: process.pid },
    rules: { MOSAIC_LIMITS: 'true' },
    users: { count: 1, known: ['aa'] },
    limiter: { fault: null, isShared: false },
  });
  expect(told.limiter!.busiest).toMatchObject([
    { subject: ABUSER, standing: 'anonymous', what: 'submissions', limit: 10, ratePerSecond: 1 },
  ]);
  const [[subject, known] = []] = told.limiter!.subjects;
  expect(subject).toBe(ABUSER);
  expect(known!.refused).toEqual(new Map([['invalid-record', 1]]));
  expect(told.budgets).toEqual(BUDGETS);
  const [ban] = await control.bans();
  expect(ban).toMatchObject({ subject: ABUSER, count: 1 });
  const report = await control.subject(ABUSER, 'anonymous');
  expect(report).toMatchObject({ ban, points: 0 });
  expect([...report.refused]).toEqual([['invalid-record', 1]]);
  await control.pardon(ABUSER);
  expect(await control.bans()).toEqual([]);
  expect(limiter.banOf(ABUSER)).toBeUndefined();
});

it('tells of networks, and of what is not limited', async () => {
  await openControlSocket(folder, { limiter, reporter }, lifecycle);
  const { usage } = await serverControl(folder).subject(NETWORK, 'anonymous');
  const of = (what: string) => usage.find((each) => each.what === what);
  expect(of('query')).toEqual({
    subject: NETWORK,
    standing: 'anonymous',
    what: 'query',
    used: 0,
    limit: Infinity,
    ratePerSecond: Infinity,
  });
  expect(of('connections')!.ratePerSecond).toBeUndefined();
});

it('is for its owner only, takes the place of one left behind, and goes with the server', async () => {
  const path = join(folder, 'control.sock');
  await writeFile(path, 'left behind');
  await openControlSocket(folder, { limiter, reporter }, lifecycle);
  const { mode } = await stat(path);
  expect(mode & 0o777).toBe(0o600);
  await lifecycle.close();
  await expect(serverControl(folder).report({})).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'server-away',
  });
});

it('answers no other question', async () => {
  await openControlSocket(folder, { limiter, reporter }, lifecycle);
  const control = serverControl(folder);
  for (const subject of ['a:', 'x:1', 'a:%', 'a:../../limits', `k:${'0'.repeat(90)}`]) {
    await expect(control.subject(subject, 'anonymous')).rejects.toThrow('it answers with 404');
  }
  expect(lines).toEqual([]);
});

it('cuts off connections beyond its bound, and answers again when there are fewer', async () => {
  await openControlSocket(folder, { limiter, reporter }, lifecycle);
  const path = join(folder, 'control.sock');
  const idle: Socket[] = [];
  for (let i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
    const socket = connect(path);
    await once(socket, 'connect');
    idle.push(socket);
  }
  const control = serverControl(folder);
  await expect(control.report({})).rejects.toMatchObject({ code: 'server-away' });
  for (const socket of idle) socket.destroy();
  await expect
    .poll(() =>
      control.report({}).then(
        () => 'answered',
        () => 'cut',
      ),
    )
    .toBe('answered');
});

it('is not there where its path would be too long, and the server says so', async () => {
  const deep = join(folder, 'x'.repeat(100));
  await mkdir(deep);
  await openControlSocket(deep, { limiter, reporter }, lifecycle);
  expect(lines.join()).toContain('too long for a socket');
  await expect(serverControl(deep).report({})).rejects.toThrow('too long for the socket');
});
