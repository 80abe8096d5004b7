/** The embedded server on a disk that fills up, and that somebody makes room on. Needs a build. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { author, kindWith, recordBy } from '../testing/authors.ts';
import { ServerLab } from '../testing/server-process.ts';
import { TestClient } from '../testing/test-client.ts';

const ALICE = author(0);
const DISK_BYTES = 24 * 1024 * 1024;
/** Something that an operator may delete to make room. */
const BALLAST_BYTES = 8 * 1024 * 1024;
const PAYLOAD = new Uint8Array(200_000).fill(7);

let disk: string;
let isMounted: boolean;
let lab: ServerLab;

beforeEach(() => {
  lab = new ServerLab();
  disk = mkdtempSync(join(tmpdir(), 'mosaic-disk-'));
  try {
    const size = `size=${DISK_BYTES}`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', disk], { stdio: 'ignore' });
    isMounted = true;
  } catch {
    isMounted = false;
  }
});
afterEach(async () => {
  await lab.close();
  if (isMounted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** Publishes until something else than ACCEPTED comes back. */
async function fill(client: TestClient): Promise<{ taken: RecordView[]; result: unknown }> {
  const taken: RecordView[] = [];
  for (let n = 0; n < 1000; n++) {
    const record = recordBy(ALICE, { payload: PAYLOAD });
    const [result] = await client.submit(record);
    if (result !== 'ACCEPTED') return { taken, result };
    taken.push(record);
  }
  throw new Error('the disk does not fill');
}

/** Writes a file as large as there is room for. */
async function useUp(path: string): Promise<void> {
  const file = await open(path, 'w');
  const page = new Uint8Array(4096);
  try {
    for (let n = 0; n < DISK_BYTES / page.length; n++) {
      if ((await file.write(page)).bytesWritten < page.length) return;
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    await file.close();
  }
}

describe('a full disk', () => {
  it.for(['SIGTERM', 'SIGKILL'] as const)(
    'does not keep a server from starting and serving; it takes records when there is room: after %s',
    { timeout: 60_000 },
    async (signal, context) => {
      if (!isMounted) return context.skip('only root may mount a file system');
      const settings = { MOSAIC_DATA_DIR: join(disk, 'data'), MOSAIC_SEGMENT_BYTES: '2MiB' };
      const before = await lab.start(settings);
      const writer = await TestClient.connect(before.ready.uwsUrl ?? '');
      const taken = Array.from({ length: 20 }, () => recordBy(ALICE, {}));
      expect(await writer.submit(...taken)).toEqual(Array(20).fill('ACCEPTED'));
      await before.server.stop(signal);
      const ballast = join(disk, 'ballast');
      await useUp(ballast);

      const { server, ready } = await lab.start(settings);
      const client = await TestClient.connect(ready.uwsUrl ?? '');
      const all = { name: 'kinds', kinds: [kindWith()] } as const;
      const ids = taken.map(({ id }) => hexEncode(id));
      expect((await client.query(all)).ids.toSorted()).toEqual(ids.toSorted());
      const late = recordBy(ALICE, { payload: PAYLOAD });
      expect(await client.submit(late)).toEqual(['TEMPORARY_ERROR']);
      expect(server.stdout.split('no room for the record index')).toHaveLength(2);

      rmSync(ballast);
      await expect.poll(() => client.submit(late), { timeout: 20_000 }).toEqual(['ACCEPTED']);
      ids.push(hexEncode(late.id));
      expect((await client.query(all)).ids.toSorted()).toEqual(ids.toSorted());
      expect(server.stdout).toContain('there is room for the record index');
      expect((await server.stop()).code).toBe(0);
    },
  );

  it('does not keep a server from starting with a role that it did not play before', {
    timeout: 60_000,
  }, async (context) => {
    if (!isMounted) return context.skip('only root may mount a file system');
    const settings = { MOSAIC_DATA_DIR: join(disk, 'data'), MOSAIC_SEGMENT_BYTES: '2MiB' };
    const before = await lab.start({ ...settings, MOSAIC_ROLES: 'outbox' });
    const writer = await TestClient.connect(before.ready.uwsUrl ?? '');
    const record = recordBy(ALICE, {});
    expect(await writer.submit(record)).toEqual(['ACCEPTED']);
    expect((await before.server.stop()).code).toBe(0);
    const ballast = join(disk, 'ballast');
    await useUp(ballast);

    const { server, ready } = await lab.start({ ...settings, MOSAIC_ROLES: 'outbox,encryption' });
    const client = await TestClient.connect(ready.mtlsUrl ?? '', ALICE.secret);
    const everything = { name: 'authors', keys: [ALICE.key] } as const;
    expect((await client.query(everything)).ids).toEqual([hexEncode(record.id)]);
    const secret = recordBy(ALICE, { kind: kindWith({ audience: 'author-only' }) });
    expect(await client.submit(secret)).toEqual(['TEMPORARY_ERROR']);
    rmSync(ballast);
    await expect.poll(() => client.submit(secret), { timeout: 20_000 }).toEqual(['ACCEPTED']);
    const ids = [record, secret].map(({ id }) => hexEncode(id)).toSorted();
    expect((await client.query(everything)).ids.toSorted()).toEqual(ids);
    expect((await server.stop()).code).toBe(0);

    const again = await lab.start({ ...settings, MOSAIC_ROLES: 'outbox,encryption' });
    const reader = await TestClient.connect(again.ready.mtlsUrl ?? '', ALICE.secret);
    expect((await reader.query(everything)).ids.toSorted()).toEqual(ids);
  });

  it.for([
    ['down to the reserve', '6MiB'],
    ['to the last byte', '0'],
  ] as const)(
    'is answered with TEMPORARY_ERROR; reading goes on, and writing again when there is room: $0',
    { timeout: 60_000 },
    async ([, reserve], context) => {
      if (!isMounted) return context.skip('only root may mount a file system');
      const ballast = join(disk, 'ballast');
      await writeFile(ballast, new Uint8Array(BALLAST_BYTES));
      const settings = {
        MOSAIC_DATA_DIR: join(disk, 'data'),
        MOSAIC_FREE_BYTES_MIN: reserve,
        MOSAIC_SEGMENT_BYTES: '2MiB',
      };
      const { server, ready } = await lab.start(settings);
      const client = await TestClient.connect(ready.uwsUrl ?? '');
      const { taken, result } = await fill(client);
      expect(result).toBe('TEMPORARY_ERROR');
      expect(taken.length).toBeGreaterThan(5);
      const ids = taken.map(({ id }) => hexEncode(id)).toSorted();
      const all = { name: 'kinds', kinds: [kindWith()] } as const;
      expect((await client.query(all)).ids.toSorted()).toEqual(ids);
      expect(await client.submit(taken[0] as RecordView)).toEqual(['DUPLICATE']);

      rmSync(ballast);
      const late = recordBy(ALICE, { payload: PAYLOAD });
      await expect.poll(() => client.submit(late), { timeout: 20_000 }).toEqual(['ACCEPTED']);
      ids.push(hexEncode(late.id));
      expect((await client.query(all)).ids.toSorted()).toEqual(ids.toSorted());
      expect(server.stdout).toContain('no records are taken');

      expect((await server.stop()).code).toBe(0);
      const again = await lab.start(settings);
      const reader = await TestClient.connect(again.ready.uwsUrl ?? '');
      expect((await reader.query(all)).ids.toSorted()).toEqual(ids.toSorted());
      reader.close();
    },
  );
});
