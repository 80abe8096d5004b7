/** Rebuilding an index on Redis: every key of it afterwards against what was there before. */
import type { RecordView } from '@mosaic-cluster/protocol';
import type { SegmentLog } from '@mosaic-cluster/store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { assortment, holdingPolicy } from '../testing/assortment.ts';
import { type ClusterRoles, ClusterServers, type ClusterWorker } from '../testing/cluster-roles.ts';
import { intercept } from '../testing/intercept.ts';
import { kind, moment, person, record, schedule } from '../testing/people.ts';
import { present } from '../testing/present.ts';
import { dumpRedisIndex } from '../testing/redis-dump.ts';
import { KeyDirectory } from './key-directory.ts';
import { rebuildIndex, type RebuildOptions, type RebuildResult } from './rebuild.ts';

const ALICE = person(0);
const BOB = person(1);
const SUBKEY = person(10);
const REPLACEABLE = kind({ duplicateHandling: 'replaceable' });

/** Real servers take their time on a busy machine. */
const PATIENT = { timeout: 120_000 } as const;
const SOON = { timeout: 60_000 } as const;

let servers: ClusterServers;
let cluster: ClusterRoles;
beforeAll(async () => {
  servers = await ClusterServers.start();
}, 120_000);
afterAll(() => servers.stop());
beforeEach(() => {
  cluster = servers.cluster();
});
afterEach(() => cluster.close());

const revoked = (n: number): RecordView =>
  schedule(ALICE, moment(n), [{ subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n }]);
