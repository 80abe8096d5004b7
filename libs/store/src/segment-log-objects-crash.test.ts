/** What killed workers acknowledged is in the log, while another one goes on writing to it. */
import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type S3Server, startS3 } from '@mosaic-cluster/test-servers';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileObjectStore } from './object-store-files.ts';
import { openS3ObjectStore } from './object-store-s3.ts';
import { newBucket } from './object-store-s3-fixture.ts';
import type { ObjectStore } from './object-store.ts';
import {
  fakeEntries,
  fakeEntry,
  isSameEntry,
  scanAll,
  TestFolders,
} from './segment-log-fixture.ts';
import { openObjectSegmentLog } from './segment-log-objects.ts';

const FIRST_RECEIVED_AT = fakeEntry(0).receivedAt;
const SURVIVOR_SEED = 10_000_000;

const folders = new TestFolders();
// Beside the packages that it loads.
const built = fileURLToPath(
  new URL(`../node_modules/.cache/crash-child-${process.pid}/`, import.meta.url),
);
const child = `${built}segment-log-objects-crash-child.mjs`;
let server: S3Server;
beforeAll(async () => {
  await mkdir(built, { recursive: true });
  // Bundled here, so that what is killed is the code as it stands and not an older build.
  await build({
    entryPoints: [fileURLToPath(new URL('segment-log-objects-crash-child.ts', import.meta.url))],
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    external: ['@aws-sdk/*'],
    logLevel: 'silent',
  });
  server = await startS3();
}, 300_000);
afterAll(async () => {
  await server.stop();
  await folders.close();
  await rm(built, { recursive: true, force: true });
});

/** Seeds that a process acknowledged before it was killed, in the midst of its work. */
function appendUntilKilled(options: object, seed: number, appends: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, String(seed), JSON.stringify(options)]);
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

async function killAgainAndAgain(
  store: ObjectStore,
  options: object,
  rounds: number,
): Promise<void> {
  const log = await openObjectSegmentLog({ store, role: 'outbox', commitIntervalMs: 5 });
  const acknowledged = new Set<number>();
  let survivorSeed = SURVIVOR_SEED;
  const over = new AbortController();
  const survivor = (async () => {
    while (!over.signal.aborted) {
      const first = survivorSeed;
      survivorSeed += 3;
      await log.append(fakeEntries(first, 3));
      for (let i = 0; i < 3; i++) acknowledged.add(first + i);
    }
  })();
  try {
    for (let round = 0; round < rounds; round++) {
      const appends = 1 + ((round * 97) % 250);
      for (const seed of await appendUntilKilled(options, round * 100_000, appends)) {
        acknowledged.add(seed);
      }
    }
  } finally {
    over.abort();
    await survivor;
  }
  const missing = new Set(acknowledged);
  for (const entry of await scanAll(log)) {
    const number = Number(entry.receivedAt - FIRST_RECEIVED_AT);
    if (!isSameEntry(entry, fakeEntry(number))) throw new Error(`${number} is not intact`);
    missing.delete(number);
  }
  expect([...missing]).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(rounds * 2);
  await log.close();
  await store.close();
}

describe('kill -9', () => {
  it('in the midst of appending to a folder loses nothing acknowledged', async () => {
    const options = { directory: await folders.next() };
    await killAgainAndAgain(await openFileObjectStore(options), options, 8);
  });

  it('in the midst of appending to S3 loses nothing acknowledged', async () => {
    const options = newBucket(server);
    await killAgainAndAgain(await openS3ObjectStore(options), options, 3);
  });
});
