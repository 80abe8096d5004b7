/** Reading a cluster's segments beside its workers: all that is whole is met, and damage is named. */
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { LogReader, SegmentDamage } from './log-reader.ts';
import { openFileObjectStore } from './object-store-files.ts';
import {
  failureOf,
  fakeEntries,
  firstDifference,
  flipped,
  itemAt,
  TestFolders,
} from './segment-log-fixture.ts';
import type { LogEntry, ScannedEntry } from './segment-log.ts';
import { openObjectSegmentLog } from './segment-log-objects.ts';
import { openObjectLogReader } from './segment-log-objects-observer.ts';

const folders = new TestFolders();
afterAll(() => folders.close());
const COMMITS = Array.from({ length: 8 }, (_, i) => fakeEntries(i * 3, 3, 100));

async function walkAll(
  reader: LogReader,
): Promise<{ entries: ScannedEntry[]; damages: SegmentDamage[] }> {
  const entries: ScannedEntry[] = [];
  const damages: SegmentDamage[] = [];
  const walk = reader.walk(undefined, (damage) => damages.push(damage));
  for await (const commit of walk) entries.push(...commit.entries);
  return { entries, damages };
}

async function withLog(
  test: (parts: {
    directory: string;
    append: (entries: readonly LogEntry[]) => Promise<Uint8Array>;
    reader: LogReader;
  }) => Promise<void>,
): Promise<void> {
  const directory = await folders.next();
  const store = await openFileObjectStore({ directory });
  const log = await openObjectSegmentLog({ store, role: 'outbox' });
  for (const entries of COMMITS) await log.append(entries);
  const reader = await openObjectLogReader({ store, role: 'outbox' });
  const append = async (entries: readonly LogEntry[]): Promise<Uint8Array> =>
    itemAt((await log.append(entries)).locations, -1);
  await test({ directory: join(directory, 'segments', 'outbox'), append, reader });
  await reader.close();
  await log.close();
  await store.close();
}

it('finds what workers wrote until it was opened, and more when it looks again', async () => {
  await withLog(async ({ append, reader }) => {
    const more = fakeEntries(900, 2, 0);
    const location = await append(more);
    const { entries, damages } = await walkAll(reader);
    expect(damages).toEqual([]);
    expect(firstDifference(entries, COMMITS.flat())).toBe(-1);
    expect(await reader.totals()).toMatchObject({ segments: COMMITS.length });
    expect(reader.isBeyond(location)).toBe(true);
    await reader.refresh();
    expect(reader.isBeyond(location)).toBe(false);
    expect(firstDifference((await walkAll(reader)).entries, [...COMMITS.flat(), ...more])).toBe(-1);
    expect(await failureOf(reader.append(more))).toMatchObject({ code: 'log-read-only' });
  });
});

it('names an object that is damaged or cut off, and goes on behind it', async () => {
  await withLog(async ({ directory, reader }) => {
    const names = (await readdir(directory)).sort();
    const [first, second] = [itemAt(names, 1), itemAt(names, 4)];
    const path = join(directory, first);
    await writeFile(path, flipped(await readFile(path), 200, 4));
    await truncate(join(directory, second), (await stat(join(directory, second))).size - 9);
    const { entries, damages } = await walkAll(reader);
    expect(damages.map(({ segment }) => segment)).toEqual(
      [first, second].map((name) => `segments/outbox/${name}`),
    );
    const rest = COMMITS.filter((_, i) => i !== 1 && i !== 4).flat();
    expect(firstDifference(entries, rest)).toBe(-1);
    const parts: ScannedEntry[] = [];
    const told: SegmentDamage[] = [];
    for await (const part of reader.wholeParts((damage) => told.push(damage))) {
      for await (const commit of part.scan()) parts.push(...commit.entries);
    }
    expect(firstDifference(parts, rest)).toBe(-1);
    expect(told).toEqual(damages);
  });
});

it('expects in an index only what had the time to get there', async () => {
  await withLog(async ({ reader }) => {
    const end = reader.end!;
    expect(reader.isDue(end, end)).toBe(false);
  });
  await withLog(async ({ directory }) => {
    const store = await openFileObjectStore({ directory: join(directory, '..', '..') });
    const clock = { now: () => Date.now() + 121_000 };
    const later = await openObjectLogReader({ store, role: 'outbox', clock });
    const end = later.end!;
    expect(later.isDue(end, end)).toBe(true);
    expect(later.isDue(end, new Uint8Array(10))).toBe(false);
    await later.close();
    await store.close();
  });
});
