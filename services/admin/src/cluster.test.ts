/** The command on a cluster's stores: segments in an object store, indexes on a real Redis. Needs a build. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeReference, hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import {
  createRedisIndex,
  openFileObjectStore,
  openObjectSegmentLog,
  openRedis,
  type RedisConnection,
  type ScannedEntry,
} from '@mosaic-cluster/store';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { aliceRecord } from '../testing/filled-folder.ts';
import type { RunResult } from '../testing/run-admin.ts';
import { runHere } from '../testing/run-here.ts';

/** Records are this old, so that they must be in the index. */
const AGE_MS = 600_000;
const COMMITS = 12;

// Each test runs processes, and on a busy machine they take their time to start.
vi.setConfig({ testTimeout: 120_000 });

let redis: RedisServer;
let connection: RedisConnection;
let folder: string;
const entries: ScannedEntry[] = [];

beforeAll(async () => {
  redis = await startRedis();
  connection = await openRedis({ urls: [redis.url] });
  folder = await mkdtemp(join(tmpdir(), 'mosaic-admin-cluster-'));
  const store = await openFileObjectStore({ directory: folder });
  let now = Date.now() - AGE_MS;
  const clock = { now: () => (now += 10) };
  for (const role of ['outbox', 'inbox', 'encryption']) {
    const log = await openObjectSegmentLog({ store, role, clock });
    for (let i = 0; i < COMMITS; i++) await log.append(entriesOf([aliceRecord(), aliceRecord()]));
    if (role === 'outbox')
      for await (const each of log.scan(undefined)) entries.push(...each.entries);
    await log.close();
  }
  await store.close();
}, 120_000);
afterAll(async () => {
  await connection.close();
  await redis.stop();
  await rm(folder, { recursive: true });
});

function entriesOf(
  records: readonly RecordView[],
): Parameters<Awaited<ReturnType<typeof openObjectSegmentLog>>['append']>[0] {
  return records.map((record) => ({ record, receivedAt: record.timestamp, held: false }));
}

function admin(...args: string[]): Promise<RunResult> {
  const env = { MOSAIC_OBJECTS: `folder:${folder}`, MOSAIC_REDIS_URLS: redis.url };
  return runHere([...args], { ...env, MOSAIC_ROLES: 'a setting of somebody else' });
}

interface Report {
  readonly found: Readonly<Record<string, number>>;
  readonly findings: readonly { readonly kind: string; readonly id?: string }[];
  readonly roles: { readonly outbox: { readonly found: number; readonly records: number } };
}

async function verified(): Promise<{ code: number | null; report: Report }> {
  const { code, stdout, stderr } = await admin('verify', '--json', '--one-in', '1');
  expect(stderr).toBe('');
  return { code, report: JSON.parse(stdout) as Report };
}

it('makes an index that Redis has lost anew, and finds it whole then', async () => {
  const lost = await verified();
  expect(lost.code).toBe(1);
  expect(lost.report.found).toEqual({ 'index-unusable': 3 });
  const dry = await admin('reindex', '--dry-run');
  expect(dry.stdout).toMatch(/outbox: some \d+ records in 12 segments/);
  expect((await verified()).code).toBe(1);
  const { code, stdout } = await admin('reindex', '--json');
  expect(code).toBe(0);
  const { roles } = JSON.parse(stdout) as { roles: { outbox: { added: number } } };
  expect(roles.outbox.added).toBe(entries.length);
  const whole = await verified();
  expect(whole.report.findings).toEqual([]);
  expect(whole.code).toBe(0);
  expect(whole.report.roles.outbox.found).toBe(entries.length);
  const again = await admin('reindex');
  expect(again.stdout).toContain('outbox: 24 records');
  expect(again.stdout).toContain('0 of them new');
});

it('counts what is held', async () => {
  const { code, stdout } = await admin('stats', '--json', '--kinds', '1');
  expect(code).toBe(0);
  const { roles } = JSON.parse(stdout) as { roles: Record<string, unknown> };
  expect(roles['outbox']).toMatchObject({
    segments: COMMITS,
    records: null,
    indexed: entries.length,
    held: 0,
    indexWhole: true,
    kinds: [{ records: entries.length }],
  });
});

