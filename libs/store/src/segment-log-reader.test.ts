/** Reading segments that another process owns: nothing is changed, and damage hides nothing. */
import { cp, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { SegmentDamage } from './log-reader.ts';
import { openSegmentLog } from './segment-log-files.ts';
import {
  failureOf,
  fakeEntries,
  firstDifference,
  flipped,
  isSameEntry,
  itemAt,
  scanAll,
  TestFolders,
} from './segment-log-fixture.ts';
import { openSegmentLogReader, type SegmentLogReader } from './segment-log-reader.ts';
import type { LogEntry, LogPosition, ScannedEntry } from './segment-log.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

const SEGMENT_BYTES = 8192;
const writing = { role: 'outbox', freeBytesMin: 0, segmentBytesMax: SEGMENT_BYTES } as const;
const COMMITS: readonly LogEntry[][] = Array.from({ length: 30 }, (_, i) =>
  fakeEntries(i * 3, 3, 100),
);

async function make(commits: readonly LogEntry[][] = COMMITS): Promise<string> {
  const directory = await folders.next();
  const log = await openSegmentLog({ ...writing, directory });
  for (const entries of commits) await log.append(entries);
  await log.close();
  return directory;
}

function openReader(directory: string): Promise<SegmentLogReader> {
  return openSegmentLogReader({ directory, role: 'outbox' });
}

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).sort();
}

async function walkAll(
  reader: SegmentLogReader,
  from?: LogPosition,
): Promise<{ entries: ScannedEntry[]; damages: SegmentDamage[]; ends: LogPosition[] }> {
  const entries: ScannedEntry[] = [];
  const damages: SegmentDamage[] = [];
  const ends: LogPosition[] = [];
  for await (const commit of reader.walk(from, (damage) => damages.push(damage))) {
    entries.push(...commit.entries);
    ends.push(commit.end);
  }
  return { entries, damages, ends };
}

async function flip(path: string, at: number): Promise<void> {
  await writeFile(path, flipped(await readFile(path), at, 0x10));
}

it('finds what the log itself finds, and reads it', async () => {
  const directory = await make();
  const reader = await openReader(directory);
  const { entries, damages, ends } = await walkAll(reader);
  expect(damages).toEqual([]);
  expect(firstDifference(entries, COMMITS.flat())).toBe(-1);
  expect(reader.end).toEqual(ends.at(-1));
  expect(reader.segments().length).toBeGreaterThan(1);
  const log = await openSegmentLog({ ...writing, directory });
  expect(reader.segments()).toEqual(log.segments());
  expect(reader.end).toEqual(log.end);
  await log.close();
  const read = await reader.read(entries.map(({ location }) => location));
  expect(firstDifference(read, COMMITS.flat())).toBe(-1);
  const rest = await walkAll(reader, ends[9]);
  expect(firstDifference(rest.entries, COMMITS.slice(10).flat())).toBe(-1);
  expect(await failureOf(reader.append(COMMITS.flat()))).toMatchObject({ code: 'log-read-only' });
  await reader.close();
});

it('is empty where there is no folder, and makes none', async () => {
  const directory = await folders.next();
  const reader = await openReader(directory);
  expect(reader.end).toBeUndefined();
  expect((await walkAll(reader)).entries).toEqual([]);
  expect(await failureOf(stat(directory))).toMatchObject({ code: 'ENOENT' });
  await reader.close();
});

it('changes nothing: not a torn tail, not what is unfinished', async () => {
  const directory = await make();
  const newest = join(directory, itemAt(await namesIn(directory), -1));
  await truncate(newest, (await stat(newest)).size - 5);
  const bytes = await readFile(newest);
  const unfinished = join(directory, '0000000099-20261123T101153Z.segment.new');
  await writeFile(unfinished, 'x');
  await mkdir(join(directory, 'other'));
  const reader = await openReader(directory);
  const { entries, damages } = await walkAll(reader);
  expect(damages).toEqual([]);
  expect(firstDifference(entries, COMMITS.slice(0, -1).flat())).toBe(-1);
  expect(reader.tornTail).toMatchObject({ segment: itemAt(await namesIn(directory), -3) });
  expect(reader.foreignFiles).toEqual(['other']);
  expect(await readFile(newest)).toEqual(bytes);
  expect(await readFile(unfinished, 'utf8')).toBe('x');
  await reader.close();
});

it('follows a log that is being written, over the end of segments', async () => {
  const directory = await make(COMMITS.slice(0, 1));
  const log = await openSegmentLog({ ...writing, directory });
  const reader = await openReader(directory);
  for (const entries of COMMITS.slice(1)) {
    const { locations } = await log.append(entries);
    const last = itemAt(locations, -1);
    expect(reader.peek(last)).toBeUndefined();
    expect(reader.isBeyond(last)).toBe(true);
    await reader.refresh();
    expect(reader.isBeyond(last)).toBe(false);
    expect(reader.end).toEqual(log.end);
    const [read] = await reader.read([last]);
    expect(isSameEntry(read, entries.at(-1))).toBe(true);
  }
  expect(firstDifference((await walkAll(reader)).entries, COMMITS.flat())).toBe(-1);
  await reader.close();
  await log.close();
});

it('names a flipped byte anywhere in an old segment, and goes on behind it', async () => {
  const directory = await make();
  const name = itemAt(await namesIn(directory), 0);
  const { size } = await stat(join(directory, name));
  for (let at = 0; at < size; at += 97) {
    const copy = await folders.next();
    await cp(directory, copy, { recursive: true });
    await flip(join(copy, name), at);
    const reader = await openReader(copy);
    const { damages, entries } = await walkAll(reader);
    expect(damages.length, `byte ${at}`).toBeGreaterThan(0);
    expect(damages[0]).toMatchObject({ segment: name });
    // A damaged head takes its segment with it; a damaged commit takes itself.
    const lost = COMMITS.flat().length - entries.length;
    if (at >= 64) {
      expect(itemAt(damages, 0).offset).toBeLessThanOrEqual(at);
      expect(itemAt(damages, 0).end).toBeGreaterThan(at);
      expect(lost).toBeLessThanOrEqual(3);
    }
    expect(await failureOf(scanAll(reader))).toMatchObject({ code: 'segment' });
    await reader.close();
  }
});

it('names a damaged commit of the newest segment that others follow', async () => {
  const directory = await make();
  const name = itemAt(await namesIn(directory), -1);
  await flip(join(directory, name), 64 + 30);
  const reader = await openReader(directory);
  const { damages, entries } = await walkAll(reader);
  expect(damages).toMatchObject([{ segment: name, offset: 64 }]);
  expect(entries.length).toBe(COMMITS.flat().length - 3);
  expect(reader.tornTail).toBeUndefined();
  await reader.close();
});

it('names an old segment that was cut off, between commits and within one', async () => {
  const directory = await make();
  const name = itemAt(await namesIn(directory), 0);
  const bytes = await readFile(join(directory, name));
  const footer = bytes.readUInt32LE(bytes.length - 16);
  for (const cut of [footer, footer - 8, footer + 8, 40, 0]) {
    const copy = await folders.next();
    await cp(directory, copy, { recursive: true });
    await truncate(join(copy, name), cut);
    const reader = await openReader(copy);
    const { damages } = await walkAll(reader);
    expect(damages, `cut at ${cut}`).toMatchObject([{ segment: name }]);
    await reader.close();
  }
});
