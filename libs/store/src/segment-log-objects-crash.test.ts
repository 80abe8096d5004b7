/** What killed workers acknowledged is in the log, while another one goes on writing to it. */
import { type S3Server, startS3 } from '@mosaic-cluster/test-servers';
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
import { KilledProcess, seedsOf } from './testing/killed-process.ts';

const FIRST_RECEIVED_AT = fakeEntry(0).receivedAt;
const SURVIVOR_SEED = 10_000_000;

const folders = new TestFolders();
let killed: KilledProcess;
let server: S3Server;
beforeAll(async () => {
  killed = await KilledProcess.of(new URL('segment-log-objects-crash-child.ts', import.meta.url));
  server = await startS3();
}, 300_000);
afterAll(async () => {
  await server.stop();
  await folders.close();
  await killed.close();
});

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
      const args = [String(round * 100_000), JSON.stringify(options)];
      for (const seed of seedsOf(await killed.lines(args, appends))) {
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
