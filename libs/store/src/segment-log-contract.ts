/**
 * What every segment log does, whatever it keeps its segments on. A new adapter is right when it
 * passes this suite.
 */
import { compareBytes } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Appended, Location, LogEntry, LogPosition, SegmentLog } from './segment-log.ts';
import {
  failureOf,
  fakeEntries,
  fakeEntry,
  firstDifference,
  flipped,
  isSameEntry,
  scanAll,
  itemAt,
} from './segment-log-fixture.ts';

/** How the suite opens a log. */
export interface SegmentLogFixture {
  readonly name: string;
  /** Makes a place for a new log, where nothing is yet. */
  place(): Promise<LogPlace>;
}

/** Bounds that the suite asks for. */
export interface ContractLogOptions {
  /** Small, so that a test fills several segments. */
  readonly segmentBytesMax?: number;
  readonly cacheBytesMax?: number;
  readonly queueEntriesMax?: number;
}

/** Where one log is kept. */
export interface LogPlace {
  /** Opens the log there; again after it was closed. */
  open(options?: ContractLogOptions): Promise<SegmentLog>;
  /** Removes everything. */
  remove(): Promise<void>;
}

/** Registers the suite. */
export function describeSegmentLog(fixture: SegmentLogFixture): void {
  describe(fixture.name, () => {
    let place: LogPlace;
    const opened: SegmentLog[] = [];
    const open = async (options?: ContractLogOptions): Promise<SegmentLog> => {
      const log = await place.open(options);
      opened.push(log);
      return log;
    };
    beforeEach(async () => {
      place = await fixture.place();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((log) => log.close()));
      await place.remove();
    });
    describe('appending and reading', () => describeAppending(open));
    describe('scanning', () => describeScanning(open));
    describe('order and bounds', () => describeBounds(open));
    describe('closing', () => describeClosing(open));
  });
}

type Open = (options?: ContractLogOptions) => Promise<SegmentLog>;

/** Room for about 26 entries of the default size. */
const SMALL_SEGMENT = { segmentBytesMax: 16 * 1024 } as const;

