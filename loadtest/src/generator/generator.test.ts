/**
 * Protects the generator against servers: it measures one that is right, and notices everything
 * that one can do wrong, so that a wrong server cannot look fast.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Histogram } from '../histogram.ts';
import { RecordCache } from '../records/record-cache.ts';
import { RecordPlan } from '../records/record-plan.ts';
import { type Fault, MemoryServer } from '../testing/memory-server.ts';
import { Generator } from './commands.ts';
import { QUERY_MIXES } from './query-mix.ts';

const tools = await nativeSigningTools();
const cacheFolder = mkdtempSync(join(tmpdir(), 'loadtest-generator-'));
const STORE = { first: 0, count: 600 };
let server: MemoryServer;
let generator: Generator;

beforeAll(() => new RecordCache(cacheFolder, 1).make(0, new RecordPlan(1, tools)));
afterAll(() => rmSync(cacheFolder, { recursive: true }));

beforeEach(async () => {
  server = await MemoryServer.start();
  generator = new Generator({ url: server.url, seed: 1, cacheFolder }, tools);
});
afterEach(async () => {
  for (const pool of ['clients', 'subscribers', 'publisher'] as const) {
    await generator.close({ pool });
  }
  await server.close();
});

async function fill(): Promise<void> {
  await generator.open({ pool: 'clients', connections: 4 });
  await generator.load(STORE);
  await generator.submit({ inFlight: 50 });
}

async function openFanOut(subscribers: number): Promise<void> {
  await generator.open({ pool: 'subscribers', connections: subscribers });
  await generator.open({ pool: 'publisher', connections: 1 });
}

describe('ingest', () => {
  it('submits every record once and measures each', async () => {
    await generator.open({ pool: 'clients', connections: 7 });
    await generator.load({ first: 100, count: 500 });
    const outcome = await generator.submit({ inFlight: 8 });
    expect(server.records.size).toBe(500);
    expect(outcome.operations).toBe(500);
    expect(new Histogram(outcome.latency).total).toBe(500);
    expect(outcome.elapsedMs).toBeGreaterThan(0);
    expect(outcome.generatorCpuMicros).toBeGreaterThan(0);
  });

  it('works with fewer records than connections, and with none', async () => {
    await generator.open({ pool: 'clients', connections: 5 });
    await generator.load({ first: 0, count: 2 });
    expect((await generator.submit({ inFlight: 1 })).operations).toBe(2);
    await generator.load({ first: 0, count: 0 });
    expect((await generator.submit({ inFlight: 1 })).operations).toBe(0);
  });

  it('takes records that the server has only to fill a store', async () => {
    await fill();
    const again = { inFlight: 50, takesDuplicates: true };
    expect((await generator.submit(again)).operations).toBe(STORE.count);
    await expect(generator.submit({ inFlight: 50 })).rejects.toThrow(/DUPLICATE.*--seed/);
  });

  it.each<[Fault, string | RegExp]>([
    ['refuses-records', /TOO_FAST.*limits off/],
    ['answers-for-another-record', 'a result for a record that was not submitted'],
    ['closes-the-connection', 'a connection was lost: the server closed it: 1011 out of order'],
  ])('notices that a server %s', async (fault, message) => {
    server.fault = fault;
    await generator.open({ pool: 'clients', connections: 2 });
    await generator.load({ first: 0, count: 20 });
    await expect(generator.submit({ inFlight: 4 })).rejects.toThrow(message);
  });
});

describe('queries', () => {
  it.each(QUERY_MIXES)('asks and gets right answers: %s', async (mix) => {
    await fill();
    await generator.prepareQuestions({ mix, store: STORE });
    const outcome = await generator.ask({ count: 60 });
    expect(outcome.operations).toBe(60);
    expect(new Histogram(outcome.latency).total).toBe(60);
  });

  it('accepts newer records of somebody else in an answer', async () => {
    await fill();
    await generator.load({ first: 600, count: 300 });
    await generator.submit({ inFlight: 50 });
    await generator.prepareQuestions({ mix: 'authors-50', store: STORE });
    await expect(generator.ask({ count: 20 })).resolves.toMatchObject({ operations: 20 });
  });

  it.each<[Fault, string]>([
    ['forgets-the-newest', 'lacks a newer record'],
    ['adds-a-stranger', 'does not match'],
    ['sends-oldest-first', 'lacks a newer record'],
    ['repeats-a-record', 'not in order'],
  ])('notices that a server %s', async (fault, message) => {
    await fill();
    server.fault = fault;
    await generator.prepareQuestions({ mix: 'authors-50', store: STORE });
    await expect(generator.ask({ count: 20 })).rejects.toThrow(message);
  });

  it('notices a record twice and a record missing in a Get', async () => {
    await fill();
    await generator.prepareQuestions({ mix: 'ids-10', store: STORE });
    server.fault = 'repeats-a-record';
    await expect(generator.ask({ count: 4 })).rejects.toThrow('a record twice');
  });

  it('notices a store that is not whole', async () => {
    await generator.open({ pool: 'clients', connections: 1 });
    await generator.prepareQuestions({ mix: 'ids-1', store: STORE });
    await expect(generator.ask({ count: 1 })).rejects.toThrow('closed with NOT_FOUND');
  });
});

describe('fan-out', () => {
  it('measures every delivery, at full rate and at a pace', async () => {
    await openFanOut(9);
    await generator.subscribeToAll();
    await generator.load({ first: 0, count: 100 });
    const full = await generator.fanOut({ inFlight: 8 });
    expect(full.operations).toBe(900);
    expect(new Histogram(full.latency).total).toBe(900);
    await generator.load({ first: 100, count: 10 });
    const paced = await generator.fanOut({ inFlight: 8, perSecond: 100 });
    expect(paced.operations).toBe(90);
    expect(paced.elapsedMs).toBeGreaterThanOrEqual(85);
  });

  it.each<[Fault, string]>([
    ['delivers-twice', 'delivered twice'],
    ['alters-a-record', 'not the one that was published'],
    ['refuses-records', 'TOO_FAST'],
  ])('notices that a server %s', async (fault, message) => {
    await openFanOut(3);
    await generator.subscribeToAll();
    server.fault = fault;
    await generator.load({ first: 0, count: 10 });
    await expect(generator.fanOut({ inFlight: 4 })).rejects.toThrow(message);
  });
});

describe('subscribers to one author each', () => {
  const probe = { first: 1_000, count: 5 };

  it('get what their author publishes, and nobody else does', async () => {
    await openFanOut(8);
    await generator.subscribeToOneEach();
    await fill();
    await generator.deliverOneEach(probe);
    await generator.unsubscribe();
  });

  it('are missed when a server delivers to everybody', async () => {
    await openFanOut(8);
    await generator.subscribeToOneEach();
    server.fault = 'delivers-to-everybody';
    await expect(generator.deliverOneEach(probe)).rejects.toThrow('did not ask for it');
  });

  it('notice what arrives while nobody looks', async () => {
    await openFanOut(2);
    await generator.subscribeToOneEach();
    server.fault = 'delivers-to-everybody';
    await fill();
    await expect(generator.unsubscribe()).rejects.toThrow('unexpected message record');
  });
});

describe('connections', () => {
  it('are all alive', async () => {
    await generator.open({ pool: 'clients', connections: 30 });
    await generator.open({ pool: 'clients', connections: 20 });
    await expect(generator.ping({ pool: 'clients' })).resolves.toBeUndefined();
  });

  it('are refused by what is no Mosaic server', async () => {
    const other: Server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `ws://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const lost = new Generator({ url, seed: 1, cacheFolder }, tools);
    await expect(lost.open({ pool: 'clients', connections: 3 })).rejects.toThrow('cannot connect');
    other.close();
    const open = lost.open({ pool: 'clients', connections: 1 });
    await expect(open).rejects.toThrow(/cannot connect: .*ECONNREFUSED/);
  });
});
