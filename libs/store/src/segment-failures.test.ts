/** What the log does when the file system refuses: by injected faults, and on a disk that is really full. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeFileSystem, type SegmentFileSystem } from './segment-file-system.ts';
import {
  type FileSegmentLog,
  openSegmentLog,
  type SegmentLogOptions,
} from './segment-log-files.ts';
import {
  failureOf,
  fakeEntries,
  fakeEntry,
  firstDifference,
  scanAll,
  TestFolders,
  itemAt,
} from './segment-log-fixture.ts';
import type { SegmentWarning } from './segment-warning.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

const run = promisify(execFile);

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk refuses`), { code });
}

interface Opened {
  readonly log: FileSegmentLog;
  readonly directory: string;
  readonly warnings: SegmentWarning[];
  /** Lets the log's clock run. */
  readonly pass: (ms: number) => void;
}

async function open(
  fileSystem: Partial<SegmentFileSystem>,
  options: Partial<SegmentLogOptions> = {},
): Promise<Opened> {
  const directory = options.directory ?? (await folders.next());
  const warnings: SegmentWarning[] = [];
  let nowMs = 0;
  const log = await openSegmentLog({
    role: 'outbox',
    freeBytesMin: 0,
    segmentBytesMax: 8192,
    ...options,
    directory,
    fileSystem: { ...nodeFileSystem, ...fileSystem },
    monotonicMs: () => nowMs,
    onWarning: (_, warning) => warnings.push(warning),
  });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { log, directory, warnings, pass };
}

/** Writes as many bytes as there is room, then fails. */
class SmallDisk {
  room = Number.POSITIVE_INFINITY;
  code = 'ENOSPC';

  readonly fileSystem: Partial<SegmentFileSystem> = {
    writeDurably: async (file, bytes, position) => {
      const part = bytes.subarray(0, Math.max(0, Math.min(bytes.length, this.room)));
      await nodeFileSystem.writeDurably(file, part, position);
      this.room -= part.length;
      if (part.length < bytes.length) throw diskError(this.code);
    },
  };
}

