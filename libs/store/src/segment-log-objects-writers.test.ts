/** Several writers of one log: nobody waits for anybody, and whoever reads the log meets everything. */
import { compareBytes } from '@mosaic-cluster/protocol';
import { afterAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import type { LogPosition } from './segment-log.ts';
import {
  failureOf,
  fakeEntries,
  fakeEntry,
  itemAt,
  scanAll,
  TestFolders,
} from './segment-log-fixture.ts';
import {
  type ObjectSegmentLog,
  type ObjectSegmentLogOptions,
  openObjectSegmentLog,
} from './segment-log-objects.ts';
import { encodeSegmentKey } from './segment-log-objects-address.ts';
import type { SegmentWarning } from './segment-warning.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

const NOW_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;

async function newStore(): Promise<ObjectStore> {
  return openFileObjectStore({ directory: await folders.next() });
}

function openOn(
  store: ObjectStore,
  options: Partial<ObjectSegmentLogOptions> = {},
): Promise<ObjectSegmentLog> {
  return openObjectSegmentLog({ store, role: 'outbox', commitIntervalMs: 0, ...options });
}

function at(timeMs: number): Partial<ObjectSegmentLogOptions> {
  return { clock: { now: () => timeMs } };
}

async function seeds(log: ObjectSegmentLog, from?: LogPosition): Promise<number[]> {
  const origin = fakeEntry(0).receivedAt;
  return (await scanAll(log, from)).map(({ receivedAt }) => Number(receivedAt - origin));
}

describe('several writers', () => {
  it('lose nothing of one another, and everybody meets everything in one order', async () => {
    const store = await newStore();
    const logs = await Promise.all([openOn(store), openOn(store), openOn(store)]);
    const appends = Array.from({ length: 150 }, async (_, i) => {
      const log = itemAt(logs, i % 3);
      const { locations } = await log.append(fakeEntries(i * 10, 1 + (i % 7)));
      return locations;
    });
    const locations = (await Promise.all(appends)).flat();
    const found = await Promise.all(logs.map((log) => seeds(log)));
    const expected = Array.from({ length: 150 }, (_, i) =>
      Array.from({ length: 1 + (i % 7) }, (_unused, j) => i * 10 + j),
    ).flat();
    expect(itemAt(found, 0).toSorted((a, b) => a - b)).toEqual(expected);
    for (const each of found) expect(each).toEqual(found[0]);
    for (const log of logs) expect(await log.read(locations)).toHaveLength(locations.length);
    let last: LogPosition | undefined;
    for await (const { end } of itemAt(logs, 0).scan(undefined)) {
      if (last !== undefined) expect(compareBytes(last, end)).toBeLessThan(0);
      last = end;
    }
    await Promise.all(logs.map((log) => log.close()));
  });

  it('are met also where one began earlier than another and ended later', async () => {
    const store = await newStore();
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slowStore: ObjectStore = {
      ...methodsOf(store),
      put: async (...call) => {
        await held;
        await store.put(...call);
      },
    };
    const slow = await openOn(slowStore, at(NOW_MS));
    const quick = await openOn(store, at(NOW_MS + 20_000));
    const slowAppend = slow.append([fakeEntry(1)]);
    const { end } = await quick.append([fakeEntry(2)]);
    expect(await seeds(quick, end)).toEqual([2]);
    release?.();
    const { end: earlier } = await slowAppend;
    expect(compareBytes(earlier, end)).toBeLessThan(0);
    expect(await seeds(quick, end)).toEqual([1, 2]);
    const alone = await openOn(store, { ...at(NOW_MS + 20_000), lateMs: 0 });
    expect(await seeds(alone, end)).toEqual([]);
    await Promise.all([slow.close(), quick.close(), alone.close()]);
  });

  it('are not read again from the beginning', async () => {
    const store = await newStore();
    const old = await openOn(store, at(NOW_MS - 61_000));
    await old.append([fakeEntry(1)]);
    const young = await openOn(store, at(NOW_MS));
    const { end } = await young.append([fakeEntry(2)]);
    expect(await seeds(young, end)).toEqual([2]);
    expect(await seeds(young)).toEqual([1, 2]);
    await Promise.all([old.close(), young.close()]);
  });

  it('are met with a clock that is a little ahead', async () => {
    const store = await newStore();
    const ahead = await openOn(store, at(NOW_MS + 29_000));
    const log = await openOn(store, at(NOW_MS));
    await ahead.append([fakeEntry(1)]);
    await log.append([fakeEntry(2)]);
    expect((await seeds(log)).toSorted((a, b) => a - b)).toEqual([1, 2]);
    await Promise.all([ahead.close(), log.close()]);
  });

  it('do not use a millisecond twice, however fast they are and whatever the clock does', async () => {
    const store = await newStore();
    let nowMs = NOW_MS;
    const log = await openOn(store, { commitEntriesMax: 1, clock: { now: () => (nowMs -= 10) } });
    const appended = await Promise.all(fakeEntries(0, 50).map((entry) => log.append([entry])));
    const ends = appended.map(({ end }) => Buffer.from(end).toString('hex'));
    ends.reduce((before, end) => {
      expect(before < end).toBe(true);
      return end;
    });
    expect(await seeds(log)).toEqual(appended.map((_, i) => i));
    await log.close();
  });

  it('go on behind the one that ended, with a clock that is behind', async () => {
    const store = await newStore();
    const first = await openOn(store, at(NOW_MS));
    const { end } = await first.append([fakeEntry(1)]);
    await first.close();
    const second = await openOn(store, at(NOW_MS - 5000));
    expect(second.end).toEqual(end);
    const appended = await second.append([fakeEntry(2)]);
    expect(compareBytes(end, appended.end)).toBeLessThan(0);
    await second.close();
  });

  it('follow their own last segment, however far the clock was set back, where they are alone', async () => {
    const store = await newStore();
    const first = await openOn(store, { ...at(NOW_MS), lateMs: 0 });
    const { end } = await first.append([fakeEntry(1)]);
    await first.close();
    const second = await openOn(store, { ...at(NOW_MS - HOUR_MS), lateMs: 0 });
    await second.append([fakeEntry(2)]);
    expect(await seeds(second, end)).toEqual([2]);
    await second.close();
  });

  it('are told of a clock that is far ahead, and do not follow it', async () => {
    const store = await newStore();
    const future = await openOn(store, at(NOW_MS + 24 * HOUR_MS));
    await future.append([fakeEntry(1)]);
    const warnings: SegmentWarning[] = [];
    const log = await openOn(store, {
      ...at(NOW_MS),
      onWarning: (message, warning) => {
        expect(message).toMatch(/set the clocks of all servers/);
        warnings.push(warning);
      },
    });
    expect(warnings).toMatchObject([{ event: 'clocks-differ', aheadMs: 24 * HOUR_MS }]);
    const { end } = await log.append([fakeEntry(2)]);
    expect(end.subarray(0, 6)).toEqual(
      encodeSegmentKey({ timeMs: NOW_MS, writer: 0 }).subarray(0, 6),
    );
    await Promise.all([future.close(), log.close()]);
  });
});

describe('a position', () => {
  it.each([
    ['a moment', 10],
    ['minutes', 300_000],
    ['days', 72 * HOUR_MS],
    ['years', 20_000 * HOUR_MS],
  ])('is found again after %s', async (_, ageMs) => {
    const store = await newStore();
    const log = await openOn(store, { ...at(NOW_MS - ageMs), commitEntriesMax: 1 });
    const { end } = await log.append(fakeEntries(0, 3));
    await log.close();
    const later = await openOn(store, at(NOW_MS));
    expect(later.end).toEqual(end);
    await later.close();
  });

  it('that the log has not reached is refused', async () => {
    const store = await newStore();
    const log = await openOn(store, at(NOW_MS));
    const { end } = await log.append([fakeEntry(1)]);
    expect(await seeds(log, end)).toEqual([1]);
    const unreached = { kind: 'invalid', code: 'log-position' };
    const ahead = encodeSegmentKey({ timeMs: NOW_MS + 1, writer: 0 });
    expect(await failureOf(scanAll(log, ahead))).toMatchObject(unreached);
    expect(await failureOf((async () => scanAll(log, new Uint8Array(8)))())).toMatchObject(
      unreached,
    );
    await log.close();
  });
});

function methodsOf(store: ObjectStore): ObjectStore {
  return {
    name: store.name,
    put: (...call) => store.put(...call),
    get: (...call) => store.get(...call),
    head: (...call) => store.head(...call),
    list: (...call) => store.list(...call),
    delete: (...call) => store.delete(...call),
    selfTest: () => store.selfTest(),
    close: () => store.close(),
  };
}
