/** Memory and files of the reading side: bounds that hold, blocks read once, commits in nobody's way. */
import { describe, afterAll, expect, it } from 'vitest';
import { BLOCK_BYTES } from './segment-cache.ts';
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
  isSameEntry,
  TestFolders,
  itemAt,
} from './segment-log-fixture.ts';
import type { Location, LogEntry } from './segment-log.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

const COUNT = 3000;
const KIB = 1024;

/** Counts what is read and open, and can hold reads back. */
class WatchedFileSystem {
  reads = 0;
  running = 0;
  runningMax = 0;
  open = 0;
  openMax = 0;
  gate: Promise<void> = Promise.resolve();

  readonly fileSystem: SegmentFileSystem = {
    ...nodeFileSystem,
    open: async (path, mode) => {
      const file = await nodeFileSystem.open(path, mode);
      this.open += 1;
      this.openMax = Math.max(this.openMax, this.open);
      return file;
    },
    close: async (file) => {
      this.open -= 1;
      await nodeFileSystem.close(file);
    },
    read: async (file, target, position) => {
      this.reads += 1;
      this.running += 1;
      this.runningMax = Math.max(this.runningMax, this.running);
      await this.gate;
      const bytes = await nodeFileSystem.read(file, target, position);
      this.running -= 1;
      return bytes;
    },
  };
}

interface Filled {
  readonly directory: string;
  readonly entries: readonly LogEntry[];
  readonly locations: readonly Location[];
}

async function reopen(
  { directory }: { directory: string },
  watched: WatchedFileSystem,
  options: Partial<SegmentLogOptions> = {},
): Promise<FileSegmentLog> {
  const { fileSystem } = watched;
  const segmentBytesMax = 256 * KIB;
  const fixed = { directory, role: 'outbox', freeBytesMin: 0, segmentBytesMax, fileSystem };
  return openSegmentLog({ ...fixed, ...options });
}

let filled: Promise<Filled> | undefined;

/** About 1.8 MiB in eight segments, for tests that only read. */
function fill(): Promise<Filled> {
  filled ??= (async () => {
    const directory = await folders.next();
    const log = await reopen({ directory }, new WatchedFileSystem());
    const entries = fakeEntries(1, COUNT);
    const locations: Location[] = [];
    for (let i = 0; i < COUNT; i += 20) {
      locations.push(...(await log.append(entries.slice(i, i + 20))).locations);
    }
    await log.close();
    return { directory, entries, locations };
  })();
  return filled;
}

describe('the cache', () => {
  it('stays within its bound, whatever is read and appended', async () => {
    const { directory, entries, locations } = await fill();
    const cacheBytesMax = 300 * KIB;
    const log = await reopen({ directory }, new WatchedFileSystem(), { cacheBytesMax });
    let most = 0;
    for (let i = 0; i < COUNT; i += 100) {
      const found = await log.read(locations.slice(i, i + 100));
      expect(firstDifference(found, entries.slice(i, i + 100))).toBe(-1);
      most = Math.max(most, log.cachedBytes);
    }
    expect(most).toBeGreaterThan(cacheBytesMax - 2 * BLOCK_BYTES);
    expect(most).toBeLessThanOrEqual(cacheBytesMax);
    await log.close();
  });

  it('keeps what is read again and again, and lets go of the rest', async () => {
    const { directory, entries, locations } = await fill();
    const watched = new WatchedFileSystem();
    const log = await reopen({ directory }, watched, { cacheBytesMax: 300 * KIB });
    const hot = locations.slice(10, 20);
    await log.read(hot);
    for (let i = 100; i < 2000; i += 10) {
      expect(
        firstDifference(
          hot.map((one) => log.peek(one)),
          entries.slice(10, 20),
        ),
      ).toBe(-1);
      await log.read([itemAt(locations, i)]);
    }
    expect(log.peek(itemAt(locations, 100))).toBeUndefined();
    await log.close();
  });

  it('reads a block once, however many ask for it at the same time', async () => {
    const { directory, entries, locations } = await fill();
    const watched = new WatchedFileSystem();
    const log = await reopen({ directory }, watched);
    watched.reads = 0;
    const asking = Array.from({ length: 50 }, () => log.read(locations.slice(0, 40)));
    for (const found of await Promise.all(asking)) {
      expect(firstDifference(found, entries.slice(0, 40))).toBe(-1);
    }
    // The other one is of the header: it says whether the file is still the one that is meant.
    expect(watched.reads).toBe(2);
    await log.close();
  });

  it('returns an entry that was evicted while the same call went on', async () => {
    const { directory, entries, locations } = await fill();
    const log = await reopen({ directory }, new WatchedFileSystem(), { cacheBytesMax: 70 * KIB });
    const scattered = Array.from({ length: COUNT }, (_, i) => (i * 1009) % COUNT);
    const found = await log.read(scattered.map((i) => itemAt(locations, i)));
    expect(
      firstDifference(
        found,
        scattered.map((i) => itemAt(entries, i)),
      ),
    ).toBe(-1);
    await log.close();
  });
});

