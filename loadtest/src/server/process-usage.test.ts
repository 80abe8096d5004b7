/** Protects the figure that everything is about: the server's processor time, and its memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { LoadError } from '../load-error.ts';
import { ProcessReader } from './process-usage.ts';
import { ServerWatch } from './server-watch.ts';

const folders: string[] = [];
const children: ChildProcess[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface FakeProcess {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly user: number;
  readonly system: number;
  readonly rssKiB: number;
}

function fakeProc(processes: readonly FakeProcess[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'loadtest-proc-'));
  folders.push(folder);
  mkdirSync(join(folder, 'sys'));
  for (const { pid, parent, name, user, system, rssKiB } of processes) {
    mkdirSync(join(folder, `${pid}`));
    const stat = `${pid} (${name}) S ${parent} 1 1 0 -1 4194304 5 6 7 8 ${user} ${system} 99 98 20 0`;
    writeFileSync(join(folder, `${pid}`, 'stat'), `${stat} 11 0\n`);
    const parts = `RssAnon:\t ${rssKiB - 1} kB\nRssFile:\t   1 kB\nRssShmem:\t 0 kB\n`;
    const status = `Name:\tx\nVmRSS:\t  ${rssKiB} kB\n${parts}X:\t1\n`;
    writeFileSync(join(folder, `${pid}`, 'status'), status);
  }
  return folder;
}

const TREE: readonly FakeProcess[] = [
  { pid: 10, parent: 1, name: 'server', user: 100, system: 50, rssKiB: 1000 },
  { pid: 11, parent: 10, name: 'a (b) c', user: 7, system: 3, rssKiB: 24 },
  { pid: 12, parent: 11, name: ') S 1 (', user: 1, system: 0, rssKiB: 1 },
  { pid: 13, parent: 1, name: 'stranger', user: 999, system: 999, rssKiB: 9999 },
];

/** Keeps a processor busy for so many milliseconds of its time. */
function burn(millis: number): void {
  const before = process.cpuUsage();
  let spent = 0;
  while (spent < millis) {
    for (let i = 0; i < 100_000; i++) Math.sqrt(i);
    const { user, system } = process.cpuUsage(before);
    spent = (user + system) / 1000;
  }
}

describe('ProcessReader', () => {
  it('adds up user and system time of the processes, whatever they are called', () => {
    const reader = new ProcessReader(fakeProc(TREE));
    expect(reader.usage([10])).toEqual({ cpuMicros: 1_500_000, rssBytes: 1000 * 1024 });
    expect(reader.usage([10, 11, 12])).toEqual({ cpuMicros: 1_610_000, rssBytes: 1025 * 1024 });
  });

  it('tells memory of their own from mapped files', () => {
    const reader = new ProcessReader(fakeProc(TREE));
    expect(reader.memory([10, 11])).toEqual({ ownBytes: 1022 * 1024, fileBytes: 2 * 1024 });
    const held = Buffer.alloc(64 * 2 ** 20, 1);
    const { ownBytes, fileBytes } = new ProcessReader().memory([process.pid]);
    expect(ownBytes).toBeGreaterThan(held.length);
    expect(fileBytes).toBeGreaterThan(2 ** 20);
  });

  it('finds what a process started, at any depth, and nothing else', () => {
    const reader = new ProcessReader(fakeProc(TREE));
    expect(new Set(reader.withDescendants([10]))).toEqual(new Set([10, 11, 12]));
    expect(reader.withDescendants([13])).toEqual([13]);
  });

  it('says which process it cannot read', () => {
    const reader = new ProcessReader(fakeProc(TREE));
    expect(() => reader.usage([4711])).toThrow(LoadError);
    expect(() => reader.usage([4711])).toThrow('process 4711 cannot be read');
  });

  it('agrees with what this process knows of itself', () => {
    const reader = new ProcessReader();
    const before = reader.usage([process.pid]);
    const own = process.cpuUsage();
    burn(300);
    const after = reader.usage([process.pid]);
    const { user, system } = process.cpuUsage(own);
    const difference = after.cpuMicros - before.cpuMicros - (user + system);
    // Two readings, each cut off to ticks of 10 ms in two fields.
    expect(Math.abs(difference)).toBeLessThanOrEqual(45_000);
    expect(after.rssBytes / process.memoryUsage().rss).toBeGreaterThan(0.8);
    expect(after.rssBytes / process.memoryUsage().rss).toBeLessThan(1.25);
  });

  it('counts threads one by one', () => {
    const threads = new ProcessReader().threads(process.pid);
    expect(threads.get(process.pid)).toBeGreaterThan(0);
    expect(threads.size).toBeGreaterThan(1);
  });
});

describe('ServerWatch', () => {
  it('counts what a server puts off until after the phase', async () => {
    const script =
      'process.on("message", () => { process.send("soon"); setTimeout(() => {' +
      'const end = Date.now() + 30_000; const cpu = process.cpuUsage();' +
      'while (Date.now() < end && process.cpuUsage(cpu).user < 400_000); }, 50); });' +
      'process.send("ready")';
    const child = spawn(process.execPath, ['-e', script], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    children.push(child);
    await once(child, 'message');
    const groups = [
      { name: 'worker', pids: [child.pid!] },
      { name: 'nobody', pids: [] },
    ];
    const watch = new ServerWatch(new ProcessReader(), [child.pid!], false, groups);
    const { cost } = await watch.measure(async () => {
      const answered = once(child, 'message');
      child.send('work');
      await answered;
    });
    expect(cost.cpuMicros).toBeGreaterThanOrEqual(350_000);
    expect(watch.phases).toHaveLength(1);
    expect(watch.phases[0]?.groupMicros.get('worker')).toBeGreaterThanOrEqual(350_000);
    expect(watch.phases[0]?.groupMicros.get('nobody')).toBe(0);
  });

  it('knows nothing without processes', async () => {
    const watch = new ServerWatch(new ProcessReader(), [], true);
    const { result, cost } = await watch.measure(async () => 'done');
    expect(result).toBe('done');
    expect(cost).toEqual({ cpuMicros: undefined, rssBytes: undefined });
  });
});