describe('a failing write', () => {
  it.each([
    ['ENOSPC', 'log-full'],
    ['EDQUOT', 'log-full'],
    ['EIO', 'log-failed'],
  ])('of %s refuses with %s, leaves nothing torn, and works again later', async (code, expected) => {
    const disk = new SmallDisk();
    const { log, directory, warnings, pass } = await open(disk.fileSystem);
    const kept = fakeEntries(1, 3);
    const { locations } = await log.append(kept);
    const before = await readFile(join(directory, itemAt(log.segments(), 0).name));
    disk.code = code;
    disk.room = 1000;
    const refused = await failureOf(log.append(fakeEntries(10, 3)));
    expect(refused).toMatchObject({ kind: 'unavailable', code: expected, retryable: true });
    expect((refused as Error).message).toContain(directory);
    expect(log.state).toEqual({ writable: false, why: (refused as Error).message });
    expect(before.equals(await readFile(join(directory, itemAt(log.segments(), 0).name)))).toBe(
      true,
    );

    expect(firstDifference(await log.read(locations), kept)).toBe(-1);
    expect(firstDifference(await scanAll(log), kept)).toBe(-1);

    disk.room = Number.POSITIVE_INFINITY;
    expect(await failureOf(log.append(fakeEntries(20, 1)))).toMatchObject({ code: expected });
    pass(1000);
    const later = fakeEntries(30, 2);
    await log.append(later);
    expect(log.state).toEqual({ writable: true });
    expect(warnings.map(({ event }) => event)).toEqual(['not-writable', 'writable-again']);
    await log.close();
    const reopened = await open({}, { directory });
    expect(reopened.warnings).toEqual([]);
    expect(firstDifference(await scanAll(reopened.log), [...kept, ...later])).toBe(-1);
    await reopened.log.close();
  });

  it('fails everything that waits, and lets one append a second try again', async () => {
    const disk = new SmallDisk();
    let writes = 0;
    const { log, pass } = await open({
      ...disk.fileSystem,
      writeDurably: async (...parameters) => {
        writes += 1;
        await disk.fileSystem.writeDurably!(...parameters);
      },
    });
    await log.append([fakeEntry(0)]);
    disk.room = 0;
    const first = log.append([fakeEntry(1)]);
    const storm = Array.from({ length: 50 }, (_, i) => log.append([fakeEntry(2 + i)]));
    const failures = await Promise.all([first, ...storm].map(failureOf));
    for (const failure of failures) expect(failure).toMatchObject({ code: 'log-full' });
    for (let second = 0; second < 3; second++) {
      pass(1000);
      writes = 0;
      const again = Array.from({ length: 50 }, (_, i) => log.append([fakeEntry(100 + i)]));
      const refused = await Promise.all(again.map(failureOf));
      for (const failure of refused) expect(failure).toMatchObject({ code: 'log-full' });
      expect(writes).toBe(1);
      expect(await failureOf(log.append([fakeEntry(1)]))).toMatchObject({ code: 'log-full' });
      expect(writes).toBe(1);
    }
    expect(await scanAll(log)).toHaveLength(1);
    await log.close();
  });

  it('that hangs holds up nobody but the append that tries it', async () => {
    const disk = new SmallDisk();
    let release: () => void = () => undefined;
    let hanging: Promise<void> = Promise.resolve();
    const { log, pass } = await open({
      writeDurably: async (...parameters) => {
        await hanging;
        await disk.fileSystem.writeDurably?.(...parameters);
      },
    });
    disk.room = 0;
    expect(await failureOf(log.append([fakeEntry(1)]))).toMatchObject({ code: 'log-full' });
    disk.room = Number.POSITIVE_INFINITY;
    hanging = new Promise((resolve) => {
      release = resolve;
    });
    pass(1000);
    const trying = log.append([fakeEntry(2)]);
    pass(1000);
    expect(await failureOf(log.append([fakeEntry(3)]))).toMatchObject({ code: 'log-full' });
    release();
    await trying;
    await log.append([fakeEntry(4)]);
    await log.close();
  });

  it('at every byte of a footer or of a new segment loses nothing', async () => {
    const first = fakeEntries(1, 4, 1500);
    const second = fakeEntries(10, 4, 1500);
    // The footer has 72 bytes, the new header 64: fail in the midst of each, and between them.
    for (const room of [0, 1, 71, 72, 73, 135, 136, 140, 2000]) {
      const disk = new SmallDisk();
      const { log, directory, pass } = await open(disk.fileSystem);
      await log.append(first);
      disk.room = room;
      expect(await failureOf(log.append(second))).toMatchObject({ code: 'log-full' });
      expect(firstDifference(await scanAll(log), first)).toBe(-1);
      disk.room = Number.POSITIVE_INFINITY;
      pass(1000);
      const { locations } = await log.append(second);
      expect(firstDifference(await log.read(locations), second)).toBe(-1);
      await log.close();
      const reopened = await open({}, { directory });
      expect(reopened.warnings).toEqual([]);
      expect(firstDifference(await scanAll(reopened.log), [...first, ...second])).toBe(-1);
      await reopened.log.close();
    }
  });
});