describe('files', () => {
  it('are read few at a time and kept open within a bound', async () => {
    const { directory, entries, locations } = await fill();
    const watched = new WatchedFileSystem();
    const bounds = { loadsMax: 3, openFilesMax: 2, cacheBytesMax: 0 };
    const log = await reopen({ directory }, watched, bounds);
    watched.runningMax = 0;
    watched.openMax = 0;
    const scattered = Array.from({ length: 200 }, (_, i) => (i * 1009) % COUNT);
    const found = await log.read(scattered.map((i) => itemAt(locations, i)));
    expect(
      firstDifference(
        found,
        scattered.map((i) => itemAt(entries, i)),
      ),
    ).toBe(-1);
    expect(watched.runningMax).toBe(3);
    // Those that are being read are not closed; each of three reads may have one of its own.
    expect(watched.openMax).toBeLessThanOrEqual(5);
    await log.close();
    expect(watched.open).toBe(0);
  });

  it('are asked for no more than a bounded number of blocks', async () => {
    const { directory, entries, locations } = await fill();
    const watched = new WatchedFileSystem();
    const bounds = { loadsMax: 1, loadsWaitingMax: 4, cacheBytesMax: 0 };
    const log = await reopen({ directory }, watched, bounds);
    const scattered = [0, 400, 800, 1200, 1600, 2000, 2400].map((i) => itemAt(locations, i));
    const error = await failureOf(log.read(scattered));
    expect(error).toMatchObject({ kind: 'limited', code: 'log-busy' });
    expect(
      firstDifference(
        await log.read(scattered.slice(0, 3)),
        [0, 400, 800].map((i) => itemAt(entries, i)),
      ),
    ).toBe(-1);
    await log.close();
  });

  it('that cannot be read say so, and can be read later', async () => {
    const { directory, entries, locations } = await fill();
    const watched = new WatchedFileSystem();
    let isBroken = false;
    const read: SegmentFileSystem['read'] = async (...parameters) => {
      if (isBroken) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return nodeFileSystem.read(...parameters);
    };
    const log = await reopen({ directory }, watched, {
      fileSystem: { ...watched.fileSystem, read },
    });
    isBroken = true;
    const error = await failureOf(log.read([itemAt(locations, 0)]));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'segment-read' });
    isBroken = false;
    expect(firstDifference(await log.read([itemAt(locations, 0)]), [itemAt(entries, 0)])).toBe(-1);
    await log.close();
  });
});

describe('a commit that takes long', () => {
  it('is in no reader’s way, and unreadable until it is durable', async () => {
    const directory = await folders.next();
    const watched = new WatchedFileSystem();
    let release: () => void = () => undefined;
    let held: Promise<void> = Promise.resolve();
    const writeDurably: SegmentFileSystem['writeDurably'] = async (...parameters) => {
      await nodeFileSystem.writeDurably(...parameters);
      await held;
    };
    const log = await reopen({ directory }, watched, {
      fileSystem: { ...watched.fileSystem, writeDurably },
      cacheBytesMax: 0,
    });
    const entries = fakeEntries(1, 200);
    const { locations, end } = await log.append(entries);
    held = new Promise((resolve) => {
      release = resolve;
    });
    const appending = log.append([fakeEntry(500)]);
    expect(firstDifference(await log.read(locations), entries)).toBe(-1);
    const last = itemAt(locations, -1);
    const next = last.slice();
    new DataView(next.buffer).setUint32(
      4,
      new DataView(end.buffer, end.byteOffset).getUint32(4) + 24,
    );
    expect(log.peek(next)).toBeUndefined();
    expect(log.end).toEqual(end);
    release();
    const appended = await appending;
    expect(appended.locations[0]).toEqual(next);
    expect(isSameEntry(log.peek(next), fakeEntry(500))).toBe(true);
    await log.close();
  });
});
