/** Protects the comparison as a whole, in small: the embedded server and a real cluster. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from '../run.ts';

const folder = mkdtempSync(join(tmpdir(), 'loadtest-compare-'));
const SLOW_MS = 400_000;
afterAll(() => rmSync(folder, { recursive: true }));

it(
  'measures both in turns, and leaves nothing behind',
  async () => {
    const json = join(folder, 'report.json');
    const lines: string[] = [];
    const output = { write: (line: string) => void lines.push(line), say: () => {} };
    const args = ['cluster', 'ingest-lone', '--quick', '--store', '1000', '--cache', folder];
    expect(await run([...args, '--json', json], output)).toBe(0);
    const report = JSON.parse(readFileSync(json, 'utf8'));
    const [embedded, cluster] = report.scenarios[0].systems;
    expect(embedded).toMatchObject({ system: 'embedded', cpuMicrosBy: {}, timesEmbedded: 1 });
    expect(cluster.system).toBe('cluster, 1 worker');
    expect(cluster.figures.operations).toBe(240);
    for (const name of ['gateway', 'outbox', 'Redis', 'S3']) {
      expect(cluster.cpuMicrosBy[name], name).toBeGreaterThan(0);
    }
    const sum = Object.values<number>(cluster.cpuMicrosBy).reduce((a, b) => a + b, 0);
    // All of it is somebody's; the readings are a moment apart.
    expect(sum / cluster.figures.cpuMicrosEach).toBeGreaterThan(0.8);
    expect(sum / cluster.figures.cpuMicrosEach).toBeLessThan(1.25);
    expect(lines.join('\n')).toContain('× embedded');
    expect(readdirSync(folder).filter((name) => /^(server|cluster)-/.test(name))).toEqual([]);
  },
  SLOW_MS,
);
