/**
 * The pool when its threads fail: real threads, running the real script with a fault in front. All
 * records go to them unless a test says otherwise.
 */
import { setEnvironmentData } from 'node:worker_threads';
import { MosaicError } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forged, validRecord } from '../test/support.ts';
import { Admission } from './admission.ts';
import { Call } from './call.ts';
import { createVerifier } from './create-verifier.ts';
import { type VerifierOptions, verifierSettings } from './options.ts';
import { PoolWorker } from './pool-worker.ts';
import type { Verifier } from './verifier.ts';

const CRASHES = 0;
const HANGS = 1;
const BAD_STARTS = 2;
const faults = new Int32Array(new SharedArrayBuffer(12));
const workerUrl = new URL('../test/crashing-worker.mjs', import.meta.url);
const poison = validRecord(1, 'poison');
const good = validRecord(2);

const lost: MosaicError[] = [];
let verifier: Verifier | undefined;

async function create(options: VerifierOptions): Promise<Verifier> {
  const onWorkerLost = (error: MosaicError): unknown => lost.push(error);
  verifier = await createVerifier({
    workerUrl,
    restartMs: 1,
    quickRecordsMax: 0,
    onWorkerLost,
    ...options,
  });
  return verifier;
}

beforeEach(() => {
  faults.fill(0);
  lost.length = 0;
  setEnvironmentData('verifier-test-faults', faults);
});

afterEach(async () => {
  await verifier?.close();
  verifier = undefined;
});

describe.each([1, 2])('with %i workers', (workers) => {
  it('a batch whose thread crashed is checked by another', async () => {
    const pool = await create({ workers });
    faults[CRASHES] = 1;
    const verdicts = await pool.verify([poison, forged(good)]);
    expect(verdicts.map((verdict) => verdict?.step)).toEqual([undefined, '9']);
    expect(lost.map(({ code, message }) => [code, message])).toEqual([
      ['verifier-worker', "a verifier's worker thread ended with code 3"],
    ]);
  });

  it('a batch that crashed two threads fails, alone', async () => {
    const pool = await create({ workers, batchRecordsMax: 1 });
    faults[CRASHES] = 2;
    const doomed = expect(pool.verify([poison])).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'verifier-worker',
    });
    const others = await Promise.all(Array.from({ length: 20 }, () => pool.verify([good])));
    expect(others.flat()).toEqual(Array.from({ length: 20 }));
    await doomed;
    expect(lost).toHaveLength(2);
    expect(await pool.verify([poison, good])).toEqual([undefined, undefined]);
    expect(pool.pending).toBe(0);
  });

  it('a thread that does not answer is replaced', async () => {
    const pool = await create({ workers, batchDeadlineMs: 200 });
    faults[HANGS] = 1;
    expect(await pool.verify([poison])).toEqual([undefined]);
    expect(lost.map(({ message }) => message)).toEqual([
      "a verifier's worker thread did not answer a batch within 200 ms",
    ]);
  });

  it('a thread that does not answer does not hold up closing beyond the deadline', async () => {
    const pool = await create({ workers, closeDeadlineMs: 20 });
    faults[HANGS] = 1;
    const call = expect(pool.verify([poison])).rejects.toMatchObject({ kind: 'closed' });
    await pool.close();
    await call;
  });

  it('while no thread starts calls fail at once; they succeed when one does', async () => {
    const pool = await create({ workers, batchRecordsMax: 1 });
    faults[BAD_STARTS] = 1_000_000;
    faults[CRASHES] = 1_000_000;
    const calls = Array.from({ length: 4 }, () => pool.verify([poison]));
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
    }
    await vi.waitFor(() =>
      expect(pool.verify([good])).rejects.toMatchObject({ message: /no worker thread/ }),
    );
    expect(pool.pending).toBe(0);
    faults.fill(0);
    await vi.waitFor(() => pool.verify([good]), { timeout: 20_000 });
    expect(await pool.verify([good])).toEqual([undefined]);
  });
});

it('a few records are checked on the own thread, but not beside what the threads are checking', async () => {
  const pool = await create({ workers: 1, quickRecordsMax: 1, batchDeadlineMs: 200 });
  faults[HANGS] = 1;
  expect(await pool.verify([poison])).toEqual([undefined]);
  expect([faults[HANGS], pool.pending]).toEqual([1, 0]);
  await new Promise((resolve) => setImmediate(resolve));
  const many = pool.verify([poison, forged(good)]);
  const few = pool.verify([good]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(pool.pending).toBe(3);
  expect((await many).map((verdict) => verdict?.step)).toEqual([undefined, '9']);
  expect(await few).toEqual([undefined]);
  expect(lost).toHaveLength(1);
});

it('threads that do not start at first fail the creation', async () => {
  faults[BAD_STARTS] = 1;
  await expect(create({ workers: 2 })).rejects.toMatchObject({
    code: 'verifier-worker',
    message: "a verifier's worker thread failed: a bad start",
  });
});

it('a script that is not there fails the creation', async () => {
  const missing = new URL('../test/missing.mjs', import.meta.url);
  await expect(create({ workers: 1, workerUrl: missing })).rejects.toMatchObject({
    code: 'verifier-worker',
  });
});

it('a thread takes a second batch, but none beside a retried one', async () => {
  const settings = verifierSettings({});
  const items = [{ record: poison, call: new Call(new Admission(settings), 1), index: 0 }];
  for (const isRetry of [false, true]) {
    faults[HANGS] = 1;
    const worker = await new Promise<PoolWorker>((resolve, reject) => {
      const starting = new PoolWorker(workerUrl, { kind: 'native' }, settings, {
        onStarted: () => resolve(starting),
        onAnswer: () => {},
        onLost: (_, error) => reject(error),
      });
      starting.start();
    });
    expect([worker.isIdle, worker.hasRoom]).toEqual([true, true]);
    worker.send({ id: 1, items, isRetry });
    expect([worker.isIdle, worker.hasRoom]).toEqual([false, !isRetry]);
    const left = await worker.stop();
    expect(left.map(({ id }) => id)).toEqual([1]);
  }
});
