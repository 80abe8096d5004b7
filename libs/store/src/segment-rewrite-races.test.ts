/** Segment files that are written again while others read them, and on disks that are slow or lie. */
import { readdir } from 'node:fs/promises';
import { hexEncode } from '@mosaic-cluster/protocol';
import { afterAll, expect, it } from 'vitest';
import type { LeavingJudge } from './joins/compaction.ts';
import { nodeFileSystem, type SegmentFileSystem } from './segment-file-system.ts';
import type { Location, LogEntry } from './segment-log.ts';
import {
  fakeEntries,
  firstDifference,
  itemAt,
  scanAll,
  TestFolders,
} from './segment-log-fixture.ts';
import { type FileSegmentLog, openSegmentLog } from './segment-log-files.ts';
import { openSegmentLogReader } from './segment-log-reader.ts';
import type { Rewritten } from './segment-rewrite.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

interface Small {
  readonly directory: string;
  readonly log: FileSegmentLog;
  /** What stays when its first segment is written again, and where. */
  readonly kept: { readonly entry: LogEntry; readonly location: Location }[];
  readonly rewrite: () => Promise<Rewritten | undefined>;
}

/** A log whose first segment has entries to lose, and of which nothing is in memory. */
async function smallLog(fileSystem: SegmentFileSystem): Promise<Small> {
  const directory = await folders.next();
  const log = await openSegmentLog({
    directory,
    role: 'outbox',
    fileSystem,
    segmentBytesMax: 8192,
    freeBytesMin: 0,
    cacheBytesMax: 0,
    openFilesMax: 1,
  });
  const kept: Small['kept'] = [];
  const gone = new Set<string>();
  for (let i = 0; log.segments().length < 4; i++) {
    const entries = fakeEntries(i * 10, 4, 200);
    const { locations } = await log.append(entries);
    const isFirst = log.segments().length === 1;
    entries.forEach((entry, n) => {
      const leaves = isFirst && n % 2 === 0;
      if (leaves) gone.add(hexEncode(entry.record.id));
      else kept.push({ entry, location: itemAt(locations, n) });
    });
  }
  const mayGo: LeavingJudge = async (records) =>
    records.map(({ id }) => (gone.has(hexEncode(id)) ? 'removed' : undefined));
  const { number } = log.segments()[0]!;
  const rewrite = (): Promise<Rewritten | undefined> =>
    log.rewrite(number, { mayGo, pace: async () => undefined });
  return { directory, log, kept, rewrite };
}

async function expectAll({ log, kept }: Small): Promise<void> {
  const entries = kept.map(({ entry }) => entry);
  const read = await log.read(kept.map(({ location }) => location));
  expect(firstDifference(read, entries)).toBe(-1);
  expect(firstDifference(await scanAll(log), entries)).toBe(-1);
}

it('are read while the disk takes its time to tell that the new file is in place', async () => {
  let onRenamed: () => Promise<void> = async () => undefined;
  const small = await smallLog({
    ...nodeFileSystem,
    rename: async (from, to) => {
      await nodeFileSystem.rename(from, to);
      await onRenamed();
    },
  });
  let reads: Promise<unknown> = Promise.resolve();
  onRenamed = async () => {
    reads = expectAll(small);
    reads.catch(() => undefined);
    // Longer than it takes to see that it is another file.
    for (let turn = 0; turn < 50; turn++) await readdir(small.directory);
  };
  expect(await small.rewrite()).toBeDefined();
  await reads;
  await small.log.close();
});

it('are read after a rename that was done although it is said to have failed', async () => {
  let isLying = false;
  const small = await smallLog({
    ...nodeFileSystem,
    rename: async (from, to) => {
      await nodeFileSystem.rename(from, to);
      if (isLying) throw Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
    },
  });
  isLying = true;
  await small.rewrite().catch(() => undefined);
  await expectAll(small);
  await small.log.close();
});

it('are found in whole parts, and at places, by who saw them before', async () => {
  const small = await smallLog(nodeFileSystem);
  const reader = await openSegmentLogReader({ directory: small.directory, role: 'outbox' });
  const damages: string[] = [];
  const parts = [];
  for await (const part of reader.wholeParts(({ what }) => damages.push(what))) parts.push(part);
  expect(await small.rewrite()).toBeDefined();
  const found: LogEntry[] = [];
  for (const part of parts) for await (const { entries } of part.scan()) found.push(...entries);
  expect(
    firstDifference(
      found,
      small.kept.map(({ entry }) => entry),
    ),
  ).toBe(-1);
  expect(damages).toEqual([]);
  await reader.close();
  await small.log.close();
});

it('are written in few calls, for each has to reach the disk', async () => {
  let writes = 0;
  const small = await smallLog({
    ...nodeFileSystem,
    writeDurably: async (file, bytes, position) => {
      writes += 1;
      await nodeFileSystem.writeDurably(file, bytes, position);
    },
  });
  writes = 0;
  expect(await small.rewrite()).toBeDefined();
  expect(writes).toBeLessThan(4);
  await small.log.close();
});
