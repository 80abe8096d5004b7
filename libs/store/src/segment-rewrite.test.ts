/** Segment files that are written again without some entries: what stays is where it was, for everybody. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hexEncode } from '@mosaic-cluster/protocol';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { LeavingJudge } from './joins/compaction.ts';
import { nodeFileSystem, type SegmentFileSystem } from './segment-file-system.ts';
import type { Location, LogEntry, LogPosition } from './segment-log.ts';
import {
  failureOf,
  fakeEntries,
  firstDifference,
  itemAt,
  scanAll,
  TestFolders,
} from './segment-log-fixture.ts';
import { type FileSegmentLog, openSegmentLog } from './segment-log-files.ts';
import { openSegmentLogReader } from './segment-log-reader.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

const COMMITS = 40;

/** Numbers that are the same for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}

interface Kept {
  readonly entry: LogEntry;
  readonly location: Location;
  isGone: boolean;
}

/** A log of small segments, and what is in it. */
class Filled {
  readonly directory: string;
  log: FileSegmentLog;
  readonly kept: Kept[] = [];
  readonly ends: { readonly end: LogPosition; readonly entries: number }[] = [];

  private constructor(directory: string, log: FileSegmentLog) {
    this.directory = directory;
    this.log = log;
  }

  static async open(fileSystem: SegmentFileSystem = nodeFileSystem): Promise<Filled> {
    const directory = await folders.next();
    const filled = new Filled(directory, await open(directory, fileSystem));
    for (let i = 0; i < COMMITS; i++) {
      const entries = fakeEntries(i * 10, 1 + (i % 5), i % 7 === 0 ? 3000 : 200);
      const { locations, end } = await filled.log.append(entries);
      entries.forEach((entry, n) => {
        filled.kept.push({ entry, location: itemAt(locations, n), isGone: false });
      });
      filled.ends.push({ end, entries: filled.kept.length });
    }
    return filled;
  }

  async reopen(): Promise<void> {
    await this.log.close();
    this.log = await open(this.directory);
  }

  readonly mayGo: LeavingJudge = async (records) => {
    const gone = new Set(
      this.kept.filter(({ isGone }) => isGone).map(({ entry }) => hexEncode(entry.record.id)),
    );
    return records.map(({ id }) => (gone.has(hexEncode(id)) ? 'removed' : undefined));
  };

  /** Writes all segments again; returns how many were. */
  async rewrite(pace: () => Promise<void> = async () => undefined): Promise<number> {
    let written = 0;
    for (const { number } of this.log.segments()) {
      const done = await this.log.rewrite(number, { mayGo: this.mayGo, pace });
      if (done === undefined) continue;
      written += 1;
      expect(done.bytesAfter).toBeLessThan(done.bytesBefore);
    }
    return written;
  }

  /** Entries that can still be there: those of the newest two segments are, whatever is said. */
  async left(): Promise<Kept[]> {
    const newest = new Set(
      this.log
        .segments()
        .slice(-2)
        .map(({ number }) => number),
    );
    const numberOf = ({ location }: Kept): number => Buffer.from(location).readUInt32BE();
    return this.kept.filter((each) => !each.isGone || newest.has(numberOf(each)));
  }

  async expectIntact(): Promise<void> {
    const left = await this.left();
    const entries = left.map(({ entry }) => entry);
    const met = await scanAll(this.log);
    expect(firstDifference(met, entries)).toBe(-1);
    const places = (of: readonly { location: Location }[]): string[] =>
      of.map(({ location }) => hexEncode(location));
    expect(places(met)).toEqual(places(left));
    const read = await this.log.read(left.map(({ location }) => location));
    expect(firstDifference(read, entries)).toBe(-1);
    for (const { location } of this.kept.filter((each) => !left.includes(each))) {
      expect(this.log.peek(location)).toBeUndefined();
      expect(await failureOf(this.log.read([location]))).toMatchObject({ kind: 'not-found' });
    }
    for (const { end, entries: before } of this.ends.filter((_, i) => i % 6 === 0)) {
      const rest = left.filter((each) => this.kept.indexOf(each) >= before);
      const found = await scanAll(this.log, end);
      expect(
        firstDifference(
          found,
          rest.map(({ entry }) => entry),
        ),
      ).toBe(-1);
    }
  }
}

function open(directory: string, fileSystem = nodeFileSystem): Promise<FileSegmentLog> {
  const bounds = { segmentBytesMax: 8192, freeBytesMin: 0, cacheBytesMax: 0 };
  return openSegmentLog({ directory, role: 'outbox', fileSystem, ...bounds });
}