function describeAppending(open: Open): void {
  it('is empty at first', async () => {
    const log = await open();
    expect(log.end).toBeUndefined();
    expect(log.state).toEqual({ writable: true });
    expect(await scanAll(log)).toEqual([]);
    expect(await log.read([])).toEqual([]);
  });

  it('returns what was appended, with its reception time and whether it is held', async () => {
    const log = await open();
    const entries = fakeEntries(1, 50);
    const { locations, end } = await log.append(entries);
    expect(locations).toHaveLength(50);
    expect(new Set(locations.map((location) => Buffer.from(location).toString('hex'))).size).toBe(
      50,
    );
    for (const location of locations) expect(location.length).toBeLessThanOrEqual(16);
    expect(firstDifference(await log.read(locations), entries)).toBe(-1);
    expect(log.end).toEqual(end);
    const backwards = locations.toReversed();
    expect(firstDifference(await log.read(backwards), entries.toReversed())).toBe(-1);
  });

  it('has freshly appended entries in memory', async () => {
    const log = await open();
    const entries = fakeEntries(1, 5);
    const { locations } = await log.append(entries);
    expect(
      firstDifference(
        locations.map((location) => log.peek(location)),
        entries,
      ),
    ).toBe(-1);
  });

  it('keeps records of every size, up to the largest', async () => {
    const log = await open();
    const sizes = [0, 1, 7, 8, 9, 31_000, 33_000, 70_000, 1_048_576 - 152];
    const entries = sizes.map((bytes, i) => fakeEntry(i, bytes));
    const appended: Appended[] = [];
    for (const entry of entries) appended.push(await log.append([entry]));
    const locations = appended.flatMap((one) => one.locations);
    expect(firstDifference(await log.read(locations), entries)).toBe(-1);
    expect(
      firstDifference(
        locations.map((location) => log.peek(location)),
        entries,
      ),
    ).toBe(-1);
    expect(firstDifference(await scanAll(log), entries)).toBe(-1);
  });

  it('reads the same after it was closed and opened again, from an empty cache too', async () => {
    const entries = fakeEntries(1, 200);
    let log = await open(SMALL_SEGMENT);
    const locations: Location[] = [];
    for (const entry of entries) locations.push(...(await log.append([entry])).locations);
    const { end } = log;
    await log.close();
    for (const cacheBytesMax of [1024 * 1024, 0]) {
      log = await open({ ...SMALL_SEGMENT, cacheBytesMax });
      expect(log.end).toEqual(end);
      expect(firstDifference(await log.read(locations), entries)).toBe(-1);
      const twice = await Promise.all([log.read(locations), log.read(locations)]);
      for (const found of twice) expect(firstDifference(found, entries)).toBe(-1);
      await log.close();
    }
  });

  it('hands out views that stay as they were while it goes on', async () => {
    const log = await open({ ...SMALL_SEGMENT, cacheBytesMax: 128 * 1024 });
    const first = fakeEntry(1);
    const { locations } = await log.append([first]);
    const peeked = log.peek(itemAt(locations, 0));
    expect(isSameEntry(peeked, first)).toBe(true);
    for (let i = 0; i < 40; i++) await log.append(fakeEntries(100 + i * 10, 10));
    expect(isSameEntry(peeked, first)).toBe(true);
    expect(firstDifference(await log.read(locations), [first])).toBe(-1);
  });

  it('takes an append of nothing', async () => {
    const log = await open();
    const onEmpty = await log.append([]);
    expect(onEmpty.locations).toEqual([]);
    const { end } = await log.append([fakeEntry(1)]);
    expect(compareBytes(onEmpty.end, end)).toBeLessThan(0);
    expect(await log.append([])).toEqual({ locations: [], end });
    expect(await scanAll(log, onEmpty.end)).toHaveLength(1);
  });

  it('refuses a location that names nothing', async () => {
    const log = await open();
    const { locations } = await log.append(fakeEntries(1, 3));
    const location = itemAt(locations, 0);
    expect(await failureOf(log.read([location.subarray(1)]))).toMatchObject({ kind: 'invalid' });
    for (let i = 0; i < location.length; i++) {
      const wrong = new Uint8Array(flipped(location, i, 0x40));
      expect(log.peek(wrong)).toBeUndefined();
      const error = await failureOf(log.read([location, wrong]));
      expect(error).toMatchObject({ name: 'MosaicError', code: 'segment' });
    }
  });
}

function describeScanning(open: Open): void {
  it('meets every entry in order, with its location', async () => {
    const log = await open(SMALL_SEGMENT);
    const entries = fakeEntries(1, 150);
    const locations: Location[] = [];
    for (let i = 0; i < entries.length; i += 3) {
      locations.push(...(await log.append(entries.slice(i, i + 3))).locations);
    }
    const found = await scanAll(log);
    expect(firstDifference(found, entries)).toBe(-1);
    expect(found.map(({ location }) => location)).toEqual(locations);
  });

  it('goes on behind any commit', async () => {
    const log = await open(SMALL_SEGMENT);
    const entries = fakeEntries(1, 60);
    for (let i = 0; i < entries.length; i += 2) await log.append(entries.slice(i, i + 2));
    const ends: LogPosition[] = [];
    let before = 0;
    for await (const commit of log.scan(undefined)) {
      const last = ends.at(-1);
      if (last !== undefined) expect(compareBytes(last, commit.end)).toBeLessThan(0);
      ends.push(commit.end);
      before += commit.entries.length;
      expect(firstDifference(await scanAll(log, commit.end), entries.slice(before))).toBe(-1);
    }
    expect(before).toBe(60);
    expect(ends.at(-1)).toEqual(log.end);
  });

  it('ends with what was durable at the call, while appending goes on', async () => {
    const log = await open(SMALL_SEGMENT);
    const entries = fakeEntries(1, 40);
    await log.append(entries);
    const scan = log.scan(undefined);
    const found: LogEntry[] = [];
    let seed = 1000;
    await log.append(fakeEntries(seed, 40));
    for await (const commit of scan) {
      found.push(...commit.entries);
      seed += 40;
      await log.append(fakeEntries(seed, 40));
    }
    expect(firstDifference(found, entries)).toBe(-1);
  });

  it('can be left early', async () => {
    const log = await open(SMALL_SEGMENT);
    for (let i = 0; i < 30; i++) await log.append(fakeEntries(i, 2));
    for await (const commit of log.scan(undefined)) {
      expect(commit.entries).toHaveLength(2);
      break;
    }
    await log.close();
  });
}

