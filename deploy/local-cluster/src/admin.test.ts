/**
 * The operator's command on a whole cluster: what it changes counts for clients of any gateway, and goes
 * on counting when Redis has lost everything. Needs a build.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect, type MosaicClient } from '@mosaic-cluster/client';
import {
  buildRecord,
  coreTag,
  encodeReference,
  encodeUserKey,
  generateSecretKey,
  hexDecode,
  KNOWN_KINDS,
  publicKeyOf,
  type RecordView,
  type TagInput,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type LocalCluster, startLocalCluster } from './local-cluster.ts';

const ADMIN = fileURLToPath(
  new URL('../../../services/admin/bin/mosaic-admin.js', import.meta.url),
);
const WAIT = { timeout: 60_000, interval: 100 };
// Each step runs a process.
vi.setConfig({ testTimeout: 240_000 });

const ALICE = generateSecretKey();
const STRANGER = generateSecretKey();
const alice = encodeUserKey(publicKeyOf(ALICE));

let dataDir: string;
let cluster: LocalCluster;
let anybody: MosaicClient;
let herself: MosaicClient;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mosaic-operator-'));
  cluster = await startLocalCluster({
    dataDir,
    workers: 1,
    workerSettings: { MOSAIC_ADMISSION: 'registered' },
    inboxSettings: { MOSAIC_MODERATION: 'hold-strangers' },
    report: () => {},
  });
  anybody = await connect(targetOf(0));
  herself = await connect({ ...targetOf(1), clientSecretKey: ALICE });
}, 120_000);
afterAll(async () => {
  await Promise.all([anybody?.close(), herself?.close()]);
  await cluster?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

function targetOf(gateway: number): { url: string; serverKey: Uint8Array } {
  const { mtlsUrl, serverKeyHex } = cluster.gateways[gateway]!.facts!;
  return { url: mtlsUrl!, serverKey: hexDecode(serverKeyHex!) };
}

/** Runs the command with the settings of a worker. */
async function admin<Told>(...args: string[]): Promise<Told> {
  const settings = Object.entries(cluster.workers[0]!.spec.settings).filter(([name]) =>
    /^MOSAIC_(S3|REDIS|NATS)_/.test(name),
  );
  const { stdout } = await promisify(execFile)(process.execPath, [ADMIN, ...args, '--json'], {
    env: Object.fromEntries(settings),
  });
  return JSON.parse(stdout) as Told;
}

let clock = Date.now();
function post(secretKey: Uint8Array, tags: readonly TagInput[] = []): RecordView {
  const timestamp = timestampFromMillis((clock += 1));
  const payload = new TextEncoder().encode(`post ${clock}`);
  return buildRecord({ kind: KNOWN_KINDS['microblog-root'], timestamp, secretKey, payload, tags });
}

function toAlice(): RecordView {
  return post(STRANGER, [coreTag({ name: 'notify', key: publicKeyOf(ALICE) })]);
}

async function isTaken(record: RecordView, from = herself): Promise<boolean> {
  return from.publish(record).then(
    () => true,
    () => false,
  );
}

async function isSeen(client: MosaicClient, { id }: RecordView): Promise<boolean> {
  try {
    for await (const _ of client.get([id])) return true;
    return false;
  } catch {
    // An index that is being made anew does not know yet.
    return false;
  }
}

const idOf = ({ id }: RecordView): string => encodeReference(id);

it('registers, moderates and removes for all gateways, and it outlives what Redis knew', async () => {
  const [kept, removed] = [post(ALICE), post(ALICE)];
  expect(await isTaken(kept)).toBe(false);
  await admin('users', 'add', alice, '--as', 'carol', '--note', 'Alice');
  await vi.waitUntil(() => isTaken(kept), WAIT);
  await herself.publish(removed);

  const [good, bad] = [toAlice(), toAlice()];
  // The inbox may hear of her after the outbox did.
  await vi.waitUntil(() => isTaken(good, anybody), WAIT);
  await anybody.publish(bad);
  expect(await isSeen(anybody, good)).toBe(false);
  expect(await isSeen(herself, good)).toBe(true);
  const { records } = await admin<{ records: { id: string }[] }>('moderation', 'list');
  expect(records.map(({ id }) => id)).toEqual([bad, good].map(idOf));
  await admin('moderation', 'approve', idOf(good));
  await vi.waitUntil(() => isSeen(anybody, good), WAIT);
  await admin('moderation', 'reject', '--author', encodeUserKey(publicKeyOf(STRANGER)), '--yes');
  await vi.waitUntil(async () => !(await isSeen(herself, bad)), WAIT);

  await admin('records', 'remove', idOf(removed), '--reason', 'test');
  await vi.waitUntil(async () => !(await isSeen(herself, removed)), WAIT);
  expect(await isTaken(removed)).toBe(false);
  await admin('records', 'restore', idOf(removed));
  await vi.waitUntil(() => isSeen(anybody, removed), WAIT);
  await admin('records', 'remove', idOf(removed));
  await vi.waitUntil(async () => !(await isSeen(herself, removed)), WAIT);
  type Shown = { users: { held: Record<string, { written: { records: number } }> }[] };
  const shown = await admin<Shown>('users', 'show', alice);
  expect(shown.users[0]!.held['outbox']!.written.records).toBe(1);

  await Promise.all(cluster.servers.redis.nodes.map((node) => node.command('FLUSHALL')));
  await vi.waitUntil(() => isSeen(anybody, kept), WAIT);
  await vi.waitUntil(() => isSeen(anybody, good), WAIT);
  expect(await isSeen(herself, bad)).toBe(false);
  expect(await isSeen(herself, removed)).toBe(false);
  await vi.waitUntil(() => isTaken(post(ALICE)), WAIT);
  const { entries } = await admin<{ entries: { action: string }[] }>('audit', 'list');
  expect(entries.map(({ action }) => action)).toEqual([
    'users add',
    'moderation approve',
    'moderation reject',
    'records remove',
    'records restore',
    'records remove',
  ]);
});

it('knows what every process goes by, and who uses most', async () => {
  type Told = { processes: { service: string }[]; differences: unknown[] };
  const { processes, differences } = await admin<Told>('processes');
  const services = processes.map(({ service }) => service);
  expect(services).toEqual(['gateway', 'gateway', 'encryption', 'inbox', 'outbox']);
  expect(differences).toEqual([]);
  type Limits = { busiest: { subject: string; what: string }[]; faults: string[] };
  const { busiest, faults } = await admin<Limits>('limits');
  expect(busiest).toContainEqual(expect.objectContaining({ subject: alice, what: 'connections' }));
  expect(faults).toEqual([]);
});
