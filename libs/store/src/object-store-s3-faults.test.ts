/** What the S3 adapter makes of a server that is slow, in trouble, missing, or not what it should be. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { type S3Server, startS3 } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import { openS3ObjectStore, type S3ObjectStoreOptions } from './object-store-s3.ts';
import { bucketOptions, type Fate, FaultyProxy, newBucket } from './object-store-s3-fixture.ts';
import { failureOf } from './segment-log-fixture.ts';

let server: S3Server;
let proxy: FaultyProxy;
let proxyUrl = '';
const opened: ObjectStore[] = [];

beforeAll(async () => {
  server = await startS3();
}, 300_000);
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = new FaultyProxy(server.url);
  proxyUrl = await proxy.start();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  await proxy.close();
});

async function open(options: Partial<S3ObjectStoreOptions> = {}): Promise<ObjectStore> {
  const store = await openS3ObjectStore({
    ...newBucket(server),
    endpoint: proxyUrl,
    random: () => 0,
    ...options,
  });
  opened.push(store);
  return store;
}

/** Lets the first requests of a method meet these fates, one each. */
function first(method: string, ...fates: Fate[]): void {
  proxy.decide = (passing) => (passing.method === method ? (fates.shift() ?? 'pass') : 'pass');
}

const SLOW_DOWN: Fate = { status: 503, code: 'SlowDown' };
const INTERNAL: Fate = { status: 500, code: 'InternalError' };

describe('S3 in trouble', () => {
  it('is asked again after errors, throttling, lost and broken answers', async () => {
    const store = await open();
    const bytes = randomBytes(100_000);
    first('PUT', SLOW_DOWN, INTERNAL, { status: 409, code: 'ConditionalRequestConflict' });
    await store.put('a', bytes);
    first('GET', 'cut-answer', 'lose-answer', SLOW_DOWN);
    expect(Buffer.compare(await store.get('a'), bytes)).toBe(0);
    first('GET', INTERNAL);
    expect((await store.list({ prefix: '' })).objects).toHaveLength(1);
    first('HEAD', { status: 503, code: '' });
    expect(await store.head('a')).toBeDefined();
    first('POST', INTERNAL);
    await store.delete(['a']);
    expect(await store.head('a')).toBeUndefined();
  });

  it('is given up after so many attempts', async () => {
    const store = await open({ attemptsMax: 3 });
    proxy.decide = () => SLOW_DOWN;
    const throttled = { kind: 'unavailable', code: 'store-throttled', retryable: true };
    expect(await failureOf(store.put('a', randomBytes(9)))).toMatchObject(throttled);
    expect(proxy.seen).toHaveLength(3);
    proxy.decide = () => INTERNAL;
    const failed = { kind: 'unavailable', code: 'store-failed', retryable: true };
    expect(await failureOf(store.get('a'))).toMatchObject(failed);
    expect(proxy.seen).toHaveLength(6);
  });

  it('is not asked again where that cannot help', async () => {
    const store = await open();
    for (const [status, code] of [
      [403, 'AccessDenied'],
      [400, 'InvalidRequest'],
      [404, 'NoSuchKey'],
      [507, 'InsufficientCapacity'],
    ] as const) {
      const before = proxy.seen.length;
      proxy.decide = () => ({ status, code });
      await failureOf(store.get('a'));
      expect(proxy.seen.length - before).toBe(1);
    }
  });

  it('pauses longer and longer, and longest where it is throttled', async () => {
    const pauses = async (fate: Fate): Promise<number> => {
      const store = await open({ attemptsMax: 3, random: () => 0.1 });
      proxy.decide = () => fate;
      const startMs = performance.now();
      await failureOf(store.get('a'));
      return performance.now() - startMs;
    };
    // A tenth of 100 + 200 and of 800 + 1,600 milliseconds.
    expect(await pauses(INTERNAL)).toBeGreaterThanOrEqual(29);
    expect(await pauses(SLOW_DOWN)).toBeGreaterThanOrEqual(239);
  });

  it('may have written what it did not answer to: the repeated request says so', async () => {
    const store = await open();
    const bytes = randomBytes(64);
    first('PUT', 'lose-answer');
    expect(await failureOf(store.put('a', bytes))).toMatchObject({ code: 'object-exists' });
    expect(Buffer.compare(await store.get('a'), bytes)).toBe(0);
  });

  it('refuses what was damaged on the way, and gets it again', async () => {
    const store = await open();
    const bytes = randomBytes(5000);
    first('PUT', 'damage');
    await store.put('a', bytes);
    expect(proxy.seen.filter(({ method }) => method === 'PUT')).toHaveLength(2);
    expect(Buffer.compare(await store.get('a'), bytes)).toBe(0);
    proxy.decide = () => 'damage';
    expect(await failureOf(store.put('b', bytes))).toMatchObject({ kind: 'unavailable' });
    proxy.decide = () => 'pass';
    expect(await store.head('b')).toBeUndefined();
  });
});