function describeBounds(open: Open): void {
  it('keeps the order of a storm of appends, and the entries of each together', async () => {
    const log = await open({ segmentBytesMax: 256 * 1024 });
    const calls = Array.from({ length: 500 }, (_, i) => fakeEntries(i * 100, (i * 7) % 11));
    const done: number[] = [];
    const appends = calls.map(async (entries, i) => {
      const appended = await log.append(entries);
      if (entries.length > 0) done.push(i);
      return appended;
    });
    const appended = await Promise.all(appends);
    const last = itemAt(appended, -1);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    const expected = calls.flat();
    const locations = appended.flatMap((one) => one.locations);
    expect(firstDifference(await log.read(locations), expected)).toBe(-1);
    const found = await scanAll(log);
    expect(found.map(({ location }) => location)).toEqual(locations);
    for (const { end } of appended) expect(compareBytes(end, last.end)).toBeLessThanOrEqual(0);
  });

  it('commits together what comes together', async () => {
    const log = await open();
    await Promise.all(fakeEntries(1, 100).map((entry) => log.append([entry])));
    let commits = 0;
    for await (const commit of log.scan(undefined)) commits += commit.entries.length > 0 ? 1 : 0;
    expect(commits).toBeLessThan(10);
  });

  it('refuses what does not fit its queue, and takes it later', async () => {
    const log = await open({ queueEntriesMax: 100 });
    expect(await failureOf(log.append(fakeEntries(1, 101)))).toMatchObject({ kind: 'invalid' });
    const first = log.append(fakeEntries(1, 60));
    const refused = await failureOf(log.append(fakeEntries(100, 60)));
    expect(refused).toMatchObject({ kind: 'limited', code: 'log-busy', retryable: true });
    const second = log.append(fakeEntries(200, 40));
    await Promise.all([first, second]);
    await log.append(fakeEntries(100, 60));
    expect(await scanAll(log)).toHaveLength(160);
  });
}

function describeClosing(open: Open): void {
  it('finishes what was accepted', async () => {
    let log = await open(SMALL_SEGMENT);
    const entries = fakeEntries(1, 90);
    const appends = entries.map((entry) => log.append([entry]));
    await log.close();
    await Promise.all(appends);
    log = await open(SMALL_SEGMENT);
    expect(firstDifference(await scanAll(log), entries)).toBe(-1);
  });

  it('does nothing more afterwards', async () => {
    const log = await open();
    const { locations } = await log.append(fakeEntries(1, 2));
    await Promise.all([log.close(), log.close()]);
    const closed = { kind: 'closed' };
    expect(await failureOf(log.append(fakeEntries(1, 2)))).toMatchObject(closed);
    expect(await failureOf(log.read(locations))).toMatchObject(closed);
    expect(() => log.scan(undefined)).toThrow(expect.objectContaining(closed));
  });

  it('ends a scan that is under way', async () => {
    const log = await open(SMALL_SEGMENT);
    for (let i = 0; i < 30; i++) await log.append(fakeEntries(i, 2));
    const scanning = (async () => {
      for await (const commit of log.scan(undefined)) {
        expect(commit.entries).toHaveLength(2);
        await log.close();
      }
    })();
    expect(await failureOf(scanning)).toMatchObject({ kind: 'closed' });
  });

  it('goes on where it was', async () => {
    const entries = fakeEntries(1, 100);
    for (let i = 0; i < entries.length; i += 10) {
      const log = await open(SMALL_SEGMENT);
      const before = log.end;
      await log.append(entries.slice(i, i + 10));
      if (before !== undefined) expect(compareBytes(before, log.end ?? before)).toBeLessThan(0);
      await log.close();
    }
    const log = await open(SMALL_SEGMENT);
    expect(firstDifference(await scanAll(log), entries)).toBe(-1);
  });
}
