/** `mosaic-admin reindex` on folders that a real server filled: the index answers as before. Needs a build. */
import { access, cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { lockFolder, viewDataFolder } from '@mosaic-cluster/standalone/data-folder';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  aliceRecord,
  FilledFolders,
  publish,
  segmentsOf,
  SERVER_SETTINGS,
} from '../../testing/filled-folder.ts';
import { answersOf } from '../../testing/index-answers.ts';
import { runAdmin } from '../../testing/run-admin.ts';
import { runHere } from '../../testing/run-here.ts';
import { startServer } from '../../testing/server.ts';
import { flipByte } from '../../testing/tamper.ts';
import { reindexEmbedded } from './reindex-embedded.ts';

// Each test runs processes, and on a busy machine they take their time to start.
vi.setConfig({ testTimeout: 120_000 });

const folders = new FilledFolders();
beforeAll(() => folders.folder(), 120_000);
afterAll(() => folders.close());

interface ReindexReport {
  readonly inPlace: boolean;
  readonly roles: Readonly<Record<string, { records: number; isResumed: boolean }>>;
  readonly leftOut: readonly { readonly segment: string }[];
}

async function reindexed(folder: string, ...args: string[]): Promise<ReindexReport> {
  const { code, stdout, stderr } = await runAdmin(['reindex', '--data', folder, '--json', ...args]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout) as ReindexReport;
}

async function isWhole(folder: string): Promise<boolean> {
  const args = ['verify', '--data', folder, '--one-in', '1', '--signatures', 'none'];
  return (await runHere(args)).code === 0;
}

it('answers every question as the index before, which was deleted', async () => {
  const folder = await folders.folder();
  const before = await answersOf(folder);
  await rm(join(folder, 'index'), { recursive: true });
  const { inPlace, roles } = await reindexed(folder);
  expect(inPlace).toBe(true);
  expect(await answersOf(folder)).toEqual(before);
  expect(Object.keys(roles)).toEqual(['outbox', 'inbox', 'encryption']);
  const names = await readdir(folder);
  expect(names.sort()).toEqual(['index', 'mosaic.json', 'objects', 'segments', 'server.key']);
});

it('answers every question as the index before, which was damaged', async () => {
  const folder = await folders.folder();
  const before = await answersOf(folder);
  const data = join(folder, 'index', 'data.mdb');
  await writeFile(data, Buffer.alloc((await readFile(data)).length, 0x5a));
  await reindexed(folder);
  expect(await answersOf(folder)).toEqual(before);
  expect(await isWhole(folder)).toBe(true);
});

it('is taken over by a server at its next start, with what came in meanwhile', async () => {
  const folder = await folders.folder();
  const running = await startServer(folder, SERVER_SETTINGS);
  const more = Array.from({ length: 300 }, () => aliceRecord());
  try {
    await publish(running, more.slice(0, 100));
    const { inPlace } = await reindexed(folder);
    expect(inPlace).toBe(false);
    await publish(running, more.slice(100));
    expect(await isWhole(folder)).toBe(true);
  } finally {
    await running.stop();
  }
  const before = await answersOf(folder);
  const { ino } = await statOf(folder);
  const again = await startServer(folder, SERVER_SETTINGS);
  await again.stop();
  expect((await statOf(folder)).ino).not.toBe(ino);
  expect(await answersOf(folder)).toEqual(before);
  expect(await readdir(folder)).not.toContain('index.next');
});

it('goes on wherever it was interrupted, and leaves the old index alone until it is done', async () => {
  const folder = await folders.folder();
  const before = await answersOf(folder);
  const runs = [];
  for (let done = false; !done; runs.push(done)) {
    expect(await answersOf(folder)).toEqual(before);
    const stopped = new AbortController();
    let calls = 0;
    try {
      const { roles } = await reindexEmbedded({
        view: await viewDataFolder(folder),
        isFresh: false,
        skipsDamage: false,
        signal: stopped.signal,
        onProgress: () => {
          calls += 1;
          // Later each time: what an earlier run has done is told of as well.
          if (calls === runs.length + 1) stopped.abort();
        },
        onNote: (text) => expect(text).toBe(''),
      });
      expect(roles['outbox']?.isResumed).toBe(true);
      done = true;
    } catch (error) {
      expect(isMosaicError(error) && error.code).toBe('interrupted');
    }
  }
  expect(runs.length).toBeGreaterThan(2);
  expect(await answersOf(folder)).toEqual(before);
  expect(await isWhole(folder)).toBe(true);
});

it('names damage in a segment and stops, or leaves it out and says so', async () => {
  const folder = await folders.folder();
  const [first] = await segmentsOf(folder, 'outbox');
  await flipByte(first!, 5000);
  const refused = await runHere(['reindex', '--data', folder]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(basename(first!));
  expect(refused.stderr).toContain('--skip-damaged');
  const { leftOut, inPlace } = await reindexed(folder, '--skip-damaged');
  expect(inPlace).toBe(true);
  expect(leftOut).toMatchObject([{ segment: basename(first!) }]);
});

it('lets one run at a time', async () => {
  const folder = await folders.folder();
  const work = join(folder, 'reindex');
  await cp(join(folder, 'objects'), work, { recursive: true });
  const lock = await lockFolder(work);
  const { code, stderr } = await runHere(['reindex', '--data', folder]);
  await lock.close();
  expect(code).toBe(2);
  expect(stderr).toContain(`another mosaic-admin reindex is at work, process ${process.pid}`);
});

it('changes nothing with --dry-run, and says how long it would take', async () => {
  const folder = await folders.folder();
  const { ino, names } = await statOf(folder);
  const { code, stdout } = await runHere(['reindex', '--data', folder, '--dry-run']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/outbox: [\d,]+ records in \d segments, about \d+ s/);
  expect(await statOf(folder)).toEqual({ ino, names });
  const json = await runHere(['reindex', '--data', folder, '--dry-run', '--json']);
  const { roles } = JSON.parse(json.stdout) as { roles: { outbox: { records: number } } };
  expect(roles.outbox.records).toBeGreaterThan(1000);
});

it('refuses to make one role only, and folders that are none', async () => {
  const folder = await folders.folder();
  const role = await runHere(['reindex', '--data', folder, '--role', 'outbox']);
  expect(role.code).toBe(2);
  expect(role.stderr).toContain('--role');
  const none = await runHere(['reindex', '--data', join(folder, 'nothing')]);
  expect(none.code).toBe(2);
  await expect(access(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
});

async function statOf(folder: string): Promise<{ ino: number; names: string[] }> {
  const { ino } = await stat(join(folder, 'index', 'data.mdb'));
  return { ino, names: (await readdir(folder)).sort() };
}
