/**
 * Protects the whole: every scenario from the command line to the report, in small, over generator
 * processes; against the server for tests, and against the project's own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { measureAll } from './measure.ts';
import { parseOptions } from './options.ts';
import { run } from './run.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { ProcessReader } from './server/process-usage.ts';
import { MemoryServer } from './testing/memory-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'loadtest-measure-'));
const LONG_MS = 120_000;
/** Makes every scenario a matter of a second. */
const SCALE = 0.01;
let server: MemoryServer;
let written: string[];
let said: string[];

const output = {
  write: (line: string) => void written.push(line),
  say: (line: string) => void said.push(line),
};

beforeEach(async () => {
  server = await MemoryServer.start();
  written = [];
  said = [];
});
afterEach(() => server.close());
afterAll(() => rmSync(folder, { recursive: true }));

function options(...args: string[]) {
  const parsed = parseOptions([...args, '--cache', folder, '--store', '1000'], folder);
  return { ...parsed, scale: SCALE, runs: 1 };
}

describe('measureAll', () => {
  it(
    'runs every scenario on a server and its processes',
    async () => {
      const target = ['--url', server.url, '--pid', `${process.pid}`];
      const results = await measureAll(options('all', ...target), output);
      expect(results.map(({ error }) => error).filter(Boolean)).toEqual([]);
      expect(results.map(({ scenario }) => scenario.name)).toEqual(SCENARIOS.map((s) => s.name));
      for (const { figures, scenario } of results) {
        expect(figures?.operations, scenario.name).toBeGreaterThan(0);
        expect(figures?.cpuMicrosEach, scenario.name).toBeDefined();
        expect(figures?.rssMiB, scenario.name).toBeGreaterThan(10);
        if (scenario.name === 'idle') continue;
        expect(figures?.perSecond, scenario.name).toBeGreaterThan(0);
        expect(figures?.p99Ms, scenario.name).toBeGreaterThanOrEqual(figures!.p50Ms!);
      }
    },
    LONG_MS,
  );

  it(
    'goes on after a scenario that fails, and says which',
    async () => {
      server.fault = 'forgets-the-newest';
      const chosen = options('query-author', 'ingest-lone', '--url', server.url);
      const [query, ingest] = await measureAll(chosen, output);
      expect(query?.error).toMatch(/lacks a newer record|an answer has/);
      expect(query?.figures).toBeUndefined();
      expect(ingest?.error).toBeUndefined();
      expect(ingest?.figures?.operations).toBe(12);
      expect(ingest?.figures?.cpuMicrosEach).toBeUndefined();
    },
    LONG_MS,
  );

  it(
    'runs on a server of its own',
    async () => {
      const [ids, fanOut] = await measureAll(options('query-ids-1', 'fan-out'), output);
      expect([ids?.error, fanOut?.error]).toEqual([undefined, undefined]);
      expect(ids?.figures?.operations).toBe(200);
      expect(fanOut?.figures?.operations).toBe(200 * 24);
      expect(fanOut?.figures?.cpuMicrosEach).toBeGreaterThan(0);
    },
    LONG_MS,
  );
});

describe('run', () => {
  it(
    'writes a table and the same as JSON',
    async () => {
      const json = join(folder, 'report.json');
      const args = ['query-ids-1', '--url', server.url, '--quick', '--store', '1000'];
      expect(await run([...args, '--cache', folder, '--json', json], output)).toBe(0);
      expect(written.join('\n')).toMatch(/Without --pid .*not known/);
      expect(written.at(-1)).toMatch(/^query-ids-1 +\d/);
      const report = JSON.parse(readFileSync(json, 'utf8'));
      expect(report.scenarios[0]).toMatchObject({ name: 'query-ids-1', unit: 'query' });
      expect(report.scenarios[0].runs).toHaveLength(1);
      expect(report.machine.signatureCheckMicros).toBeGreaterThan(1);
    },
    LONG_MS,
  );

  it('ends with 1 where a scenario fails and with 2 where the command line is wrong', async () => {
    server.fault = 'refuses-records';
    const args = ['ingest-lone', '--url', server.url, '--quick', '--store', '1000'];
    expect(await run([...args, '--cache', folder], output)).toBe(1);
    expect(said.join('\n')).toMatch(/ingest-lone failed: .*TOO_FAST/);
    expect(await run(['ingset'], output)).toBe(2);
    expect(said.at(-1)).toContain('--help');
  });

  it('lists and helps', async () => {
    expect(await run(['list'], output)).toBe(0);
    expect(written).toHaveLength(SCENARIOS.length);
    expect(await run([], output)).toBe(0);
    expect(written.at(-1)).toContain('npm run loadtest -- all');
  });
});

describe('a command that is ended', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'takes its server and the data with it: %s',
    async (signal) => {
      const cache = mkdtempSync(join(folder, 'ended-'));
      const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
      const command = spawn(process.execPath, [main, 'idle', '--cache', cache], {
        stdio: ['ignore', 'ignore', 'ignore'],
      });
      const reader = new ProcessReader();
      // The server, and the generator that is started when the server serves.
      await vi.waitFor(() => expect(reader.withDescendants([command.pid!])).toHaveLength(3), {
        timeout: 20_000,
      });
      const pids = reader.withDescendants([command.pid!]);
      const exited = once(command, 'exit');
      command.kill(signal);
      await exited;
      await vi.waitFor(() => expect(pids.filter((pid) => isAlive(pid))).toEqual([]));
      expect(readdirSync(cache).filter((name) => name.startsWith('server-'))).toEqual([]);
    },
    LONG_MS,
  );
});

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody waited for is dead.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