describe('S3 that does not answer', () => {
  it('is given up after the time of a request, and asked again', async () => {
    const store = await open({ requestTimeoutMs: 150 });
    first('PUT', 'swallow');
    await store.put('a', randomBytes(10));
    first('GET', 'swallow');
    expect(await store.get('a')).toHaveLength(10);
  });

  it('is given up after the time of a call', async () => {
    const store = await open({ requestTimeoutMs: 60_000, callTimeoutMs: 200 });
    proxy.decide = () => 'swallow';
    const timeout = { kind: 'unavailable', code: 'store-timeout', retryable: true };
    expect(await failureOf(store.put('a', randomBytes(10)))).toMatchObject(timeout);
  });

  it('is not waited for by a caller who gave up', async () => {
    const store = await open();
    const controller = new AbortController();
    proxy.decide = () => {
      controller.abort();
      return 'swallow';
    };
    const error = await failureOf(store.get('a', undefined, { signal: controller.signal }));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'store-aborted' });
  });

  it('is named where nobody listens', async () => {
    const store = await open({ endpoint: 'http://127.0.0.1:1', attemptsMax: 2 });
    const error = await failureOf(store.put('a', randomBytes(10)));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'store-unreachable' });
    expect(String(error)).toMatch(/http:\/\/127\.0\.0\.1:1 cannot be reached .*ECONNREFUSED/);
  });
});

describe('the test at the start', () => {
  async function complaint(store: ObjectStore): Promise<string> {
    const error = await failureOf(store.selfTest());
    expect(error).toMatchObject({ kind: 'unavailable', code: 'store-self-test' });
    return (error as Error).message;
  }

  it('names a bucket that is missing', async () => {
    const store = await open({ ...bucketOptions(server, 'no-such-bucket') });
    expect(await complaint(store)).toMatch(
      /bucket no-such-bucket at http:\/\/127\.0\.0\.1:\d+ cannot be used: listing .*create the bucket/,
    );
  });

  it('names wrong credentials without showing them', async () => {
    const secretAccessKey = 'this-is-a-very-secret-key';
    const credentials = { accessKeyId: 'SOMEBODY', secretAccessKey };
    const store = await open({ credentials });
    const error = await failureOf(store.selfTest());
    expect(String(error)).toMatch(/refuses the credentials/);
    for (const shown of [inspect(error, { depth: 9 }), inspect(store, { depth: 9 })]) {
      expect(shown).not.toContain(secretAccessKey);
      expect(shown).not.toContain('SOMEBODY');
      expect(shown).not.toMatch(/Signature=/);
    }
  });

  it('does not show a password in the address', async () => {
    const endpoint = proxyUrl.replace('//', '//user:pass-word@');
    const store = await open({ endpoint });
    expect(store.name).not.toContain('pass-word');
  });

  it.each([
    ['PUT', /writing does not work .*s3:PutObject/],
    ['POST', /deleting does not work .*s3:DeleteObject/],
  ])('names a permission that is missing for %s', async (method, expected) => {
    const store = await open();
    proxy.decide = (passing) =>
      passing.method === method ? { status: 403, code: 'AccessDenied' } : 'pass';
    expect(await complaint(store)).toMatch(expected);
  });

  it('refuses a store that overwrites', async () => {
    const store = await open();
    let puts = 0;
    proxy.decide = ({ method }) => {
      puts += method === 'PUT' ? 1 : 0;
      return method === 'PUT' && puts === 3 ? { answer: 200 } : 'pass';
    };
    expect(await complaint(store)).toMatch(/If-None-Match/);
    proxy.decide = () => 'pass';
    expect((await store.list({ prefix: '' })).objects).toEqual([]);
  });
});