describe('a failing sync', () => {
  it('makes the log forget what the operating system still shows, and open the file anew', async () => {
    let isBroken = false;
    const openedPaths: string[] = [];
    const { log, directory, pass } = await open({
      open: (path, mode) => {
        if (mode === 'append') openedPaths.push(path);
        return nodeFileSystem.open(path, mode);
      },
      writeDurably: async (file, bytes, position) => {
        await nodeFileSystem.writeDurably(file, bytes, position);
        if (isBroken) throw diskError('EIO');
      },
    });
    const kept = fakeEntries(1, 2);
    await log.append(kept);
    const path = join(directory, itemAt(log.segments(), 0).name);
    const { size } = await stat(path);
    isBroken = true;
    expect(await failureOf(log.append(fakeEntries(5, 2)))).toMatchObject({ code: 'log-failed' });
    isBroken = false;
    expect(openedPaths).toEqual([path]);
    expect((await stat(path)).size).toBe(size);
    expect(firstDifference(await scanAll(log), kept)).toBe(-1);
    pass(1000);
    await log.append(fakeEntries(9, 1));
    expect(await scanAll(log)).toHaveLength(3);
    await log.close();
  });

  it('writes nothing while the file cannot be cut back', async () => {
    let isBroken = false;
    const { log, directory, pass } = await open({
      writeDurably: async (file, bytes, position) => {
        await nodeFileSystem.writeDurably(file, bytes, position);
        if (isBroken) throw diskError('EIO');
      },
      truncate: async (file, bytes) => {
        if (isBroken) throw diskError('EIO');
        await nodeFileSystem.truncate(file, bytes);
      },
    });
    const kept = fakeEntries(1, 2);
    await log.append(kept);
    isBroken = true;
    expect(await failureOf(log.append(fakeEntries(5, 2)))).toMatchObject({ code: 'log-failed' });
    const torn = (await stat(join(directory, itemAt(log.segments(), 0).name))).size;
    expect(torn).toBeGreaterThan(itemAt(log.segments(), 0).bytes);
    pass(1000);
    expect(await failureOf(log.append(fakeEntries(7, 2)))).toMatchObject({ code: 'log-failed' });
    expect((await stat(join(directory, itemAt(log.segments(), 0).name))).size).toBe(torn);
    isBroken = false;
    pass(1000);
    const later = fakeEntries(9, 2);
    await log.append(later);
    expect(firstDifference(await scanAll(log), [...kept, ...later])).toBe(-1);
    await log.close();
    const reopened = await open({}, { directory });
    expect(firstDifference(await scanAll(reopened.log), [...kept, ...later])).toBe(-1);
    await reopened.log.close();
  });

  it('of the folder leaves no empty segment behind', async () => {
    let isBroken = true;
    const { log, directory, pass } = await open({
      syncDirectory: async (path) => {
        if (isBroken) throw diskError('EIO');
        await nodeFileSystem.syncDirectory(path);
      },
    });
    expect(await failureOf(log.append([fakeEntry(1)]))).toMatchObject({ code: 'log-failed' });
    expect(await readdir(directory)).toEqual([]);
    isBroken = false;
    pass(1000);
    await log.append([fakeEntry(1)]);
    expect(log.segments().map(({ number }) => number)).toEqual([2]);
    await log.close();
  });
});

