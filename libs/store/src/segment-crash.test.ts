/** What a killed process acknowledged is there when the log is opened again. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSegmentLog } from './segment-log-files.ts';
import { fakeEntry, isSameEntry, scanAll, TestFolders } from './segment-log-fixture.ts';

const ROUNDS = 8;
const FIRST_RECEIVED_AT = fakeEntry(0).receivedAt;

const folders = new TestFolders();
afterAll(() => folders.close());

let child = '';
// Bundled here, so that what is killed is the code as it stands and not an older build.
beforeAll(async () => {
  child = join(await folders.next(), 'segment-crash-child.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('segment-crash-child.ts', import.meta.url))],
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    logLevel: 'silent',
  });
});

/** Seeds that a process acknowledged before it was killed, in the midst of its work. */
function appendUntilKilled(directory: string, seed: number, appends: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, directory, String(seed)]);
    let output = '';
    let complaints = '';
    running.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.split('\n').length > appends) running.kill('SIGKILL');
    });
    running.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
    });
    running.on('error', reject).on('close', (_, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`it ended by itself: ${complaints}`));
      const acknowledged: number[] = [];
      // The last line may be cut off.
      for (const line of output.split('\n').slice(0, -1)) {
        const [first = 0, count = 0] = line.split(' ').map(Number);
        for (let i = 0; i < count; i++) acknowledged.push(first + i);
      }
      return resolve(acknowledged);
    });
  });
}

describe('kill -9', () => {
  it(`in the midst of appending, ${ROUNDS} times over, loses nothing acknowledged`, async () => {
    const directory = await folders.next();
    const acknowledged = new Set<number>();
    let seed = 0;
    let kept = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const appends = 1 + ((round * 97) % 300);
      const seeds = await appendUntilKilled(directory, seed, appends);
      expect(seeds.length).toBeGreaterThanOrEqual(appends);
      for (const one of seeds) acknowledged.add(one);
      const log = await openSegmentLog({ directory, role: 'outbox', freeBytesMin: 0 });
      const found = await scanAll(log);
      await log.close();
      const missing = new Set(acknowledged);
      for (const entry of found) {
        const number = Number(entry.receivedAt - FIRST_RECEIVED_AT);
        if (!isSameEntry(entry, fakeEntry(number))) throw new Error(`${number} is not intact`);
        missing.delete(number);
        seed = Math.max(seed, number + 1);
      }
      expect([...missing]).toEqual([]);
      expect(found.length).toBeGreaterThan(kept);
      kept = found.length;
    }
  });
});
