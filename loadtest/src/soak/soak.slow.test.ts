/** Protects against slow leaks: ten minutes of everything at once, after which memory is flat. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseOptions } from '../options.ts';
import { runSoak } from './soak.ts';
import { renderSoak } from './soak-report.ts';

const MINUTES = 10;
const cache = mkdtempSync(join(tmpdir(), 'loadtest-soak-'));

afterAll(() => rmSync(cache, { recursive: true }));

it(
  'stays flat',
  async () => {
    const args = ['soak', '--minutes', `${MINUTES}`, '--store', '20000', '--cache', cache];
    const output = {
      write: () => {},
      say: (line: string) => void process.stderr.write(`${line}\n`),
    };
    const result = await runSoak(parseOptions(args, cache), output);
    const report = renderSoak(result).join('\n');
    output.say(report);
    expect(
      result.memory.map(({ kind, verdict }) => [kind, verdict]),
      report,
    ).toEqual([
      ['own', 'flat'],
      ['heap', 'flat'],
      ['buffers', 'flat'],
    ]);
  },
  (MINUTES + 5) * 60_000,
);
