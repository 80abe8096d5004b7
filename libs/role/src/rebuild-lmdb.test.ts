/** Rebuilding an index on LMDB: every row of it afterwards against what was there before. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryBus } from '@mosaic-cluster/bus';
import { RESULT } from '@mosaic-cluster/protocol';
import {
  type IndexEnvironment,
  openIndexEnvironment,
  openSegmentLog,
  type RecordIndex,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { createVerifier, fastTools, type Verifier } from '@mosaic-cluster/verifier';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { assortment, holdingPolicy } from '../testing/assortment.ts';
import { dumpLmdbIndex } from '../testing/lmdb-dump.ts';
import { moment } from '../testing/people.ts';
import { present } from '../testing/present.ts';
import { KeyDirectory } from './key-directory.ts';
import { rebuildIndex, type RebuildOptions, type RebuildResult } from './rebuild.ts';
import { RoleWorker } from './role-worker.ts';

const { tools } = await fastTools();

let verifier: Verifier;
let folder: string;
let environment: IndexEnvironment;
let log: SegmentLog;
let index: RecordIndex;
let worker: RoleWorker;
let now = 1_000_000_000;
beforeAll(async () => {
  verifier = await createVerifier({ workers: 0 });
});
afterAll(() => verifier.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-rebuild-'));
  await open();
});
afterEach(async () => {
  await close();
  await rm(folder, { recursive: true, force: true });
});

async function open(): Promise<void> {
  environment = await openIndexEnvironment({ directory: join(folder, 'index') });
  index = environment.index('outbox');
  const directory = join(folder, 'segments');
  log = await openSegmentLog({
    directory,
    role: 'outbox',
    segmentBytesMax: 16_384,
    freeBytesMin: 0,
  });
  worker = new RoleWorker({
    index,
    log,
    directory: new KeyDirectory([{ index, log }]),
    policy: holdingPolicy,
    users: { serves: () => true, knows: () => true },
    verifier,
    bus: new MemoryBus(),
    now: () => moment((now += 1)),
    scheduleTools: tools,
    futureNanosMax: 1_000_000_000n,
    commitBounds: { entriesMax: 10_000, rowsMax: 1_000_000, bytesMax: 64 * 1024 * 1024 },
  });
}

async function close(): Promise<void> {
  await worker.close();
  await log.close();
  await environment.close();
}

async function submit(count: number, from = 0): Promise<void> {
  for (let at = 0; at < count; at += 10) {
    const records = assortment(10, from + at);
    const results = await worker.submit(
      records.map((record) => ({ record, submitter: undefined })),
    );
    for (const result of results) expect(result).not.toBe(RESULT.GENERAL_ERROR);
  }
}

async function dump(): Promise<string[]> {
  await close();
  const lines = await dumpLmdbIndex(join(folder, 'index'), 'outbox');
  await open();
  return lines;
}

/** Throws the index away, as an operator may while the server is stopped. */
async function lose(): Promise<void> {
  await close();
  await rm(join(folder, 'index'), { recursive: true });
  await open();
}

async function rebuild(options: Partial<RebuildOptions> = {}): Promise<RebuildResult> {
  const directory = new KeyDirectory([{ index, log }]);
  return present(await rebuildIndex({ index, log, directory, ...options }));
}

describe('an index on LMDB that is made anew', () => {
  it('has the same rows, in however many lanes', async () => {
    await submit(400);
    const before = await dump();
    expect(before.length).toBeGreaterThan(1_300);
    for (const lanes of [1, 4]) {
      await lose();
      expect(await index.appliedTo()).toBeUndefined();
      expect((await rebuild({ lanes })).partsTotal).toBeGreaterThan(3);
      expect(await dump()).toEqual(before);
    }
  });

  it('is the same after it was interrupted by a restart, and does not look whole before', async () => {
    await submit(300);
    const before = await dump();
    await lose();
    const stop = new AbortController();
    const onProgress: RebuildOptions['onProgress'] = ({ partsDone }) => {
      if (partsDone === 3) stop.abort();
    };
    const stopped = rebuild({ lanes: 1, signal: stop.signal, onProgress });
    await expect(stopped).rejects.toMatchObject({ code: 'rebuild-stopped' });
    await close();
    await open();
    await worker.submit(assortment(1, 300).map((record) => ({ record, submitter: undefined })));
    expect(await index.appliedTo()).toBeUndefined();
    const result = await rebuild({ lanes: 1 });
    expect(result.isResumed).toBe(true);
    expect(result.records).toBeLessThan(300);
    const after = await dump();
    await lose();
    await rebuild();
    expect(await dump()).toEqual(after);
    expect(after.length).toBeGreaterThan(before.length);
  });

  it('says how far it is within a part too, and never goes back', async () => {
    await submit(300);
    await lose();
    const told: { partsDone: number; bytesDone: number }[] = [];
    const { bytesTotal } = await rebuild({
      lanes: 1,
      batchEntries: 10,
      onProgress: ({ partsDone, bytesDone }) => told.push({ partsDone, bytesDone }),
    });
    const within = told.some((each) => each.partsDone === 0 && each.bytesDone > 0);
    expect(within).toBe(true);
    const bytes = told.map(({ bytesDone }) => bytesDone);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(bytes.at(-1)).toBe(bytesTotal);
  });

  it('has what was taken in meanwhile', async () => {
    await submit(200);
    await lose();
    const rebuilt = rebuild({ lanes: 2 });
    await submit(100, 1000);
    await rebuilt;
    // The position moves on with the next commit.
    await submit(10, 2000);
    const after = await dump();
    await lose();
    // The way of a start: all of the log in order.
    await worker.recover();
    expect(await dump()).toEqual(after);
  });
});
