/**
 * Protects the soak: a few seconds of it against the project's own server, and against servers that
 * are wrong, each of which it must end with the reason.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Options, parseOptions } from '../options.ts';
import { RecordCache } from '../records/record-cache.ts';
import { RecordPlan } from '../records/record-plan.ts';
import { run } from '../run.ts';
import { type Fault, MemoryServer } from '../testing/memory-server.ts';
import { parseMetrics } from './server-metrics.ts';
import { runSoak, SOAK_RATES } from './soak.ts';
import { renderSoak, soakJson } from './soak-report.ts';
import { MEMORY_KINDS } from './soak-series.ts';

const cache = mkdtempSync(join(tmpdir(), 'loadtest-soak-'));
const LONG_MS = 120_000;
const SECONDS = 3;
const quiet = { write: () => {}, say: () => {} };

beforeAll(async () => {
  new RecordCache(cache, 1).make(0, new RecordPlan(1, await nativeSigningTools()));
});
afterAll(() => rmSync(cache, { recursive: true }));

function options(seconds: number, ...args: string[]): Options {
  const parsed = parseOptions(['soak', '--store', '1000', '--cache', cache, ...args], cache);
  return { ...parsed, minutes: seconds / 60 };
}

describe('a soak of the embedded server', () => {
  it(
    'does everything at its rate, right, and leaves nothing behind',
    async () => {
      const result = await runSoak(options(SECONDS), quiet);
      const { series, memory } = result;
      const submissions = series.whole('submission').total;
      const wanted = SOAK_RATES.submissionsPerSecond * SECONDS;
      expect(submissions).toBeGreaterThan(wanted * 0.9);
      expect(series.whole('query').total).toBeGreaterThan(submissions / 4);
      expect(series.whole('get').total).toBeGreaterThan(submissions / 10);
      // Two subscribers to each author; of 20 records, 14 or more are kept.
      expect(series.whole('delivery').total).toBeGreaterThan(submissions);
      expect(series.whole('visit').total).toBeGreaterThan(0);
      for (const event of ['duplicates', 'replacements', 'ephemeral', 'slowReads'] as const) {
        expect(series.events[event], event).toBeGreaterThan(0);
      }
      expect(series.events.resubscriptions).toBeGreaterThan(SECONDS);
      for (const kind of MEMORY_KINDS) {
        expect(series.memory[kind].length, kind).toBeGreaterThanOrEqual(9);
        expect(series.memory[kind][0]!.bytes, kind).toBeGreaterThan(2 ** 20);
      }
      expect(memory.map(({ kind, verdict }) => [kind, verdict])).toEqual([
        ['own', 'too short to tell'],
        ['heap', 'too short to tell'],
        ['buffers', 'too short to tell'],
      ]);
      expect(renderSoak(result).join('\n')).toMatch(/^submissions +\d+ +[\d.]+ /m);
      expect(JSON.parse(JSON.stringify(soakJson(result)))).toMatchObject({
        thirds: { query: [{ count: series.third(0, 'query').total }, {}, {}] },
      });
    },
    LONG_MS,
  );
});

describe('a soak of a wrong server', () => {
  let server: MemoryServer;

  beforeEach(async () => {
    server = await MemoryServer.start();
  });
  afterEach(() => server.close());

  it.each<[Fault, RegExp]>([
    ['refuses-records', /a kept record was answered with TOO_FAST/],
    ['delivers-twice', /delivered twice/],
    ['delivers-to-everybody', /did not ask for it|has ended/],
    ['alters-a-record', /not the one that was submitted/],
    ['forgets-the-newest', /lacks a newer record|an answer has/],
  ])(
    'ends with the reason: %s',
    async (fault, reason) => {
      // Right while it is filled; wrong when the load has begun.
      server.laterFault = { fault, records: 1_010 };
      const soak = runSoak(options(20, '--url', server.url), quiet);
      await expect(soak).rejects.toThrow(reason);
    },
    LONG_MS,
  );
});

describe('the command', () => {
  it('refuses what does not go together', async () => {
    const said: string[] = [];
    const output = { write: () => {}, say: (line: string) => void said.push(line) };
    expect(await run(['soak', 'ingest'], output)).toBe(2);
    expect(await run(['ingest', '--minutes', '5'], output)).toBe(2);
    expect(await run(['soak', '--minutes', '0'], output)).toBe(2);
    expect(said.join('\n')).toMatch(/runs alone.*\n.*\n.*--minutes is for a soak/);
  });
});

describe('parseMetrics', () => {
  it('adds up what differs in labels only', () => {
    const text = '# HELP a b\na{x="1",y="} 2"} 3\na{x="2"} 4.5\nb 1e3\n\nnonsense';
    expect(parseMetrics(text)).toEqual(
      new Map([
        ['a', 7.5],
        ['b', 1000],
      ]),
    );
  });
});
