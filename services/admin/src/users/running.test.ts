/** `mosaic-admin users` beside a running server: what it changes counts at once. Needs a build. */
import { connect, type MosaicClient } from '@mosaic-cluster/client';
import { encodeUserKey, hexDecode, publicKeyOf } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ALICE, aliceRecord, FilledFolders } from '../../testing/filled-folder.ts';
import { runAdmin } from '../../testing/run-admin.ts';
import { type RunningServer, startServer } from '../../testing/server.ts';

// Runs processes, and on a busy machine they take their time to start.
vi.setConfig({ testTimeout: 120_000 });

const folders = new FilledFolders();
let folder: string;
let server: RunningServer;
let client: MosaicClient;
beforeAll(async () => {
  folder = await folders.path();
  server = await startServer(folder, {
    MOSAIC_ADMISSION: 'registered',
    MOSAIC_ACCEPT: 'outbox.quota=100B, outbox.quota.registered=1KiB',
  });
  client = await connect({ url: server.url, serverKey: hexDecode(server.serverKeyHex) });
}, 120_000);
afterAll(async () => {
  await client.close();
  await server.stop();
  await folders.close();
});

const key = encodeUserKey(publicKeyOf(ALICE));

async function isAccepted(): Promise<boolean> {
  return client.publish(aliceRecord()).then(
    () => true,
    () => false,
  );
}

it('lets a user in and takes them out, and shows what they left', async () => {
  expect(await isAccepted()).toBe(false);
  const added = await runAdmin(['users', 'add', key, '--data', folder]);
  expect(added.stdout).toContain(`It counts within a second (process ${server.pid}).`);
  await vi.waitUntil(isAccepted, { timeout: 10_000 });
  const shown = await runAdmin(['users', 'show', key, '--data', folder, '--json']);
  const { users } = JSON.parse(shown.stdout) as {
    users: { held: { outbox: { written: { records: number; bytes: number } } } }[];
  };
  expect(users[0]!.held.outbox.written.records).toBe(1);
  expect(users[0]!.held.outbox.written.bytes).toBe(aliceRecord().bytes.length);
  // The quota of the server, whatever is set here.
  const here = { MOSAIC_ACCEPT: 'outbox.quota=7KiB' };
  const ofQuota = await runAdmin(['users', 'show', key, '--data', folder], here);
  const percent = Math.round((100 * aliceRecord().bytes.length) / 1024);
  expect(ofQuota.stdout).toContain(` of theirs, ${percent} % of 1.0 KiB, nothing to them\n`);
  await runAdmin(['users', 'remove', key, '--data', folder]);
  await vi.waitUntil(async () => !(await isAccepted()), { timeout: 10_000 });
});
