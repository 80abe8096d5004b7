/** The embedded server's segment files lose what was removed or replaced, and nothing else. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import {
  type FileSegmentLog,
  type IndexEnvironment,
  openFileObjectStore,
  openIndexEnvironment,
  openMemoryRegistry,
  openSegmentLog,
  type RecordIndex,
  type Rewritten,
} from '@mosaic-cluster/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { kind, moment, nonce, person, record } from '../../testing/people.ts';
import { IndexWriter } from '../index-writer.ts';
import { KeyDirectory } from '../key-directory.ts';
import { rebuildIndex } from '../rebuild.ts';
import { RemovalFollower } from '../removal-follower.ts';
import { RemovedRecords } from '../removed-records.ts';
import { SegmentRewriter } from './segment-rewriter.ts';

const DAY_MS = 86_400_000;
const ALICE = person(0);
const REPLACEABLE = kind({ duplicateHandling: 'replaceable' });

let folder: string;
let environment: IndexEnvironment;
let log: FileSegmentLog;
let index: RecordIndex;
let directory: KeyDirectory;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-rewriter-'));
  log = await openSegmentLog({
    directory: join(folder, 'segments'),
    role: 'outbox',
    segmentBytesMax: 16_384,
    freeBytesMin: 0,
  });
  environment = await openIndexEnvironment({ directory: join(folder, 'index') });
  index = environment.index('outbox');
  directory = new KeyDirectory([{ index, log }]);
});
afterEach(async () => {
  await environment.close();
  await log.close();
  await rm(folder, { recursive: true });
});

async function visible(of: RecordIndex): Promise<string[]> {
  const entries = await of.scan({ path: 'all' }, { limit: 100_000 });
  const read = await log.read(entries.map(({ location }) => location));
  return read.map((entry) => hexEncode(entry.record.id));
}

async function isOnDisk({ bytes }: RecordView): Promise<boolean> {
  const place = join(folder, 'segments');
  const files = await Promise.all(
    (await readdir(place)).map((name) => readFile(join(place, name))),
  );
  return files.some((file) => file.includes(Buffer.from(bytes)));
}

it('takes out what is old enough, when something is to go, and says so', async () => {
  let nowMs = Date.now();
  const clock = { now: (): number => nowMs };
  const store = await openFileObjectStore({ directory: join(folder, 'objects') });
  const registry = await openMemoryRegistry({ store, now: clock.now });
  const removed = new RemovedRecords(registry, 'outbox');
  const writer = new IndexWriter({ index, log, directory, removed });
  const records: RecordView[] = [];
  for (let i = 0; i < 120; i++) {
    // Every third is a version of one of four.
    const isVersion = i % 3 === 0;
    const kinds = isVersion ? { kind: REPLACEABLE, nonce: nonce(i % 4) } : {};
    const each = record(ALICE, { timestamp: moment(i), payload: new Uint8Array(300), ...kinds });
    records.push(each);
    const entry = { record: each, receivedAt: moment(i), held: false };
    const { locations, end } = await log.append([entry]);
    await writer.add([{ ...entry, location: locations[0]! }], end);
  }
  const done: Rewritten[] = [];
  const errors: unknown[] = [];
  const rewriter = new SegmentRewriter({
    role: 'outbox',
    log,
    index,
    directory,
    removed,
    store,
    graceMs: 7 * DAY_MS,
    bytesPerSecond: 1e12,
    clock,
    onRewritten: (each) => done.push(each),
    onError: (error) => errors.push(error),
  });
  const before = await visible(index);
  // The records are of last year, so what was replaced may go.
  expect(await rewriter.look()).toBeGreaterThan(2);
  expect(done.reduce((sum, { leftOut }) => sum + leftOut.replaced, 0)).toBeGreaterThan(20);
  expect(await visible(index)).toEqual(before);
  expect(await isOnDisk(records[0]!)).toBe(false);
  expect(await isOnDisk(records[1]!)).toBe(true);
  // Nothing is due for a month.
  expect(await rewriter.look()).toBe(0);
  const [, gone] = records as [RecordView, RecordView];
  await removed.remove([gone.id]);
  const follower = new RemovalFollower({ index, log, directory, removed });
  await follower.followUp([gone.id]);
  await follower.close();
  nowMs += 2 * DAY_MS;
  expect(await rewriter.look()).toBe(0);
  expect(await isOnDisk(gone)).toBe(true);
  nowMs += 6 * DAY_MS;
  expect(await rewriter.look()).toBe(1);
  expect(await isOnDisk(gone)).toBe(false);
  const after = before.filter((id) => id !== hexEncode(gone.id));
  expect(await visible(index)).toEqual(after);
  expect(errors).toEqual([]);
  const anew = environment.index('anew');
  await rebuildIndex({ index: anew, log, directory, removed, isFresh: true });
  expect(await visible(anew)).toEqual(after);
  await rewriter.close();
  await registry.close();
  await store.close();
});

it('leaves everything where another index, made anew and not in use yet, still leads', async () => {
  const store = await openFileObjectStore({ directory: join(folder, 'objects') });
  const registry = await openMemoryRegistry({ store });
  const removed = new RemovedRecords(registry, 'outbox');
  const anew = environment.index('anew');
  const [writer, behind] = [index, anew].map(
    (each) => new IndexWriter({ index: each, log, directory, removed }),
  );
  let first: RecordView | undefined;
  for (let i = 0; i < 120; i++) {
    const kinds = { kind: REPLACEABLE, nonce: nonce(i % 4) };
    const each = record(ALICE, { timestamp: moment(i), payload: new Uint8Array(600), ...kinds });
    first ??= each;
    const entry = { record: each, receivedAt: moment(i), held: false };
    const { locations, end } = await log.append([entry]);
    await writer!.add([{ ...entry, location: locations[0]! }], end);
    if (i < 10) await behind!.add([{ ...entry, location: locations[0]! }], end);
  }
  let heldFrom = 0;
  let asks = 0;
  let asked = 0;
  const rewriter = new SegmentRewriter({
    role: 'outbox',
    log,
    index,
    directory,
    removed,
    store,
    graceMs: 7 * DAY_MS,
    bytesPerSecond: 1e12,
    isHeld: async () => asks++ >= heldFrom,
    isBusy: () => {
      asked += 1;
      return false;
    },
  });
  expect(await rewriter.look()).toBe(0);
  // Begun while a segment is looked through.
  heldFrom = asks + 1;
  await expect(rewriter.look()).rejects.toMatchObject({ code: 'segments-held' });
  expect(await isOnDisk(first!)).toBe(true);
  heldFrom = 0;
  expect(await behind!.replay(() => undefined)).toBe(110);
  expect(await visible(anew)).toEqual(await visible(index));
  heldFrom = Infinity;
  expect(await rewriter.look()).toBeGreaterThan(2);
  // Not for each commit: its own work would look like that of others, and each time it would pause.
  expect(asked).toBeLessThan(3);
  await rewriter.close();
  await registry.close();
  await store.close();
});
