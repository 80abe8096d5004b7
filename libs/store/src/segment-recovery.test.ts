/** What a start makes of a folder: after crashes, with damage, with things that do not belong there. */
import { cp, mkdir, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MosaicError } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type FileSegmentLog, openSegmentLog } from './segment-log-files.ts';
import {
  failureOf,
  fakeEntries,
  fakeEntry,
  firstDifference,
  flipped,
  scanAll,
  TestFolders,
  itemAt,
} from './segment-log-fixture.ts';
import type { LogEntry } from './segment-log.ts';
import type { SegmentWarning } from './segment-warning.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

const SEGMENT_BYTES = 4096;

interface Opened {
  readonly log: FileSegmentLog;
  readonly warnings: SegmentWarning[];
}

async function open(directory: string, role = 'outbox'): Promise<Opened> {
  const warnings: SegmentWarning[] = [];
  const log = await openSegmentLog({
    directory,
    role,
    freeBytesMin: 0,
    segmentBytesMax: SEGMENT_BYTES,
    onWarning: (message, warning) => {
      expect(message).not.toBe('');
      warnings.push(warning);
    },
  });
  return { log, warnings };
}

/** Appends one commit per list of entries to a new folder. */
async function make(commits: readonly LogEntry[][]): Promise<string> {
  const directory = await folders.next();
  const { log } = await open(directory);
  for (const entries of commits) await log.append(entries);
  await log.close();
  return directory;
}

async function copyOf(directory: string): Promise<string> {
  const copy = await folders.next();
  await cp(directory, copy, { recursive: true });
  return copy;
}

async function newestOf(directory: string): Promise<string> {
  return join(directory, itemAt((await readdir(directory)).sort(), -1));
}

/** Opens, compares, appends, opens again and compares again. */
async function expectIntact(directory: string, expected: readonly LogEntry[]): Promise<Opened> {
  const first = await open(directory);
  expect(firstDifference(await scanAll(first.log), expected)).toBe(-1);
  const more = fakeEntries(90_000, 2, 0);
  await first.log.append(more);
  await first.log.close();
  const { log, warnings } = await open(directory);
  expect(warnings).toEqual([]);
  expect(firstDifference(await scanAll(log), [...expected, ...more])).toBe(-1);
  await log.close();
  return first;
}

