/** Both verifiers through their common interface: verdicts, bounds, ends. */
import { MosaicError, parseRecord, recordFaultOf, type RecordView } from '@mosaic-cluster/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { forged, recordBytesOf, validRecord, vectors } from '../test/support.ts';
import { createVerifier } from './create-verifier.ts';
import type { VerifierOptions } from './options.ts';
import type { Verdict, Verifier } from './verifier.ts';

const open: Verifier[] = [];

async function create(options: VerifierOptions): Promise<Verifier> {
  // What waits in the queue is looked at here, so nothing may pass it by.
  const verifier = await createVerifier({ quickRecordsMax: 0, ...options });
  open.push(verifier);
  return verifier;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((verifier) => verifier.close()));
});

function plain(verdict: Verdict): unknown {
  if (verdict === undefined) return undefined;
  const { kind, code, step, message, range } = verdict;
  return { isError: verdict instanceof MosaicError, kind, code, step, message, range };
}

/** Every vector that can be parsed: valid ones, and ones with each fault. */
function vectorRecords(): RecordView[] {
  return ['records-valid', 'records-invalid']
    .flatMap((file) => vectors(file))
    .filter(({ step }) => step !== '1' && step !== '2')
    .map((each) => parseRecord(recordBytesOf(each)));
}

it('gives the verdicts of the protocol library where a few are checked on the own thread', async () => {
  const verifier = await createVerifier({ workers: 1 });
  open.push(verifier);
  const bad = forged(validRecord(1));
  for (const record of vectorRecords()) {
    const verdicts = await verifier.verify([record, bad]);
    expect(verdicts.map(plain)).toEqual([plain(recordFaultOf(record)), plain(recordFaultOf(bad))]);
  }
  expect([verifier.pending, verifier.pendingBytes]).toEqual([0, 0]);
});

describe.each([0, 1, 2])('with %i workers', (workers) => {
  it('gives the verdicts of the protocol library, in order', async () => {
    const verifier = await create({ workers });
    expect([verifier.kind, verifier.workers]).toEqual(['native', workers]);
    const records = vectorRecords();
    const verdicts = await verifier.verify(records);
    expect(verdicts.map(plain)).toEqual(records.map((record) => plain(recordFaultOf(record))));
    expect(verdicts.filter((verdict) => verdict === undefined).length).toBeGreaterThan(70);
    expect(verdicts.filter((verdict) => verdict !== undefined).length).toBeGreaterThan(70);
  });

  it('keeps the calls of many apart', async () => {
    const verifier = await create({ workers, batchRecordsMax: 3 });
    const good = validRecord(1);
    const bad = forged(good);
    const calls = Array.from({ length: 60 }, (_, i) =>
      verifier.verify(Array.from({ length: i % 5 }, (_, j) => ((i + j) % 3 === 0 ? bad : good))),
    );
    const results = await Promise.all(calls);
    results.forEach((verdicts, i) => {
      const steps = verdicts.map((verdict) => verdict?.step);
      const expected = Array.from({ length: i % 5 }, (_, j) =>
        (i + j) % 3 === 0 ? '9' : undefined,
      );
      expect(steps).toEqual(expected);
    });
    expect([verifier.pending, verifier.pendingBytes]).toEqual([0, 0]);
  });

  it('refuses what its queue cannot hold, and takes it when there is room', async () => {
    const verifier = await create({ workers, queueRecordsMax: 8 });
    const records = Array.from({ length: 5 }, (_, i) => validRecord(i));
    const first = verifier.verify(records);
    expect(verifier.pending).toBe(5);
    await expect(verifier.verify(records)).rejects.toMatchObject({
      kind: 'limited',
      code: 'verifier-busy',
    });
    expect(verifier.pending).toBe(5);
    await Promise.all([verifier.ready(), verifier.ready()]);
    expect(verifier.pending).toBeLessThanOrEqual(4);
    await first;
    expect(await verifier.verify(records)).toEqual(Array.from({ length: 5 }));
  });

  it('refuses by bytes as well, and says when a call can never fit', async () => {
    const record = validRecord(1);
    const queueBytesMax = record.bytes.length * 2;
    const verifier = await create({ workers, queueBytesMax });
    const first = verifier.verify([record, record]);
    await expect(verifier.verify([record])).rejects.toMatchObject({ code: 'verifier-busy' });
    await expect(verifier.verify([record, record, record])).rejects.toMatchObject({
      kind: 'invalid',
      code: 'verifier-batch',
    });
    await first;
  });

  it('answers what it took on before it closes, and nothing after', async () => {
    const verifier = await create({ workers });
    const calls = Promise.all([verifier.verify([validRecord(1)]), verifier.verify([])]);
    const closed = verifier.close();
    await expect(verifier.verify([validRecord(2)])).rejects.toMatchObject({ kind: 'closed' });
    await expect(verifier.ready()).rejects.toMatchObject({ code: 'verifier-closed' });
    expect(await calls).toEqual([[undefined], []]);
    await closed;
    await verifier.close();
    expect(verifier.pending).toBe(0);
  });

  it('gives up what is not done when the deadline for closing has passed', async () => {
    const verifier = await create({ workers, kind: 'exact', closeDeadlineMs: 0, sliceMs: 0 });
    const call = verifier.verify(Array.from({ length: 200 }, (_, i) => validRecord(i)));
    const outcome = expect(call).rejects.toMatchObject({ kind: 'closed' });
    await verifier.close();
    await outcome;
    expect(verifier.pending).toBe(0);
  });

  it('can be the exact one', async () => {
    const verifier = await create({ workers, kind: 'exact' });
    expect(verifier.kind).toBe('exact');
    const record = validRecord(1);
    const verdicts = await verifier.verify([record, forged(record)]);
    expect(verdicts.map((verdict) => verdict?.step)).toEqual([undefined, '9']);
  });
});

it('without workers, other work gets its turn between slices', async () => {
  const verifier = await create({ workers: 0, sliceMs: 0 });
  const turns: number[] = [];
  const watch = (): void => {
    turns.push(verifier.pending);
    if (verifier.pending > 0) setImmediate(watch);
  };
  const call = verifier.verify(Array.from({ length: 10 }, (_, i) => validRecord(i)));
  watch();
  await call;
  expect(turns.length).toBeGreaterThan(9);
  expect(turns.slice(0, 3)).toEqual([10, 9, 8]);
});

it('options out of range are named', async () => {
  const wrong = [
    ['workers', -1],
    ['workers', 1.5],
    ['queueRecordsMax', 0],
    ['sliceMs', Number.NaN],
  ] as const;
  for (const [name, value] of wrong) {
    await expect(createVerifier({ [name]: value })).rejects.toMatchObject({
      code: 'verifier-option',
      message: expect.stringContaining(name),
    });
  }
});
