/** The log on a real S3 server that is throttled, breaks off, is slow, or is not there. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type S3Server, startS3 } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import { openS3ObjectStore, type S3ObjectStoreOptions } from './object-store-s3.ts';
import { bucketOptions, type Fate, FaultyProxy, newBucket } from './object-store-s3-fixture.ts';
import {
  failureOf,
  fakeEntries,
  fakeEntry,
  firstDifference,
  itemAt,
  scanAll,
} from './segment-log-fixture.ts';
import { type ObjectSegmentLog, openObjectSegmentLog } from './segment-log-objects.ts';

let server: S3Server;
let proxy: FaultyProxy;
let proxyUrl = '';
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  server = await startS3();
}, 300_000);
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = new FaultyProxy(server.url);
  proxyUrl = await proxy.start();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  await proxy.close();
});

async function open(
  bucket: S3ObjectStoreOptions,
  options: Partial<S3ObjectStoreOptions> = {},
): Promise<ObjectSegmentLog> {
  const store: ObjectStore = await openS3ObjectStore({
    ...bucket,
    endpoint: proxyUrl,
    random: () => 0,
    ...options,
  });
  const log = await openObjectSegmentLog({ store, role: 'outbox', commitIntervalMs: 1 });
  opened.push(log, store);
  return log;
}

const FATES: readonly Fate[] = [
  { status: 503, code: 'SlowDown' },
  'pass',
  'lose-answer',
  { status: 500, code: 'InternalError' },
  'cut-answer',
  { delayMs: 20 },
  'damage',
  'pass',
];

describe('S3 in trouble', () => {
  it('neither loses nor doubles nor reorders what was appended', async () => {
    let requests = 0;
    proxy.decide = ({ method }) =>
      method === 'PUT' ? (FATES[requests++ % FATES.length] ?? 'pass') : 'pass';
    const log = await open(newBucket(server), { attemptsMax: 8 });
    const calls = Array.from({ length: 60 }, (_, i) => fakeEntries(i * 10, 1 + (i % 7)));
    const appends: ReturnType<typeof log.append>[] = [];
    for (const entries of calls) {
      appends.push(log.append(entries));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const appended = await Promise.all(appends);
    const found = await scanAll(log);
    expect(firstDifference(found, calls.flat())).toBe(-1);
    expect(found.map(({ location }) => location)).toEqual(appended.flatMap((one) => one.locations));
  });

  it('is asked again for pieces and listings', async () => {
    const log = await open(newBucket(server), { attemptsMax: 8 });
    const { locations } = await log.append(fakeEntries(1, 20));
    let requests = 0;
    proxy.decide = ({ method }) =>
      method === 'GET' ? (FATES[requests++ % FATES.length] ?? 'pass') : 'pass';
    for (let i = 0; i < 4; i++) expect(await scanAll(log)).toHaveLength(20);
    expect(firstDifference(await log.read(locations), fakeEntries(1, 20))).toBe(-1);
  });

  it('makes appends fail while it is down, and the log works on by itself afterwards', async () => {
    const log = await open(newBucket(server), { attemptsMax: 2 });
    await log.append([fakeEntry(1)]);
    proxy.decide = () => ({ status: 503, code: 'SlowDown' });
    const unavailable = { kind: 'unavailable', code: 'log-failed', retryable: true };
    expect(await failureOf(log.append([fakeEntry(2)]))).toMatchObject(unavailable);
    expect(log.state).toMatchObject({ writable: false });
    proxy.decide = () => 'pass';
    await expect
      .poll(
        async () =>
          log.append([fakeEntry(3)]).then(
            () => 'stored',
            () => 'refused',
          ),
        {
          timeout: 5000,
        },
      )
      .toBe('stored');
    expect(firstDifference(await scanAll(log), [fakeEntry(1), fakeEntry(3)])).toBe(-1);
  });

  it('is not waited for longer than a call may take', async () => {
    const log = await open(newBucket(server), { callTimeoutMs: 200 });
    proxy.decide = ({ method }) => (method === 'PUT' ? 'swallow' : 'pass');
    const error = await failureOf(log.append([fakeEntry(1)]));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'log-failed' });
    expect(String(error)).toMatch(/did not answer within 200 ms/);
  });

  it('is not waited for long by reads while it is frozen, however many of them there are', async () => {
    const bucket = newBucket(server);
    const writer = await open(bucket);
    const appended = [];
    for (let i = 0; i < 3; i++) appended.push(await writer.append(fakeEntries(i * 10, 2)));
    const store = await openS3ObjectStore(bucket);
    const log = await openObjectSegmentLog({
      store,
      role: 'outbox',
      readTimeoutMs: 200,
      loadsMax: 1,
    });
    opened.push(log, store);
    server.pause();
    try {
      const reads = appended.map(({ locations }) => failureOf(log.read(locations)));
      // The calls by themselves would end by what the store says, and much later.
      for (const error of await Promise.all(reads)) {
        expect(error).toMatchObject({ kind: 'unavailable', code: 'segment-timeout' });
      }
    } finally {
      server.resume();
    }
    const { locations } = itemAt(appended, 1);
    expect(firstDifference(await log.read(locations), fakeEntries(10, 2))).toBe(-1);
  });

  it('reads pieces together, and each once however many ask', async () => {
    const bucket = newBucket(server);
    const writer = await open(bucket);
    const entries = [...fakeEntries(1, 30), fakeEntry(100, 900_000)];
    const { locations } = await writer.append(entries);
    const log = await open(bucket);
    const before = proxy.seen.length;
    const found = await Promise.all([log.read(locations), log.read(locations.toReversed())]);
    expect(firstDifference(itemAt(found, 0), entries)).toBe(-1);
    expect(firstDifference(itemAt(found, 1), entries.toReversed())).toBe(-1);
    expect(proxy.seen.length - before).toBe(1);
    expect(
      firstDifference(
        locations.map((one) => log.peek(one)),
        entries,
      ),
    ).toBe(-1);
  });
});

describe('a bucket that is missing', () => {
  it('is named when the log is opened', async () => {
    const error = await failureOf(open(bucketOptions(server, 'nowhere')));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'store-bucket' });
    expect(String(error)).toMatch(/bucket nowhere at .* does not exist: create the bucket/);
  });

  it('is named when it was removed later', async () => {
    const bucket = newBucket(server);
    const log = await open(bucket);
    await rm(join(server.dataFolder, bucket.bucket), { recursive: true });
    const error = await failureOf(log.append([fakeEntry(1)]));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'log-failed' });
    expect(String(error)).toMatch(/does not exist: create the bucket/);
  });
});
