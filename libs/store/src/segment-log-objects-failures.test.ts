/** What the log on an object store does when the store refuses, is slow, or holds what it should not. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';
import { afterAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import {
  failureOf,
  fakeEntries,
  fakeEntry,
  firstDifference,
  flipped,
  isSameEntry,
  itemAt,
  scanAll,
  TestFolders,
} from './segment-log-fixture.ts';
import {
  type ObjectSegmentLog,
  type ObjectSegmentLogOptions,
  openObjectSegmentLog,
} from './segment-log-objects.ts';
import type { SegmentWarning } from './segment-warning.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

type Put = (store: ObjectStore, ...call: Parameters<ObjectStore['put']>) => Promise<void>;

interface Opened {
  readonly log: ObjectSegmentLog;
  readonly directory: string;
  readonly segments: string;
  readonly warnings: SegmentWarning[];
  /** How the store writes. */
  put: Put;
  /** Lets the log's clocks run. */
  readonly pass: (ms: number) => void;
}

const NORMAL: Put = (store, ...call) => store.put(...call);

async function open(
  options: Partial<ObjectSegmentLogOptions> = {},
  directory?: string,
): Promise<Opened> {
  const folder = directory ?? (await folders.next());
  const store = await openFileObjectStore({ directory: folder });
  const warnings: SegmentWarning[] = [];
  let passedMs = 0;
  const puttable: ObjectStore = {
    name: 'the store',
    put: (...call) => opened.put(store, ...call),
    get: (...call) => store.get(...call),
    head: (...call) => store.head(...call),
    list: (...call) => store.list(...call),
    delete: (...call) => store.delete(...call),
    selfTest: () => store.selfTest(),
    close: () => store.close(),
  };
  const log = await openObjectSegmentLog({
    store: puttable,
    role: 'outbox',
    commitIntervalMs: 0,
    clock: { now: () => 1_790_000_000_000 + passedMs },
    monotonicMs: () => passedMs,
    onWarning: (_, warning) => warnings.push(warning),
    ...options,
  });
  const opened: Opened = {
    log,
    directory: folder,
    segments: join(folder, 'segments/outbox'),
    warnings,
    put: NORMAL,
    pass: (ms) => {
      passedMs += ms;
    },
  };
  return opened;
}

function storeDown(): Promise<never> {
  return Promise.reject(new MosaicError('unavailable', 'store-unreachable', 'nobody there'));
}

/** Holds every write until it is let go, in any order. */
function gate(): {
  put: Put;
  release: (n: number) => Promise<void>;
  fail: (n: number) => void;
  held: number;
} {
  const held: { go: () => Promise<void>; fail: () => void }[] = [];
  return {
    put: (store, ...call) =>
      new Promise((resolve, reject) => {
        held.push({
          go: () => store.put(...call).then(resolve, reject),
          fail: () => reject(new MosaicError('unavailable', 'store-failed', 'it broke')),
        });
      }),
    release: (n) => itemAt(held, n).go(),
    fail: (n) => itemAt(held, n).fail(),
    get held() {
      return held.length;
    },
  };
}