describe('after a crash', () => {
  it('at every byte of the last commit, all before it is there and appending goes on', async () => {
    const before = [fakeEntries(1, 3, 0), fakeEntries(4, 1, 0)];
    const directory = await make([...before, fakeEntries(5, 1, 0)]);
    const path = await newestOf(directory);
    const end = (await stat(path)).size;
    const start = end - (24 + 16 + 152);
    for (let cut = start; cut < end; cut++) {
      const copy = await copyOf(directory);
      await truncate(await newestOf(copy), cut);
      const { warnings } = await expectIntact(copy, before.flat());
      const torn = { event: 'torn-tail', file: await newestOf(copy), offset: start };
      expect(warnings).toEqual(cut === start ? [] : [{ ...torn, bytes: cut - start }]);
    }
  });

  it('at every byte of a footer, the segment is intact and goes on', async () => {
    const commits = [fakeEntries(1, 4, 0), fakeEntries(5, 1, 3000), fakeEntries(6, 1, 3000)];
    const directory = await make(commits);
    const names = (await readdir(directory)).sort();
    const first = itemAt(names, 0);
    const second = itemAt(names, 1);
    const bytes = await readFile(join(directory, first));
    const start = bytes.readUInt32LE(bytes.length - 16);
    for (let cut = start; cut <= bytes.length; cut++) {
      const copy = await copyOf(directory);
      await rename(join(copy, second), join(await folders.next()));
      await truncate(join(copy, first), cut);
      const { log, warnings } = await open(copy);
      expect(log.segments()[0]).toMatchObject({ closed: cut === bytes.length, entries: 5 });
      expect(warnings).toHaveLength(cut === start || cut === bytes.length ? 0 : 1);
      await log.close();
      await expectIntact(copy, commits.slice(0, 2).flat());
    }
  });

  it('that left holes, zeros or old bytes in the last commit, all before it is there', async () => {
    const before = [fakeEntries(1, 2, 0)];
    const directory = await make([...before, fakeEntries(5, 3, 300)]);
    const bytes = await readFile(await newestOf(directory));
    const start = 64 + 24 + 2 * (16 + 152);
    const damage = fc.array(
      fc.record({ at: fc.integer({ min: start, max: bytes.length - 1 }), value: fc.nat(255) }),
      { minLength: 1, maxLength: 20 },
    );
    const extra = fc.uint8Array({ maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(damage, extra, async (places, tail) => {
        const torn = Buffer.concat([bytes, tail]);
        for (const { at, value } of places) torn[at] = value;
        fc.pre(torn.compare(bytes, 0, bytes.length, 0, bytes.length) !== 0);
        const copy = await copyOf(directory);
        await writeFile(await newestOf(copy), torn);
        await expectIntact(copy, before.flat());
      }),
      { numRuns: 60 },
    );
  });

  it('while a segment was begun, what it left is removed', async () => {
    const commits = [fakeEntries(1, 4)];
    const directory = await make(commits);
    const unfinished = join(directory, '0000000002-20261123T094417Z.segment.new');
    await writeFile(unfinished, 'MosSeg');
    const { warnings } = await expectIntact(directory, commits.flat());
    expect(warnings).toEqual([{ event: 'unfinished-segment', file: unfinished }]);
  });

  it('holds for random appends, restarts and cuts', async () => {
    const commit = fc.record({
      sizes: fc.array(fc.nat(1500), { minLength: 1, maxLength: 4 }),
      restart: fc.boolean(),
      cutBytes: fc.option(fc.nat(4000), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(commit, { minLength: 1, maxLength: 12 }), async (commits) => {
        const directory = await folders.next();
        const kept: LogEntry[] = [];
        let { log } = await open(directory);
        let seed = 0;
        for (const { sizes, restart, cutBytes } of commits) {
          const entries = sizes.map((bytes) => fakeEntry((seed += 1), bytes));
          await log.append(entries);
          const segment = itemAt(log.segments(), -1);
          if (cutBytes !== undefined) {
            // A crash before this commit was acknowledged: some of it may be on the disk.
            const frame = entries.reduce((sum, { record }) => sum + 16 + record.bytes.length, 24);
            await log.close();
            const path = join(directory, segment.name);
            await truncate(path, segment.bytes - 1 - (cutBytes % frame));
          } else {
            kept.push(...entries);
            if (restart) await log.close();
          }
          if (restart || cutBytes !== undefined) ({ log } = await open(directory));
          expect(firstDifference(await scanAll(log), kept)).toBe(-1);
        }
        await log.close();
      }),
      { numRuns: 40 },
    );
  });
});

describe('damage', () => {
  it('anywhere before the last commit of the newest segment stops the start and stays', async () => {
    const directory = await make([
      fakeEntries(1, 2, 0),
      fakeEntries(3, 1, 0),
      fakeEntries(4, 1, 0),
    ]);
    const path = await newestOf(directory);
    const bytes = await readFile(path);
    const second = 64 + 24 + 2 * (16 + 152);
    const third = second + 24 + 16 + 152;
    for (let at = 0; at < third; at++) {
      const damaged = flipped(bytes, at, 1 << (at % 8));
      await writeFile(path, damaged);
      const error = await failureOf(open(directory));
      const offset = at < 64 ? 0 : at < second ? 64 : second;
      expect(error).toMatchObject({ kind: 'corrupt', code: 'segment', range: { start: offset } });
      expect((error as Error).message).toContain(`${path} is damaged at byte ${offset}`);
      expect(damaged.equals(await readFile(path))).toBe(true);
    }
  });

  it('in an older segment stops a scan there, and other records are served', async () => {
    const directory = await make(Array.from({ length: 12 }, (_, i) => fakeEntries(i * 4, 4, 100)));
    const name: string = itemAt((await readdir(directory)).sort(), 0);
    const path = join(directory, name);
    const bytes = await readFile(path);
    const footer = bytes.readUInt32LE(bytes.length - 16);
    for (let at = 64; at < bytes.length; at += 13) {
      const damaged = flipped(bytes, at, 1 << (at % 8));
      await writeFile(path, damaged);
      const { log, warnings } = await open(directory);
      const error = await failureOf(scanAll(log));
      expect(error).toMatchObject({ kind: 'corrupt', code: 'segment' });
      const offset = (error as MosaicError).range?.start ?? -1;
      expect((error as Error).message).toContain(`${name} is damaged at byte ${offset}`);
      expect(offset).toBeLessThanOrEqual(at);
      expect(offset > footer - 1).toBe(at >= footer);
      for (const warning of warnings) expect(warning).toMatchObject({ event: 'footer-damaged' });
      if (warnings.length > 0) expect(at).toBeGreaterThanOrEqual(footer);
      const { locations } = await log.append(fakeEntries(7000, 3));
      expect(firstDifference(await log.read(locations), fakeEntries(7000, 3))).toBe(-1);
      await log.close();
      expect(damaged.equals(await readFile(path))).toBe(true);
      await writeFile(path, bytes);
    }
  });

  it('of an entry that is read is noticed where lengths or flags are hit', async () => {
    const directory = await make([fakeEntries(0, 2), fakeEntries(2, 10), fakeEntries(20, 1)]);
    const { log } = await open(directory);
    const first = itemAt(await scanAll(log), 0);
    await log.append(fakeEntries(30, 20, 100));
    await log.close();
    const path = join(directory, itemAt(log.segments(), 0).name);
    const bytes = await readFile(path);
    const entryOffset = 64 + 24;
    const recordOffset = entryOffset + 16;
    for (const at of [0, 3, 4, 5, 7, 8].map((i) => entryOffset + i).concat(recordOffset + 148)) {
      const damaged = flipped(bytes, at, 0x80);
      await writeFile(path, damaged);
      const reopened = await open(directory);
      const error = await failureOf(reopened.log.read([first.location]));
      expect(error).toMatchObject({ kind: 'corrupt', range: { start: entryOffset } });
      await reopened.log.close();
    }
  });

  it('that swaps whole frames, or takes them from another segment, does not pass', async () => {
    const directory = await make([
      fakeEntries(1, 1, 0),
      fakeEntries(2, 1, 0),
      fakeEntries(3, 1, 0),
    ]);
    const other = await make([fakeEntries(9, 1, 0)]);
    const path = await newestOf(directory);
    const bytes = await readFile(path);
    const frame = 24 + 16 + 152;
    const swapped = Buffer.from(bytes);
    bytes.copy(swapped, 64, 64 + frame, 64 + 2 * frame);
    bytes.copy(swapped, 64 + frame, 64, 64 + frame);
    const foreign = Buffer.from(bytes);
    (await readFile(await newestOf(other))).copy(foreign, 64, 64, 64 + frame);
    for (const wrong of [swapped, foreign]) {
      await writeFile(path, wrong);
      expect(await failureOf(open(directory))).toMatchObject({ kind: 'corrupt' });
    }
  });

  it('by a missing older segment leaves its records not found', async () => {
    const directory = await make(Array.from({ length: 12 }, (_, i) => fakeEntries(i * 4, 4, 100)));
    const before = await open(directory);
    const entries = await scanAll(before.log);
    const first = itemAt(entries, 0);
    const name = itemAt(before.log.segments(), 0).name;
    const held = itemAt(before.log.segments(), 0).entries!;
    await rename(join(directory, name), await folders.next());
    expect(await failureOf(before.log.read([first.location]))).toMatchObject({
      kind: 'not-found',
      code: 'segment',
    });
    await before.log.close();
    const { log } = await open(directory);
    expect(await failureOf(log.read([first.location]))).toMatchObject({ kind: 'not-found' });
    expect(firstDifference(await scanAll(log), entries.slice(held))).toBe(-1);
    await log.close();
  });
});

describe('what does not belong there', () => {
  it('is named and left alone', async () => {
    const commits = [fakeEntries(1, 4)];
    const directory = await make(commits);
    const names = ['.DS_Store', '0000000009.segment', 'data.mdb', 'lost+found', 'z.segment.new'];
    for (const name of names) {
      if (name === 'lost+found') await mkdir(join(directory, name));
      else await writeFile(join(directory, name), name);
    }
    const { log, warnings } = await open(directory);
    const files = names.map((name) => ({ event: 'foreign-file', file: join(directory, name) }));
    expect(warnings).toEqual(files);
    expect(firstDifference(await scanAll(log), commits.flat())).toBe(-1);
    await log.close();
    for (const name of names.filter((name) => name !== 'lost+found')) {
      expect(await readFile(join(directory, name), 'utf8')).toBe(name);
    }
  });

  it('with the name of a segment stops the start', async () => {
    for (const content of ['', 'x', 'x'.repeat(5000)]) {
      const directory = await make([fakeEntries(1, 4)]);
      const path = join(directory, '0000000007-20261123T094417Z.segment');
      await writeFile(path, content);
      const error = await failureOf(open(directory));
      expect(error).toMatchObject({ kind: 'corrupt', code: 'segment' });
      expect((error as Error).message).toContain(path);
      expect(await readFile(path, 'utf8')).toBe(content);
    }
  });

  it('a segment of another role, a renamed one and a second one of a number', async () => {
    const directory = await make([fakeEntries(1, 4)]);
    const path = await newestOf(directory);
    expect(await failureOf(open(directory, 'inbox'))).toMatchObject({
      kind: 'conflict',
      code: 'segment-role',
    });
    await cp(path, join(directory, '0000000002-20261123T094417Z.segment'));
    expect(await failureOf(open(directory))).toMatchObject({ kind: 'corrupt' });
    await rename(
      join(directory, '0000000002-20261123T094417Z.segment'),
      join(directory, '0000000001-20261123T094417Z.segment'),
    );
    expect(await failureOf(open(directory))).toMatchObject({
      kind: 'conflict',
      code: 'segment-number',
    });
  });

  it('a folder that is a file', async () => {
    const path = await folders.next();
    await writeFile(path, '');
    const error = await failureOf(open(path));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'log-failed' });
    expect((error as Error).message).toContain(path);
  });
});

describe('positions', () => {
  it('behind the end of the log are refused', async () => {
    const directory = await make([fakeEntries(1, 2), fakeEntries(3, 2)]);
    const { log } = await open(directory);
    const end = (log.end ?? new Uint8Array()).slice();
    await log.close();
    const path = await newestOf(directory);
    await truncate(path, (await stat(path)).size - 10);
    const cut = await open(directory);
    expect(() => cut.log.scan(end)).toThrow(expect.objectContaining({ code: 'log-position' }));
    expect(() => cut.log.scan(end.subarray(1))).toThrow('a log position has 8 bytes, not 7');
    await cut.log.close();
  });
});
