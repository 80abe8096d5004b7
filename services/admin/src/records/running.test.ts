/** `mosaic-admin records remove` beside a running server: gone for everybody, for good. Needs a build. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@mosaic-cluster/client';
import { encodeReference, hexDecode, type RecordView } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ALICE, aliceRecord, FilledFolders, publish } from '../../testing/filled-folder.ts';
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

const [kept, gone, later] = [1, 2, 3].map(() => aliceRecord()) as [
  RecordView,
  RecordView,
  RecordView,
];

/** Whether each is found, and whether it is taken when it is submitted again. */
async function fateOf(server: RunningServer, record: RecordView): Promise<[boolean, boolean]> {
  const client = await connect({
    url: server.url,
    serverKey: hexDecode(server.serverKeyHex),
    clientSecretKey: ALICE,
  });
  try {
    let isFound = false;
    for await (const _ of client.get([record.id])) isFound = true;
    const isTaken = await client.publish(record).then(
      () => true,
      () => false,
    );
    return [isFound, isTaken];
  } finally {
    await client.close();
  }
}

function remove(record: RecordView): Promise<string> {
  return change('remove', record);
}

async function change(what: 'remove' | 'restore', record: RecordView): Promise<string> {
  const id = encodeReference(record.id);
  const { code, stdout, stderr } = await runAdmin(['records', what, id, '--data', folder]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

it('takes a record away at once, and neither a submission nor a reindex brings it back', async () => {
  const server = await startServer(folder);
  try {
    await publish(server, [kept, gone, later]);
    await remove(gone);
    const isGone = async (): Promise<boolean> => !(await fateOf(server, gone))[0];
    await vi.waitUntil(isGone, { timeout: 10_000 });
    expect(await fateOf(server, gone)).toEqual([false, false]);
    expect(await fateOf(server, kept)).toEqual([true, true]);
    await change('restore', gone);
    await vi.waitUntil(async () => !(await isGone()), { timeout: 10_000 });
    expect(await fateOf(server, gone)).toEqual([true, true]);
    await remove(gone);
    await vi.waitUntil(isGone, { timeout: 10_000 });
  } finally {
    await server.stop();
  }
  expect(await remove(later)).toContain('it counts from the next start on');
  await rm(join(folder, 'index'), { recursive: true });
  expect((await runAdmin(['reindex', '--data', folder])).code).toBe(0);
  const again = await startServer(folder);
  try {
    expect(await fateOf(again, gone)).toEqual([false, false]);
    expect(await fateOf(again, later)).toEqual([false, false]);
    expect(await fateOf(again, kept)).toEqual([true, true]);
  } finally {
    await again.stop();
  }
  const { code, stdout } = await runAdmin(['verify', '--data', folder, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ roles: { outbox: { removed: 2 } } });
});
