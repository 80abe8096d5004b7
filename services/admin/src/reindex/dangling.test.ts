/** Entries that lead nowhere are found and taken out, and no others, whatever happens meanwhile. */
import { encodeKind, h64, hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import {
  createRedisIndex,
  type IndexAddition,
  openFileObjectStore,
  openObjectLogReader,
  openObjectSegmentLog,
  openRedis,
  type RedisConnection,
  type RedisRecordIndex,
  type ScannedEntry,
} from '@mosaic-cluster/store';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aliceRecord } from '../../testing/filled-folder.ts';
import { countDangling, removeDangling } from './dangling.ts';

const REPLACEABLE = encodeKind({
  applicationId: 99,
  applicationKind: 7,
  duplicateHandling: 'replaceable',
  audience: 'everybody',
  printable: false,
});
const GOOD = 40;

let redis: RedisServer;
let connection: RedisConnection;
let folder: string;
let index: RedisRecordIndex;
let good: readonly ScannedEntry[];
let log: Awaited<ReturnType<typeof openObjectLogReader>>;
let indexes = 0;

beforeAll(async () => {
  redis = await startRedis();
  connection = await openRedis({ urls: [redis.url] });
  folder = await mkdtemp(join(tmpdir(), 'mosaic-dangling-'));
  const store = await openFileObjectStore({ directory: folder });
  const written = await openObjectSegmentLog({ store, role: 'outbox' });
  const records = Array.from({ length: GOOD }, (_, n) => recordOf(n % 2 === 0));
  await written.append(
    records.map((record) => ({ record, receivedAt: record.timestamp, held: false })),
  );
  await written.close();
  log = await openObjectLogReader({ store, role: 'outbox' });
  const entries: ScannedEntry[] = [];
  for await (const commit of log.scan(undefined)) entries.push(...commit.entries);
  good = entries;
}, 120_000);
afterAll(async () => {
  await connection.close();
  await redis.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  indexes += 1;
  index = createRedisIndex({ connection, name: `dangling-${indexes}` });
  await index.add(good.map(additionOf));
});

function recordOf(isReplaceable: boolean): RecordView {
  return aliceRecord(isReplaceable ? { kind: REPLACEABLE } : {});
}

function additionOf({ record, receivedAt, location, held }: ScannedEntry): IndexAddition {
  return { record, receivedAt, location, held };
}

/** Leads to where nothing is: to another record, or to a segment that is not there. */
function lost(record: RecordView, n: number): IndexAddition {
  const location = Uint8Array.from(good[n % GOOD]!.location);
  if (n % 3 === 0) location.set(h64(record.id).subarray(0, 6));
  return { record, receivedAt: record.timestamp, held: n % 5 === 0, location };
}

function options(signal = new AbortController().signal): Parameters<typeof countDangling>[0] {
  return { index, log, signal, onProgress: () => {} };
}

function claim(): {
  note: (name: string, value: Uint8Array) => Promise<void>;
  notes: Map<string, Uint8Array>;
} {
  const notes = new Map<string, Uint8Array>();
  return { notes, note: async (name, value) => void notes.set(name, value) };
}

async function found(): Promise<string[]> {
  const entries = await index.scan({ path: 'all' }, { limit: 10_000 });
  return entries.map(({ position }) => hexEncode(position)).toSorted();
}

const positions = (): string[] =>
  good.map(({ record }) => hexEncode(record.id.subarray(0, 24))).toSorted();

describe('entries that lead nowhere', { timeout: 60_000 }, () => {
  it('are counted, taken out, and seen on no path', async () => {
    const records = Array.from({ length: 31 }, (_, n) => recordOf(n % 2 === 0));
    await index.add(records.map(lost));
    expect(await countDangling(options())).toBe(records.length);
    expect(await found()).toHaveLength(GOOD + records.length);
    expect(await removeDangling(options(), claim())).toBe(records.length);
    expect(await found()).toEqual(positions());
    expect(await index.count()).toBe(GOOD);
    expect(await countDangling(options())).toBe(0);
    const [{ author }] = records as [RecordView];
    for (const path of [
      { path: 'received' },
      { path: 'held' },
      { path: 'author', author },
    ] as const) {
      const length = path.path === 'held' ? 0 : GOOD;
      expect(await index.scan(path, { limit: 10_000 }), path.path).toHaveLength(length);
    }
    // What comes again after all is taken as if it had never been there.
    const again = await index.add(
      records.map((record, n) => ({ ...lost(record, n), location: good[0]!.location })),
    );
    expect(new Set(again)).toEqual(new Set(['added']));
  });

  it('go on where an interrupted run was', async () => {
    await index.add(Array.from({ length: 5 }, (_, n) => lost(recordOf(false), n)));
    const stopped = new AbortController();
    const own = claim();
    const interrupted = removeDangling(
      { ...options(stopped.signal), onProgress: () => stopped.abort() },
      own,
    );
    await expect(interrupted).rejects.toMatchObject({ code: 'interrupted' });
    expect([...own.notes.keys()]).toEqual([':dangling all']);
    await removeDangling(options(), own);
    expect(await found()).toEqual(positions());
    expect(
      await removeDangling({ ...options(), onProgress: () => expect.fail('looked again') }, own),
    ).toBe(0);
  });

  it('stay where they were mended since they were seen', async () => {
    const record = recordOf(false);
    const wrong = lost(record, 0);
    await index.add([wrong]);
    const [seen] = await index.scan({ path: 'all' }, { limit: 1 });
    expect(hexEncode(seen!.position)).toBe(hexEncode(record.id.subarray(0, 24)));
    await index.remove([wrong]);
    await index.add([{ ...wrong, location: good[3]!.location }]);
    expect(await index.evict([seen!])).toBe(0);
    expect(await found()).toHaveLength(GOOD + 1);
  });
});
