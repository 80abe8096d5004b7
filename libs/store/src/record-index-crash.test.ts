/** The index on LMDB keeps its promises through kill -9, damage and a full disk. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readU32BE, writeU32BE } from '@mosaic-cluster/protocol';
import { describe, expect, it, type TestContext } from 'vitest';
import { type IndexEnvironment, openIndexEnvironment } from './index-environment.ts';
import { plainEntry } from './record-index-contract.ts';
import { CRASH_BATCH, crashBatch, keyNumber, present } from './record-index-fixture.ts';

/** Runs a test on a file system of 8 MiB; skips it where none can be mounted. */
async function onSmallDisk(
  context: TestContext,
  test: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'record-index-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory]);
  } catch {
    await rm(directory, { recursive: true });
    context.skip('no file system can be mounted here');
  }
  try {
    await test(directory);
  } finally {
    execFileSync('umount', [directory]);
    await rm(directory, { recursive: true });
  }
}

describe('record index on LMDB, when things go wrong', () => {
  const built = fileURLToPath(new URL('../dist/record-index-crash-child.js', import.meta.url));

  it('is whole after its process is killed at any moment', async () => {
    expect(existsSync(built), 'needs the built package: npx tsc -b').toBe(true);
    const directory = await mkdtemp(join(tmpdir(), 'record-index-crash-'));
    let total = 0;
    try {
      for (let round = 0; round < 5; round++) {
        const child = spawn(process.execPath, [built, directory], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let calls = 0;
        for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
          calls += chunk.length;
          if (calls > 30 + round * 17) break;
        }
        child.kill('SIGKILL');
        const environment = await openIndexEnvironment({ directory });
        try {
          expect(environment.rebuilt).toBeUndefined();
          const index = environment.index('outbox');
          const done = readU32BE(present(await index.appliedTo()), 0);
          expect(done).toBeGreaterThanOrEqual(total + calls);
          total = done;
          // Of the call that was under way some may be there, and adding it again adds the rest.
          const count = await index.count();
          expect(count).toBeGreaterThanOrEqual(done * CRASH_BATCH);
          const again = await index.add(crashBatch(done));
          const missing = again.filter((outcome) => outcome === 'added').length;
          expect(count + missing).toBe((done + 1) * CRASH_BATCH);
          for (const author of [0, 1, 2]) {
            const path = { path: 'author', author: keyNumber(author) } as const;
            const entries = await index.scan(path, { limit: 1_000_000 });
            const expected = Array.from({ length: done + 1 }, (_, n) => crashBatch(n))
              .flat()
              .filter((_, i) => (i % CRASH_BATCH) % 3 === author);
            expect(entries).toHaveLength(expected.length);
          }
          const looked = await index.lookup(crashBatch(done).map(({ record }) => record.id));
          expect(looked.every((entry) => entry !== undefined)).toBe(true);
        } finally {
          await environment.close();
        }
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  const root = process.platform === 'linux' && process.getuid?.() === 0;

  it.runIf(root)(
    'opens on a full disk, can be read, and is written when there is room',
    async (context) => {
      await onSmallDisk(context, async (directory) => {
        const folder = join(directory, 'index');
        const warnings: string[] = [];
        const openFull = (): Promise<IndexEnvironment> =>
          openIndexEnvironment({
            directory: folder,
            onWarning: (warning) => warnings.push(warning.replace(folder, 'it')),
          });
        const first = await openIndexEnvironment({ directory: folder });
        await first.index('outbox').add(crashBatch(0), Uint8Array.of(1));
        await first.close();
        const ballast = join(directory, 'ballast');
        await expect(writeFile(ballast, Buffer.alloc(8 * 1_024 * 1_024))).rejects.toThrow('ENOSPC');
        const full = { kind: 'unavailable', code: 'index-full' };
        const marker = join(folder, 'marker.json');
        const closed = await readFile(marker, 'utf8');

        // Twice: what was only read is closed as it was.
        for (let round = 0; round < 2; round++) {
          const environment = await openFull();
          const index = environment.index('outbox');
          expect(await index.scan({ path: 'all' }, { limit: 100 })).toHaveLength(CRASH_BATCH);
          await expect(index.add(crashBatch(1))).rejects.toMatchObject(full);
          await expect(index.remove(crashBatch(0))).rejects.toMatchObject(full);
          const fresh = environment.index('inbox');
          expect(await fresh.scan({ path: 'all' }, { limit: 100 })).toEqual([]);
          expect(await fresh.appliedTo()).toBeUndefined();
          await expect(fresh.add(crashBatch(0))).rejects.toMatchObject(full);
          await expect(fresh.markWhole(undefined)).rejects.toMatchObject(full);
          await environment.close();
          expect(await readFile(marker, 'utf8')).toBe(closed);
        }
        expect(warnings).toEqual([
          expect.stringMatching(/^no room for the record index in it: .* Free 4 MiB/),
          expect.stringMatching(/^no room/),
        ]);

        const environment = await openFull();
        const index = environment.index('outbox');
        const fresh = environment.index('inbox');
        await truncate(ballast, 6 * 1_024 * 1_024);
        await expect(index.add(crashBatch(1))).rejects.toMatchObject(full);
        await rm(ballast);
        await fresh.add(crashBatch(0));
        expect(await fresh.count()).toBe(CRASH_BATCH);
        expect(environment.index('inbox')).toBe(fresh);
        await index.add(crashBatch(1));
        expect(await index.count()).toBe(2 * CRASH_BATCH);
        expect(await readFile(marker, 'utf8')).toContain('"open"');
        expect(warnings.slice(3)).toEqual(['there is room for the record index in it again']);
        await environment.close();
        expect(await readFile(marker, 'utf8')).toContain('"clean"');
      });
    },
  );

  it.runIf(root)(
    'adds nothing of a call on a full disk, and goes on when there is room',
    async (context) => {
      await onSmallDisk(context, async (directory) => {
        const ballast = join(directory, 'ballast');
        await writeFile(ballast, Buffer.alloc(3 * 1_024 * 1_024));
        const folder = join(directory, 'index');
        const environment = await openIndexEnvironment({ directory: folder });
        const index = environment.index('outbox');
        let done = 0;
        const add = async (): Promise<void> => {
          const position = new Uint8Array(4);
          writeU32BE(position, 0, done + 1);
          await index.add(crashBatch(done), position);
          done++;
        };
        const fill = async (): Promise<void> => {
          for (let n = 0; n < 10_000; n++) await add();
        };
        await expect(fill()).rejects.toMatchObject({ kind: 'unavailable', code: 'index-full' });
        await expect(add()).rejects.toMatchObject({ code: 'index-full' });
        expect(await index.count()).toBe(done * CRASH_BATCH);
        expect(readU32BE(present(await index.appliedTo()), 0)).toBe(done);
        const all = await index.scan({ path: 'all' }, { limit: 1_000_000 });
        expect(all).toHaveLength(done * CRASH_BATCH);
        const other = openIndexEnvironment({ directory: join(directory, 'other') });
        await expect(other).rejects.toMatchObject({ code: 'index-full' });
        await rm(ballast);
        await add();
        const after = await index.scan({ path: 'all' }, { limit: 1_000_000 });
        const positions = new Set(after.map((entry) => plainEntry(entry).position));
        expect(all.every((entry) => positions.has(plainEntry(entry).position))).toBe(true);
        expect(await index.count()).toBe(done * CRASH_BATCH);
        await environment.close();
      });
    },
  );
});
