/** `mosaic-admin moderation` beside a running server: what is decided counts for everybody. Needs a build. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type MosaicClient } from '@mosaic-cluster/client';
import {
  buildFilter,
  coreTag,
  encodeReference,
  encodeUserKey,
  hexDecode,
  hexEncode,
  publicKeyOf,
  type RecordView,
} from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  ALICE,
  aliceRecord,
  BOB,
  FilledFolders,
  publish,
  SERVER_SETTINGS,
} from '../../testing/filled-folder.ts';
import { runAdmin } from '../../testing/run-admin.ts';
import { type RunningServer, startServer } from '../../testing/server.ts';

// Runs processes, and on a busy machine they take their time to start.
vi.setConfig({ testTimeout: 120_000 });

const folders = new FilledFolders();
let folder: string;
beforeAll(async () => {
  folder = await folders.path();
});
afterAll(() => folders.close());

const bob = { secretKey: BOB, author: publicKeyOf(BOB) };
const toAlice = coreTag({ name: 'notify', key: publicKeyOf(ALICE) });
const held: readonly RecordView[] = [1, 2, 3].map(() => aliceRecord({ ...bob, tags: [toAlice] }));
const [good, bad, open] = held as [RecordView, RecordView, RecordView];

/** What somebody sees of Bob's: anonymous, or Alice, whom he wrote to. */
async function seen(client: MosaicClient): Promise<string[]> {
  const ids: string[] = [];
  const filter = buildFilter([{ name: 'authors', keys: [bob.author] }]);
  for await (const record of client.query(filter)) ids.push(hexEncode(record.id));
  return ids.toSorted();
}

function ids(...records: readonly RecordView[]): string[] {
  return records.map(({ id }) => hexEncode(id)).toSorted();
}

async function withClients(
  server: RunningServer,
  use: (anybody: MosaicClient, alice: MosaicClient) => Promise<void>,
): Promise<void> {
  const target = { url: server.url, serverKey: hexDecode(server.serverKeyHex) };
  const anybody = await connect(target);
  const alice = await connect({ ...target, clientSecretKey: ALICE });
  try {
    await use(anybody, alice);
  } finally {
    await Promise.all([anybody.close(), alice.close()]);
  }
}

async function admin(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runAdmin([...args, '--data', folder]);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

const reference = ({ id }: RecordView): string => encodeReference(id);

it('shows everybody what is approved and nobody what is rejected, after a reindex too', async () => {
  const server = await startServer(folder, SERVER_SETTINGS);
  try {
    await publish(server, held);
    await withClients(server, async (anybody, alice) => {
      expect(await seen(anybody)).toEqual([]);
      expect(await seen(alice)).toEqual(ids(...held));
      await admin('moderation', 'approve', reference(good), '--as', 'carol');
      await admin('moderation', 'reject', reference(bad), '--as', 'carol');
      const isDone = async (): Promise<boolean> =>
        (await seen(anybody)).length === 1 && (await seen(alice)).length === 2;
      await vi.waitUntil(isDone, { timeout: 10_000 });
      expect(await seen(anybody)).toEqual(ids(good));
      expect(await seen(alice)).toEqual(ids(good, open));
    });
    expect(await heldCount()).toBe(1);
  } finally {
    await server.stop();
  }
  const all = ['moderation', 'reject', '--author', encodeUserKey(bob.author), '--yes'];
  expect(await admin(...all)).toContain('No server runs; it counts from the next start on.');
  await rm(join(folder, 'index'), { recursive: true });
  await admin('reindex');
  expect(await heldCount()).toBe(3);
  const again = await startServer(folder, SERVER_SETTINGS);
  try {
    await withClients(again, async (anybody, alice) => {
      expect(await seen(anybody)).toEqual(ids(good));
      expect(await seen(alice)).toEqual(ids(good));
    });
    expect(await admin('moderation', 'list')).toBe('nothing waits\n');
    await vi.waitUntil(async () => (await heldCount()) === 0, { timeout: 20_000 });
  } finally {
    await again.stop();
  }
});

/** What the index has on the path of what waits. */
async function heldCount(): Promise<number> {
  const { roles } = JSON.parse(await admin('stats', '--json')) as {
    roles: { inbox: { held: number } };
  };
  return roles.inbox.held;
}