describe('segment files that are written again', () => {
  it.each([1, 2])('keep everything else where it was, again and again, case %d', async (seed) => {
    const roll = dice(seed * 7919);
    const filled = await Filled.open();
    expect(filled.log.segments().length).toBeGreaterThan(6);
    expect(await filled.rewrite()).toBe(0);
    const { end } = filled.log;
    for (let round = 0; round < 5; round++) {
      for (const each of filled.kept) if (roll(4) === 0) each.isGone = true;
      // Whole commits, and in the last round whole segments.
      const from = roll(filled.kept.length);
      for (const each of filled.kept.slice(from, from + 12)) each.isGone = true;
      if (round === 4) for (const each of filled.kept.slice(0, 40)) each.isGone = true;
      expect(await filled.rewrite()).toBeGreaterThan(0);
      await filled.expectIntact();
      if (round % 2 === 1) await filled.reopen();
      expect(filled.log.end).toEqual(end);
    }
    await filled.reopen();
    await filled.expectIntact();
    expect(await filled.rewrite()).toBe(0);
    // Their bytes are gone from the disk.
    const files = await Promise.all(
      (await readdir(filled.directory)).map((name) => readFile(join(filled.directory, name))),
    );
    const left = await filled.left();
    for (const each of filled.kept) {
      const bytes = Buffer.from(each.entry.record.bytes);
      expect(files.some((file) => file.includes(bytes))).toBe(left.includes(each));
    }
    const { locations } = await filled.log.append(fakeEntries(9_000, 3));
    expect(await filled.log.read(locations)).toHaveLength(3);
    await filled.log.close();
  });

  it('are read on by who has them open, and by who looks at them from elsewhere', async () => {
    const filled = await Filled.open();
    const reader = await openSegmentLogReader({ directory: filled.directory, role: 'outbox' });
    const damages: string[] = [];
    const walk = reader.walk(undefined, ({ what }) => damages.push(what));
    const parts = [];
    for await (const part of reader.parts(undefined)) parts.push(part);
    const walked: LogEntry[] = [];
    let isRewritten = false;
    for await (const { entries } of walk) {
      walked.push(...entries);
      if (isRewritten) continue;
      for (const [i, each] of filled.kept.entries()) each.isGone = i % 3 === 0;
      expect(await filled.rewrite()).toBeGreaterThan(3);
      isRewritten = true;
    }
    const left = await filled.left();
    const some = left.filter((_, i) => i % 2 === 0);
    const read = await reader.read(some.map(({ location }) => location));
    expect(
      firstDifference(
        read,
        some.map(({ entry }) => entry),
      ),
    ).toBe(-1);
    const inParts: LogEntry[] = [];
    for (const part of parts) for await (const { entries } of part.scan()) inParts.push(...entries);
    expect(
      firstDifference(
        inParts,
        left.map(({ entry }) => entry),
      ),
    ).toBe(-1);
    // The first segment was open already, and was read as it was.
    expect(walked.length).toBeGreaterThanOrEqual(left.length);
    expect(damages).toEqual([]);
    await reader.close();
    await filled.log.close();
  });

  it('take no room any more once nobody reads them', async () => {
    const open = new Set<unknown>();
    const filled = await Filled.open({
      ...nodeFileSystem,
      open: async (path, mode) => {
        const file = await nodeFileSystem.open(path, mode);
        open.add(file);
        return file;
      },
      close: async (file) => {
        open.delete(file);
        await nodeFileSystem.close(file);
      },
    });
    await filled.log.read(filled.kept.map(({ location }) => location));
    const before = open.size;
    for (const [i, each] of filled.kept.entries()) each.isGone = i % 3 === 0;
    const written = await filled.rewrite();
    await vi.waitFor(() => expect(open.size).toBeLessThanOrEqual(before - written));
    await filled.log.close();
  });

  it('stay as they were where anything fails, or somebody wants an entry back', async () => {
    let failAt = Number.POSITIVE_INFINITY;
    const failing = failingFileSystem(() => (failAt -= 1) < 0);
    const filled = await Filled.open(failing);
    for (const [i, each] of filled.kept.entries()) each.isGone = i % 2 === 0;
    const [first] = filled.log.segments();
    const before = await readFile(join(filled.directory, first!.name));
    let failures = 0;
    for (let calls = 0; ; calls++) {
      failAt = calls;
      const error = await filled.log
        .rewrite(first!.number, { mayGo: filled.mayGo, pace: async () => undefined })
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      failAt = Number.POSITIVE_INFINITY;
      if (error === undefined) break;
      failures += 1;
      expect(error).toMatchObject({ kind: 'unavailable' });
      const now = await readFile(join(filled.directory, first!.name));
      if (now.equals(before)) continue;
      // Only syncing the folder was left to do.
      break;
    }
    expect(failures).toBeGreaterThan(4);
    const names = await readdir(filled.directory);
    expect(names.filter((name) => name.endsWith('.new'))).toEqual([]);
    const second = itemAt(filled.log.segments(), 1);
    let asked = 0;
    const regretted = filled.log.rewrite(second.number, {
      pace: async () => undefined,
      mayGo: async (records) => {
        const reasons = await filled.mayGo(records);
        asked += records.length;
        return asked > second.entries! ? reasons.map(() => undefined) : reasons;
      },
    });
    expect(await regretted).toBeUndefined();
    const stopped = filled.log.rewrite(second.number, {
      mayGo: filled.mayGo,
      pace: () => Promise.reject(new Error('the server ends')),
    });
    expect(await failureOf(stopped)).toMatchObject({ kind: 'unavailable' });
    await filled.rewrite();
    await filled.expectIntact();
    await filled.log.close();
  });
});

/** Fails a call where it is told to. */
function failingFileSystem(isFailing: () => boolean): SegmentFileSystem {
  const call = <T>(run: () => Promise<T>): Promise<T> =>
    isFailing() ? Promise.reject(Object.assign(new Error('broken'), { code: 'EIO' })) : run();
  return {
    ...nodeFileSystem,
    open: (path, mode) => call(() => nodeFileSystem.open(path, mode)),
    read: (file, target, position) => call(() => nodeFileSystem.read(file, target, position)),
    writeDurably: (file, bytes, position) =>
      call(() => nodeFileSystem.writeDurably(file, bytes, position)),
    sync: (file) => call(() => nodeFileSystem.sync(file)),
    syncDirectory: (path) => call(() => nodeFileSystem.syncDirectory(path)),
    rename: (from, to) => call(() => nodeFileSystem.rename(from, to)),
  };
}