const active = (n: number): RecordView =>
  schedule(ALICE, moment(n), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
const worker = (): Promise<ClusterWorker> =>
  cluster.worker({ policy: holdingPolicy, keeper: { reindex: 'off' } });

async function submitAll(workers: readonly ClusterWorker[], records: RecordView[]): Promise<void> {
  for (let at = 0; at < records.length; at += 10) {
    const some = records.slice(at, at + 10);
    await present(workers[(at / 10) % workers.length]).submit(...some);
  }
}

const dump = (of: ClusterWorker): Promise<string[]> => dumpRedisIndex(of.connection);

async function flushAndRebuild(
  of: ClusterWorker,
  options: Partial<RebuildOptions> = {},
): Promise<RebuildResult> {
  await servers.redis.command('FLUSHALL');
  return rebuild(of, options);
}

async function rebuild(
  of: ClusterWorker,
  options: Partial<RebuildOptions> = {},
): Promise<RebuildResult> {
  const { index, log } = of;
  const directory = new KeyDirectory([{ index, log }]);
  return present(await rebuildIndex({ index, log, directory, ...options }));
}

describe('an index on Redis that is made anew', PATIENT, () => {
  it('has the same keys and values, in however many lanes', async () => {
    const workers = [await worker(), await worker()];
    const [a] = workers as [ClusterWorker, ClusterWorker];
    await submitAll(workers, assortment(240));
    const before = await dump(a);
    expect(before.length).toBeGreaterThan(800);
    for (const lanes of [1, 6]) {
      const result = await flushAndRebuild(a, { lanes });
      expect(result.partsTotal).toBeGreaterThan(10);
      expect(result).toMatchObject({ partsDone: result.partsTotal, isResumed: false });
      expect(await dump(a)).toEqual(before);
      expect(await a.index.appliedTo()).toBeDefined();
    }
    // Once more, over one that is whole: nothing changes.
    expect(await rebuild(a, { isFresh: true })).toMatchObject({ added: 0 });
    expect(await dump(a)).toEqual(before);
  });

  it('is the same after interruptions at any moment, and reads no part twice', async () => {
    const a = await worker();
    await submitAll([a], assortment(200));
    const before = await dump(a);
    await servers.redis.command('FLUSHALL');
    let records = 0;
    for (let partsMax = 2; ; partsMax += 3) {
      const stop = new AbortController();
      let seen = 0;
      const onProgress: RebuildOptions['onProgress'] = (progress) => {
        seen = progress.records;
        if (progress.partsDone >= partsMax) stop.abort();
      };
      const index = { index: a.index, log: a.log, directory: a.directory };
      const work = rebuildIndex({ ...index, lanes: 2, signal: stop.signal, onProgress });
      const result = await work.catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'rebuild-stopped' });
      });
      records += seen;
      if (result === undefined) {
        expect(await a.index.appliedTo()).toBeUndefined();
        continue;
      }
      expect(result.isResumed).toBe(true);
      expect(partsMax).toBeGreaterThan(8);
      break;
    }
    expect(await dump(a)).toEqual(before);
    // What two lanes had begun when they were stopped was read again, and nothing else.
    let logged = 0;
    for await (const { entries } of a.log.scan(undefined)) logged += entries.length;
    expect(records).toBeLessThan(2 * logged);
  });

  it('begins again where Redis is emptied once more in the middle', async () => {
    const a = await worker();
    await submitAll([a], assortment(200));
    const before = await dump(a);
    await servers.redis.command('FLUSHALL');
    let flushed: Promise<unknown> | undefined;
    const { index, log, directory } = a;
    const onProgress: RebuildOptions['onProgress'] = ({ partsDone }) => {
      if (partsDone === 4) flushed ??= servers.redis.command('FLUSHALL');
    };
    await expect(
      rebuildIndex({ index, log, directory, lanes: 1, onProgress }),
    ).rejects.toMatchObject({ code: 'rebuild-lost' });
    await flushed;
    expect(await rebuild(a)).toMatchObject({ isResumed: false });
    expect(await dump(a)).toEqual(before);
  });

  it('has what two workers took in meanwhile, all of it and nothing else', async () => {
    const [a, b] = [await worker(), await worker()];
    await submitAll([a, b], assortment(200));
    const stop = new AbortController();
    const load = [a, b].map(async (each, w) => {
      for (let n = 1000 * (w + 1); !stop.signal.aborted; n += 10)
        await each.submit(...assortment(10, n));
    });
    await flushAndRebuild(a, { lanes: 3 });
    stop.abort();
    await Promise.all(load);
    expect(await a.index.appliedTo()).toBeDefined();
    const after = await dump(a);
    // The same log, read again while nobody writes.
    await flushAndRebuild(b);
    expect(await dump(b)).toEqual(after);
  });

  it('gives an address to the older record where the newer was not its author’s to sign', async () => {
    const a = await worker();
    const newer = record(ALICE, { kind: REPLACEABLE, timestamp: moment(9), signer: SUBKEY });
    const older = record(ALICE, { kind: REPLACEABLE, timestamp: moment(5) });
    const kept = record(BOB, { kind: REPLACEABLE, timestamp: moment(5) });
    for (const each of [active(1), newer, kept, revoked(2), older]) {
      expect(await a.submit(each)).toEqual(['ACCEPTED']);
    }
    const before = await dump(a);
    for (const order of [1, -1]) {
      const log = intercept(a.log, { parts: (from) => ordered(a.log, from, order) });
      await flushAndRebuild(a, { log, lanes: 1 });
      expect(await dump(a)).toEqual(before);
    }
    // Interrupted behind the part in which it was met, it is not forgotten.
    const log = intercept(a.log, { parts: (from) => ordered(a.log, from, -1) });
    await servers.redis.command('FLUSHALL');
    const stop = new AbortController();
    const onProgress: RebuildOptions['onProgress'] = ({ partsDone }) => {
      if (partsDone === 4) stop.abort();
    };
    const { index, directory } = a;
    await expect(
      rebuildIndex({ index, log, directory, lanes: 1, onProgress, signal: stop.signal }),
    ).rejects.toMatchObject({ kind: 'closed' });
    expect(await rebuild(a, { log, lanes: 1 })).toMatchObject({ isResumed: true });
    expect(await dump(a)).toEqual(before);
  });

  it('gives it to the newer one of those that came together, whatever became of its key', async () => {
    const a = await worker();
    const newer = record(ALICE, { kind: REPLACEABLE, timestamp: moment(9), signer: SUBKEY });
    const older = record(ALICE, { kind: REPLACEABLE, timestamp: moment(5) });
    // The key schedule is looked up before, so that neither is judged later than the other.
    for (const each of [active(1), record(ALICE, { timestamp: moment(1), signer: SUBKEY })]) {
      expect(await a.submit(each)).toEqual(['ACCEPTED']);
    }
    expect(await a.submit(newer, older)).toEqual(['ACCEPTED', 'ACCEPTED']);
    expect(await a.submit(revoked(2))).toEqual(['ACCEPTED']);
    const before = await dump(a);
    await flushAndRebuild(a, { lanes: 1 });
    expect(await dump(a)).toEqual(before);
  });

  it('is one worker’s work at a time, and another’s after that died', async () => {
    const [a, b] = [await worker(), await worker()];
    await submitAll([a], assortment(50));
    const before = await dump(a);
    await servers.redis.command('FLUSHALL');
    const dead = await a.index.claimRebuild({ owner: 'dead', leaseMs: 300 });
    expect(dead).toBeDefined();
    const { index, log, directory } = b;
    expect(await rebuildIndex({ index, log, directory })).toBeUndefined();
    await expect.poll(() => rebuildIndex({ index, log, directory }), SOON).toBeDefined();
    expect(await dump(b)).toEqual(before);
  });

  it('leaves out what the verifier refuses, where it is asked', async () => {
    const a = await worker();
    await a.submit(...assortment(5));
    const good = record(ALICE, { timestamp: moment(78) });
    const { verifier } = servers;
    const isForged = (each: RecordView): boolean => each.timestamp === good.timestamp;
    await a.submit(good);
    const result = await flushAndRebuild(a, {
      verifier: {
        verify: async (records) => {
          const faults = await verifier.verify(records);
          return faults.map((fault, i) => (isForged(records[i]!) ? new Error('forged') : fault));
        },
      },
    });
    expect(result.invalid).toBe(1);
    expect(await a.index.lookup([good.id])).toEqual([undefined]);
  });
});

/** Parts of a log, in one order or the other. */
async function* ordered(
  log: SegmentLog,
  from: Parameters<SegmentLog['parts']>[0],
  order: number,
): ReturnType<SegmentLog['parts']> {
  const parts = [];
  for await (const part of log.parts(from)) parts.push(part);
  yield* order < 0 ? parts.toReversed() : parts;
}