it('brings no record back that an operator removed', async () => {
  const { record } = entries.at(-1)!;
  const id = hexEncode(record.id);
  expect((await admin('records', 'remove', encodeReference(record.id))).code).toBe(0);
  // Nobody serves here who would take it out of the index.
  const told = await verified();
  expect(told.report.findings).toEqual([expect.objectContaining({ kind: 'index-removed', id })]);
  const index = createRedisIndex({ connection, name: 'outbox' });
  await index.remove([entries.pop()!]);
  await index.close();
  expect((await admin('reindex', '--role', 'outbox')).stdout).toContain('0 of them new');
  const { code, report } = await verified();
  expect(code).toBe(0);
  expect(report.roles.outbox).toMatchObject({ removed: 1, found: entries.length });
});

it('names what the index lacks, what leads nowhere, and what is damaged', async () => {
  const index = createRedisIndex({ connection, name: 'outbox' });
  const [first, second] = entries;
  await index.remove([first!]);
  const record = aliceRecord();
  const location = Uint8Array.from(second!.location);
  location.set([0, 0, 9], 10);
  await index.add([{ record, receivedAt: record.timestamp, held: false, location }]);
  await index.close();
  const { code, report } = await verified();
  expect(code).toBe(1);
  const id = hexEncode(first!.record.id);
  expect(report.findings).toContainEqual(expect.objectContaining({ kind: 'index-missing', id }));
  const dangling = hexEncode(record.id.subarray(0, 24));
  expect(report.findings).toContainEqual(
    expect.objectContaining({ kind: 'index-dangling', id: dangling }),
  );
  const dry = await admin('reindex', '--role', 'outbox', '--dry-run');
  expect(dry.stdout).toContain('outbox: 1 entry that led nowhere would be taken out');
  const repaired = await admin('reindex', '--role', 'outbox', '--json');
  const { roles } = JSON.parse(repaired.stdout) as { roles: { outbox: unknown } };
  expect(roles.outbox).toMatchObject({ added: 1, removed: 1 });
  const whole = await verified();
  expect(whole.report.findings).toEqual([]);
  expect(whole.code).toBe(0);
  const directory = join(folder, 'segments', 'outbox');
  const name = (await readdir(directory)).sort()[3]!;
  const bytes = await readFile(join(directory, name));
  bytes[150]! ^= 1;
  await writeFile(join(directory, name), bytes);
  const damaged = await verified();
  expect(damaged.code).toBe(1);
  expect(damaged.report.findings).toContainEqual(
    expect.objectContaining({ kind: 'segment-damaged', segment: `segments/outbox/${name}` }),
  );
});

it('changes nothing where the store has less than the index followed', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'mosaic-admin-empty-'));
  const env = { MOSAIC_OBJECTS: `folder:${empty}`, MOSAIC_REDIS_URLS: redis.url };
  for (const more of [['--dry-run'], []]) {
    const { code, stderr } = await runHere(['reindex', '--role', 'inbox', ...more], env);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/inbox .*further than the segments .* reach: nothing was changed/);
  }
  const index = createRedisIndex({ connection, name: 'inbox' });
  expect(await index.count()).toBe(2 * COMMITS);
  await rm(empty, { recursive: true });
});

it('says what cannot be reached, and which settings contradict each other', async () => {
  const objects = { MOSAIC_OBJECTS: `folder:${folder}` };
  const away = await runHere(['stats'], {
    ...objects,
    MOSAIC_REDIS_URLS: 'redis://127.0.0.1:1',
    MOSAIC_REDIS_TIMEOUT: '300ms',
  });
  expect(away.code).toBe(2);
  expect(away.stderr).toContain('127.0.0.1:1');
  const both = await runHere(['stats'], { ...objects, MOSAIC_DATA_DIR: '/srv/mosaic' });
  expect(both.code).toBe(2);
  expect(both.stderr).toMatch(/MOSAIC_DATA_DIR .* MOSAIC_OBJECTS/);
  const none = await runHere(['stats'], { MOSAIC_REDIS_URLS: redis.url });
  expect(none.code).toBe(2);
  expect(none.stderr).toContain('MOSAIC_S3_BUCKET');
});