const sorted = (texts: readonly string[]): string[] => texts.toSorted((a, b) => (a < b ? -1 : 1));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a store that refuses', () => {
  it('makes the log refuse, until an append that tries again succeeds', async () => {
    const opened = await open();
    const { log, warnings, pass } = opened;
    await log.append([fakeEntry(1)]);
    opened.put = storeDown;
    const unavailable = { kind: 'unavailable', code: 'log-failed', retryable: true };
    const error = await failureOf(log.append([fakeEntry(2)]));
    expect(error).toMatchObject(unavailable);
    expect(String(error)).toMatch(/writing to the store failed \(nobody there\)/);
    expect(log.state).toMatchObject({ writable: false });
    opened.put = NORMAL;
    expect(await failureOf(log.append([fakeEntry(3)]))).toMatchObject(unavailable);
    pass(1000);
    await log.append([fakeEntry(4)]);
    expect(log.state).toEqual({ writable: true });
    expect(warnings.map(({ event }) => event)).toEqual(['not-writable', 'writable-again']);
    expect(firstDifference(await scanAll(log), [fakeEntry(1), fakeEntry(4)])).toBe(-1);
    await log.close();
  });

  it('is said to be full where it is', async () => {
    const opened = await open();
    opened.put = () => Promise.reject(new MosaicError('unavailable', 'store-full', 'make room'));
    const full = { kind: 'unavailable', code: 'log-full' };
    expect(await failureOf(opened.log.append([fakeEntry(1)]))).toMatchObject(full);
    await opened.log.close();
  });

  it('fails what waits, but not what is on its way', async () => {
    const opened = await open({ putsMax: 2, commitEntriesMax: 1 });
    const held = gate();
    opened.put = held.put;
    const appends = [1, 2, 3].map((seed) => opened.log.append([fakeEntry(seed)]));
    await expect.poll(() => held.held).toBe(2);
    held.fail(0);
    expect(await failureOf(appends[0]!)).toMatchObject({ kind: 'unavailable' });
    expect(await failureOf(appends[2]!)).toMatchObject({ kind: 'unavailable' });
    await held.release(1);
    const { locations } = await itemAt(appends, 1);
    expect(firstDifference(await opened.log.read(locations), [fakeEntry(2)])).toBe(-1);
    expect(opened.log.state).toEqual({ writable: true });
    await opened.log.close();
  });

  it('fails an append of which one part was not written', async () => {
    const opened = await open({ putsMax: 3, commitEntriesMax: 2 });
    const held = gate();
    opened.put = held.put;
    const append = opened.log.append(fakeEntries(1, 5));
    await expect.poll(() => held.held).toBe(3);
    await held.release(2);
    held.fail(1);
    await held.release(0);
    expect(await failureOf(append)).toMatchObject({ kind: 'unavailable' });
    opened.put = NORMAL;
    opened.pass(1000);
    await opened.log.append(fakeEntries(1, 5));
    expect(await scanAll(opened.log)).toHaveLength(3 + 5);
    await opened.log.close();
  });
});

describe('a slow store', () => {
  it('has several commits on their way, whose results come in order', async () => {
    const opened = await open({ putsMax: 3, commitEntriesMax: 1 });
    const held = gate();
    opened.put = held.put;
    const done: number[] = [];
    const appends = [0, 1, 2, 3].map(async (n) => {
      const appended = await opened.log.append([fakeEntry(n)]);
      done.push(n);
      return appended;
    });
    await expect.poll(() => held.held).toBe(3);
    await held.release(2);
    await held.release(1);
    await turn();
    expect(done).toEqual([]);
    await held.release(0);
    await expect.poll(() => held.held).toBe(4);
    await held.release(3);
    const ends = (await Promise.all(appends)).map(({ end }) => Buffer.from(end).toString('hex'));
    expect(done).toEqual([0, 1, 2, 3]);
    expect(ends).toEqual(sorted(ends));
    expect(new Set(ends).size).toBe(4);
    await opened.log.close();
  });

  it('does not count what it wrote too late', async () => {
    const opened = await open({ putTimeoutMs: 1000, lateMs: 1000 });
    const { log, pass } = opened;
    opened.put = async (store, ...call) => {
      await store.put(...call);
      pass(1001);
    };
    expect(await failureOf(log.append([fakeEntry(1)]))).toMatchObject({ code: 'log-failed' });
    await log.close();
  });

  it('is given up after a while', async () => {
    const opened = await open({ putTimeoutMs: 50, lateMs: 50 });
    opened.put = (_, key, bytes, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => {
          reject(new MosaicError('unavailable', 'store-aborted', `${key} ${bytes.length}`));
        });
      });
    expect(await failureOf(opened.log.append([fakeEntry(1)]))).toMatchObject({
      kind: 'unavailable',
    });
    await opened.log.close();
  });

  it('gets one commit of what gathers in the meantime', async () => {
    const opened = await open({ commitIntervalMs: 20, monotonicMs: () => performance.now() });
    const appends: Promise<unknown>[] = [];
    for (let i = 0; i < 50; i++) {
      appends.push(opened.log.append([fakeEntry(i)]));
      await turn();
    }
    await Promise.all(appends);
    expect((await readdir(opened.segments)).length).toBeLessThan(12);
    await opened.log.close();
  });
});