describe('the reserve of free space', () => {
  it('is kept, and the log works again when there is room', async () => {
    let freeBytes = 10_000_000;
    const { log, warnings, pass } = await open(
      { freeBytes: async () => freeBytes },
      { freeBytesMin: 1_000_000 },
    );
    await log.append([fakeEntry(1)]);
    freeBytes = 1_000_100;
    pass(1000);
    const refused = await failureOf(log.append([fakeEntry(2)]));
    expect(refused).toMatchObject({ kind: 'unavailable', code: 'log-full' });
    expect((refused as Error).message).toContain('1000100 bytes free, 1000000 are reserved');
    pass(1000);
    expect(await failureOf(log.append([fakeEntry(2)]))).toMatchObject({ code: 'log-full' });
    freeBytes = 10_000_000;
    expect(await failureOf(log.append([fakeEntry(2)]))).toMatchObject({ code: 'log-full' });
    pass(1000);
    await log.append([fakeEntry(2)]);
    expect(await scanAll(log)).toHaveLength(2);
    expect(warnings.map(({ event }) => event)).toEqual(['not-writable', 'writable-again']);
    await log.close();
  });

  it('is exceeded by a quarter before the log goes on, whoever used it up', async () => {
    let freeBytes = 1_000_000;
    const disk = new SmallDisk();
    const { log, warnings, pass } = await open(
      { ...disk.fileSystem, freeBytes: async () => freeBytes },
      { freeBytesMin: 1_000_000 },
    );
    const append = async (): Promise<unknown> => {
      pass(1000);
      return log.append([fakeEntry(1)]).then(
        () => 'taken',
        (error: unknown) => error,
      );
    };
    expect(await append()).toMatchObject({ message: expect.stringContaining('from 1250000 on') });
    for (freeBytes = 1_000_000; freeBytes < 1_250_000; freeBytes += 50_000) {
      expect(await append()).toMatchObject({ code: 'log-full' });
    }
    freeBytes = 1_251_000;
    expect(await append()).toBe('taken');
    freeBytes = 1_001_000;
    expect(await append()).toBe('taken');
    disk.room = 0;
    expect(await append()).toMatchObject({ code: 'log-full' });
    disk.room = Number.POSITIVE_INFINITY;
    expect(await append()).toMatchObject({ code: 'log-full' });
    freeBytes = 1_251_000;
    expect(await append()).toBe('taken');
    const events = warnings.map(({ event }) => event);
    expect(events).toEqual(['not-writable', 'writable-again', 'not-writable', 'writable-again']);
    await log.close();
  });

  it('is looked at once a second, and whenever 8 MiB were written', async () => {
    let asked = 0;
    const { log, pass } = await open(
      {
        freeBytes: async () => {
          asked += 1;
          return Number.MAX_SAFE_INTEGER;
        },
      },
      { freeBytesMin: 1, segmentBytesMax: 64 * 1024 * 1024 },
    );
    for (let i = 0; i < 10; i++) await log.append([fakeEntry(i)]);
    expect(asked).toBe(1);
    pass(999);
    await log.append([fakeEntry(11)]);
    expect(asked).toBe(1);
    pass(1);
    await log.append([fakeEntry(12)]);
    expect(asked).toBe(2);
    for (let i = 0; i < 9; i++) await log.append([fakeEntry(i, 1_000_000)]);
    expect(asked).toBe(3);
    await log.close();
  });

  it('does not stop a log whose file system cannot tell', async () => {
    const freeBytes = async (): Promise<number> => {
      throw diskError('ENOSYS');
    };
    const { log } = await open({ freeBytes }, { freeBytesMin: 1 });
    await log.append([fakeEntry(1)]);
    await log.close();
  });
});

async function mountSmallDisk(): Promise<string | undefined> {
  const path = await folders.next();
  await mkdir(path, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', path]);
    return path;
  } catch {
    return undefined;
  }
}

describe('a disk that is really full', () => {
  it('is survived: serving goes on, and taking records when there is room', async (context) => {
    const disk = await mountSmallDisk();
    if (disk === undefined) return context.skip('only root may mount a file system');
    try {
      const directory = join(disk, 'segments');
      const ballast = join(disk, 'ballast');
      await writeFile(ballast, new Uint8Array(100_000));
      const { log, pass } = await open({}, { directory, segmentBytesMax: 64 * 1024 });
      const kept = [];
      let failure: unknown;
      for (let seed = 0; failure === undefined; seed += 5) {
        const entries = fakeEntries(seed, 5, 1000);
        try {
          await log.append(entries);
          kept.push(...entries);
        } catch (error) {
          failure = error;
        }
      }
      expect(failure).toMatchObject({ kind: 'unavailable', code: 'log-full' });
      expect(kept.length).toBeGreaterThan(200);
      expect(firstDifference(await scanAll(log), kept)).toBe(-1);
      pass(1000);
      expect(await failureOf(log.append(fakeEntries(0, 5, 1000)))).toMatchObject({
        code: 'log-full',
      });
      await rm(ballast);
      pass(1000);
      const later = fakeEntries(5000, 5, 1000);
      await log.append(later);
      await log.close();
      const reopened = await open({}, { directory });
      expect(reopened.warnings).toEqual([]);
      expect(firstDifference(await scanAll(reopened.log), [...kept, ...later])).toBe(-1);
      await reopened.log.close();
    } finally {
      await run('umount', [disk]);
    }
  });
});
