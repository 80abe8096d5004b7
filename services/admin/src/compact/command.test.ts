/** `mosaic-admin compact` as operators call it, on an object store and a real Redis. Needs a build. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeReference, type RecordView } from '@mosaic-cluster/protocol';
import { CompactionRuns } from '@mosaic-cluster/role';
import {
  createRedisIndex,
  openFileObjectStore,
  openObjectSegmentLog,
  openRedis,
  openRedisRegistry,
  type RedisConnection,
  type ScannedEntry,
} from '@mosaic-cluster/store';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { aliceRecord } from '../../testing/filled-folder.ts';
import type { RunResult } from '../../testing/run-admin.ts';
import { runHere } from '../../testing/run-here.ts';

const COMMITS = 30;
const DAY_MS = 86_400_000;

// A busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

let redis: RedisServer;
let connection: RedisConnection;
let folder: string;
const entries: ScannedEntry[] = [];

beforeAll(async () => {
  redis = await startRedis();
  connection = await openRedis({ urls: [redis.url] });
  folder = await mkdtemp(join(tmpdir(), 'mosaic-admin-compact-'));
  const store = await openFileObjectStore({ directory: folder });
  let now = Date.now() - DAY_MS;
  const log = await openObjectSegmentLog({
    store,
    role: 'outbox',
    clock: { now: () => (now += 10) },
  });
  for (let i = 0; i <= COMMITS; i++) {
    // The last one is of today.
    if (i === COMMITS) now = Date.now() - 600_000;
    const record = aliceRecord();
    await log.append([{ record, receivedAt: record.timestamp, held: false }]);
  }
  for await (const each of log.scan(undefined)) entries.push(...each.entries);
  await log.close();
  await store.close();
}, 120_000);
afterAll(async () => {
  await connection.close();
  await redis.stop();
  await rm(folder, { recursive: true });
});

function admin(...args: string[]): Promise<RunResult> {
  return runHere(args, { MOSAIC_OBJECTS: `folder:${folder}`, MOSAIC_REDIS_URLS: redis.url });
}

async function compacted(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await admin('compact', '--json', '--role', 'outbox', ...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const { roles } = JSON.parse(stdout) as { roles: { outbox: Record<string, unknown> } };
  return roles.outbox;
}

const segments = async (): Promise<string[]> =>
  (await readdir(join(folder, 'segments', 'outbox'))).sort();

async function holds(path: string, { bytes }: RecordView): Promise<boolean> {
  return (await readFile(path)).includes(Buffer.from(bytes));
}

async function expectWhole(found: number): Promise<void> {
  const { code, stdout } = await admin('verify', '--json', '--one-in', '1', '--role', 'outbox');
  const report = JSON.parse(stdout) as { findings: unknown[]; roles: { outbox: unknown } };
  expect(report.findings).toEqual([]);
  expect(code).toBe(0);
  expect(report.roles.outbox).toMatchObject({ found });
}

it('does nothing where the index is not whole, and says so', async () => {
  const { code, stderr } = await admin('compact', '--role', 'outbox');
  expect(code).toBe(2);
  expect(stderr).toContain('the index of outbox is not whole');
  expect((await admin('reindex')).code).toBe(0);
});

it('says what it would do, and does it', async () => {
  const dry = await admin('compact', '--dry-run');
  expect(dry.code).toBe(0);
  expect(dry.stdout).toMatch(/joined {4}30 segments of .* would be into 1\n/);
  expect(dry.stdout).toContain('Nothing was changed.');
  const cut = await admin('compact', '--dry-run', '--for', '0s');
  expect(cut.stdout).toMatch(/joined {4}0 segments[^]* cut short the time was up/);
  expect(await segments()).toHaveLength(COMMITS + 1);
  const joined = await admin('compact', '--role', 'outbox');
  expect(joined.stdout).toMatch(/joined {4}30 segments of .* into 1 of .*/);
  expect(joined.stdout).toMatch(/waiting {3}30 segments to be deleted/);
  await expectWhole(COMMITS + 1);
  expect(await compacted()).toMatchObject({ joined: 0, deleted: 0, waiting: 30 });
  expect(await compacted('--keep', '0s')).toMatchObject({ deleted: 30, waiting: 0 });
  expect(await segments()).toHaveLength(2);
  await expectWhole(COMMITS + 1);
  // Workers tell it as metrics.
  const store = await openFileObjectStore({ directory: folder });
  const registry = await openRedisRegistry({ connection, store });
  const run = await new CompactionRuns(registry).last('outbox');
  expect(run).toMatchObject({ deleted: 30, damages: 0, sizes: { tiny: 2, large: 0 } });
  await registry.close();
  await store.close();
  const { stdout } = await admin('stats', '--json', '--role', 'outbox');
  expect(JSON.parse(stdout)).toMatchObject({ roles: { outbox: { segments: 2, indexed: 31 } } });
});

it('leads an index that is made anew, or comes from long ago, to what was joined', async () => {
  const index = createRedisIndex({ connection, name: 'outbox' });
  await index.remove(entries.slice(0, 5));
  await index.add(entries.slice(0, 5));
  await expectWhole(COMMITS + 1);
  await redis.command('FLUSHALL');
  expect((await admin('reindex')).code).toBe(0);
  await expectWhole(COMMITS + 1);
  await index.close();
});

it('takes what was removed from the disk once the time for regrets is over', async () => {
  const [{ record }] = entries as [ScannedEntry];
  const [name] = (await segments()) as [string];
  expect((await admin('records', 'remove', encodeReference(record.id))).code).toBe(0);
  const index = createRedisIndex({ connection, name: 'outbox' });
  await index.remove(entries.slice(0, 1));
  await index.close();
  const place = join(folder, 'segments', 'outbox');
  expect(await compacted()).toMatchObject({ runs: 0, isSwept: false });
  expect(await holds(join(place, name), record)).toBe(true);
  // Until then it can be put back, from where it was before it was joined.
  const restored = async (): Promise<string> =>
    (await admin('records', 'restore', '--dry-run', encodeReference(record.id))).stdout;
  expect(await restored()).toContain('1 restored');
  const swept = await compacted('--grace', '0s', '--keep', '0s');
  expect(swept).toMatchObject({ isSwept: true, runs: 1, leftOut: { removed: 1, replaced: 0 } });
  expect(await compacted('--grace', '0s', '--keep', '0s')).toMatchObject({ deleted: 1 });
  for (const each of await segments()) {
    expect(await holds(join(place, each), record)).toBe(false);
  }
  expect(await restored()).toContain('1 let in again');
  await expectWhole(COMMITS);
});

it('refuses what it cannot do, and names damage', async () => {
  const [name] = (await segments()) as [string];
  const path = join(folder, 'segments', 'outbox', name);
  const bytes = await readFile(path);
  const damaged = Buffer.from(bytes);
  damaged[200]! ^= 1;
  await writeFile(path, damaged);
  const { code, stdout } = await admin('compact', '--role', 'outbox', '--sweep', 'always');
  expect(code).toBe(1);
  expect(stdout).toMatch(/damaged .*checksum/);
  await writeFile(path, bytes);
  const embedded = await runHere(['compact', '--data', folder]);
  expect(embedded.code).toBe(2);
  const odd = await admin('compact', '--age', 'long');
  expect(odd.code).toBe(2);
  expect(odd.stderr).toContain('Give a duration');
});