describe('a key that is taken', () => {
  it('is ours where only the answer was lost', async () => {
    const opened = await open();
    opened.put = async (store, ...call) => {
      await store.put(...call);
      await store.put(...call);
    };
    const { locations } = await opened.log.append([fakeEntry(1)]);
    expect(firstDifference(await opened.log.read(locations), [fakeEntry(1)])).toBe(-1);
    expect(await readdir(opened.segments)).toHaveLength(1);
    await opened.log.close();
  });

  it('is left to the other writer, and nothing is lost', async () => {
    const directory = await folders.next();
    const draws = [7, 7, 7, 8, 9];
    const drawWriter = (): number => draws.shift() ?? 0;
    const all = [];
    for (let i = 0; i < 3; i++) all.push((await open({ drawWriter }, directory)).log);
    const appends = all.map((log, i) => log.append([fakeEntry(i)]));
    const locations = (await Promise.all(appends)).flatMap((appended) => appended.locations);
    const expected = all.map((_, i) => fakeEntry(i));
    for (const log of all) expect(firstDifference(await log.read(locations), expected)).toBe(-1);
    expect(await readdir(join(directory, 'segments/outbox'))).toHaveLength(3);
    await Promise.all(all.map((log) => log.close()));
  });
});

describe('segments that are not as they were written', () => {
  it('are named, at whichever byte', async () => {
    const opened = await open();
    const { log, segments } = opened;
    await log.append(fakeEntries(1, 3, 8));
    const [name = ''] = await readdir(segments);
    const path = join(segments, name);
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at += 5) {
      await writeFile(path, flipped(bytes, at, 1 << (at % 8)));
      const error = await failureOf(scanAll(log));
      expect(error).toMatchObject({ kind: 'corrupt', code: 'segment' });
      expect(String(error)).toContain(name);
    }
    for (const length of [0, 63, 64, 100, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      expect(await failureOf(scanAll(log))).toMatchObject({ kind: 'corrupt', code: 'segment' });
    }
    await writeFile(path, Buffer.concat([bytes, Buffer.alloc(8)]));
    expect(await failureOf(scanAll(log))).toMatchObject({ kind: 'corrupt', code: 'segment' });
    await log.close();
  });

  it('are noticed under another key and with another role', async () => {
    const { log, segments, directory } = await open();
    await log.append([fakeEntry(1)]);
    const [name = ''] = await readdir(segments);
    const bytes = await readFile(join(segments, name));
    const other = name.replace(/-.{8}/, '-00000001');
    await writeFile(join(segments, other), bytes);
    expect(await failureOf(scanAll(log))).toMatchObject({ kind: 'corrupt' });
    await rm(join(segments, other));
    const inbox = await open({ role: 'inbox' }, directory);
    await inbox.log.append([fakeEntry(2)]);
    await writeFile(join(directory, 'segments/inbox', name), bytes);
    expect(await failureOf(scanAll(inbox.log))).toMatchObject({ kind: 'corrupt' });
    await Promise.all([log.close(), inbox.log.close()]);
  });

  it('are told from those that are gone', async () => {
    const { log, segments } = await open({ cacheBytesMax: 0 });
    const { locations } = await log.append([fakeEntry(1)]);
    for (const name of await readdir(segments)) await rm(join(segments, name));
    const gone = { kind: 'not-found', code: 'segment' };
    expect(await failureOf(log.read(locations))).toMatchObject(gone);
    await log.close();
  });

  it('are told from what does not belong there', async () => {
    const { log, segments, warnings } = await open();
    await log.append([fakeEntry(1)]);
    await writeFile(join(segments, 'README'), 'hello');
    expect(await scanAll(log)).toHaveLength(1);
    expect(warnings).toEqual([{ event: 'foreign-file', file: 'segments/outbox/README' }]);
    await log.close();
  });
});

describe('the cache', () => {
  it('stays within its bound and loses nothing', async () => {
    const cacheBytesMax = 600_000;
    const { log } = await open({ cacheBytesMax });
    const entries = fakeEntries(1, 60, 40_000);
    const locations = [];
    for (let i = 0; i < entries.length; i += 10) {
      locations.push(...(await log.append(entries.slice(i, i + 10))).locations);
      expect(log.cachedBytes).toBeLessThanOrEqual(cacheBytesMax);
    }
    expect(firstDifference(await log.read(locations), entries)).toBe(-1);
    expect(log.cachedBytes).toBeLessThanOrEqual(cacheBytesMax);
    expect(log.cachedBytes).toBeGreaterThan(cacheBytesMax / 4);
    await log.read([itemAt(locations, 0)]);
    expect(isSameEntry(log.peek(itemAt(locations, 0)), itemAt(entries, 0))).toBe(true);
    await log.close();
  });
});
