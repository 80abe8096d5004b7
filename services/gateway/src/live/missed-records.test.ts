/** What a subscription missed is all found, at a cost that follows from what came in meanwhile. */
import type { Cursor, Page, PageBudget, ServedRecord } from '@mosaic-cluster/bus';
import {
  buildFilter,
  compareBytes,
  compileFilter,
  FILTER_BYTES_MAX,
  type FilterView,
  readTimestamp,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import { fakeKey, fakeRecord, KIND } from '@mosaic-cluster/protocol/testing';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveGatewayLimits } from '../limits.ts';
import { findMissed, type MissedRecordsOptions } from './missed-records.ts';
import { receivedWithin } from './received-within.ts';
import type { Subscription } from './subscription.ts';

const MS = 1_000_000n;
const START = 1_000_000n * MS;
const WINDOW_MAX = 512;
const BY_KIND = buildFilter([{ name: 'kinds', kinds: [KIND.everybody] }]);

/** A role that goes about a query as the real ones do, and counts what it looks at. */
class ModelRole {
  /** Newest first. */
  readonly #records: readonly ServedRecord[];
  /** Records of the kind that came in long ago: more than anybody should walk. */
  readonly #old: number;
  scanned = 0;
  asked = 0;

  constructor(records: readonly ServedRecord[], old: number) {
    this.#records = records.toSorted((a, b) => compareBytes(b.record.id, a.record.id));
    this.#old = old;
  }

  page(filter: FilterView, cursor: Cursor | undefined, budget: PageBudget): Page {
    this.asked += 1;
    const matcher = compileFilter(filter);
    const window = this.#records.filter(({ receivedAt }) => isWithin(filter, receivedAt));
    const isSmall = window.length <= WINDOW_MAX;
    const entries = isSmall ? window : this.#records;
    const total = isSmall ? window.length : this.#records.length + this.#old;
    const first = cursor === undefined ? 0 : new DataView(cursor.buffer).getUint32(0);
    let scanned = Math.min(window.length, WINDOW_MAX + 1);
    const records: ServedRecord[] = [];
    let at = first;
    for (; at < total && records.length < budget.records && at - first < budget.scanned; at++) {
      const entry = entries[at];
      scanned += 1;
      if (entry !== undefined && matcher.matches(entry.record, entry.receivedAt))
        records.push(entry);
    }
    this.scanned += scanned;
    const next = new Uint8Array(4);
    new DataView(next.buffer).setUint32(0, at);
    return { records, next: at < total ? next : undefined, below: undefined, scanned };
  }
}

function isWithin(filter: FilterView, receivedAt: Timestamp): boolean {
  const [since, until] = (['receivedSince', 'receivedUntil'] as const).map((name) => {
    const element = filter.element(name);
    return element && readTimestamp(element.source, element.start);
  });
  return (
    (since === undefined || receivedAt >= since) && (until === undefined || receivedAt <= until)
  );
}

function received(serial: number, receivedAt: Timestamp): ServedRecord {
  // In no order of their time.
  const record = fakeRecord({
    timestamp: (serial * 7_919) % 100_003,
    serial,
    author: fakeKey(serial % 9),
  });
  return { record, receivedAt };
}

async function find(
  role: ModelRole,
  options: Partial<MissedRecordsOptions> & {
    readonly filter?: FilterView;
    readonly seconds?: number;
  } = {},
): Promise<ServedRecord[] | undefined> {
  const { filter = BY_KIND, seconds = 25, ...more } = options;
  const subscription = {
    subscriber: { key: undefined },
    matcher: compileFilter(filter),
    isClosed: false,
  } as unknown as Subscription;
  const whole: MissedRecordsOptions = {
    sources: (narrowed, _, share) =>
      share === 'private' ? [] : [async (cursor, budget) => role.page(narrowed, cursor, budget)],
    standing: () => 'missed',
    limits: resolveGatewayLimits(),
    ...more,
  };
  return findMissed(whole, subscription, {
    since: START,
    until: START + BigInt(seconds) * 1_000n * MS,
  });
}

const steady = (count: number, spanMs: number): ServedRecord[] =>
  Array.from({ length: count }, (_, n) =>
    received(n, START + (BigInt(n) * BigInt(spanMs) * MS) / BigInt(count)),
  );

const serials = (records: readonly ServedRecord[] | undefined): Timestamp[] =>
  records?.map(({ receivedAt }) => receivedAt) ?? [];

describe('what was missed', () => {
  test('is found in one look where little came in', async () => {
    const role = new ModelRole(steady(WINDOW_MAX, 10_000), 5_000_000);
    expect(await find(role)).toHaveLength(WINDOW_MAX);
    expect(role.scanned).toBeLessThan(5 * WINDOW_MAX);
  });

  test('costs by what came in, and not by all there is, where that was much', async () => {
    const records = steady(8_000, 25_000);
    const role = new ModelRole(records, 5_000_000);
    const found = await find(role);
    expect(serials(found)).toEqual(serials(records));
    expect(role.scanned).toBeLessThan(12 * records.length);
  });

  test('is found where all of it came in at one moment, by a walk', async () => {
    const records = Array.from({ length: 600 }, (_, n) => received(n, START + 5_000n * MS));
    const role = new ModelRole(records, 20_000);
    expect(await find(role)).toHaveLength(600);
    // One walk, and not one for each slice.
    expect(role.scanned).toBeLessThan(4 * 20_000 + 60 * 5_000);
  });

  test('is not told where it is more than may be held', async () => {
    const limits = resolveGatewayLimits({ heldRecordsMax: 999 });
    const role = new ModelRole(steady(3_000, 25_000), 50_000);
    expect(await find(role, { limits })).toBeUndefined();
  });

  test('is not told where nobody remembers any more', async () => {
    const role = new ModelRole(steady(3_000, 25_000), 50_000);
    expect(await find(role, { standing: () => 'forgotten' })).toBeUndefined();
  });

  test('fails with the role, to be looked for again', async () => {
    const role = new ModelRole(steady(3_000, 25_000), 50_000);
    let left = 5;
    const page: typeof role.page = (...args) => {
      left -= 1;
      if (left === 0) throw new Error('away');
      return role.page(...args);
    };
    const sources: MissedRecordsOptions['sources'] = (filter, _, share) =>
      share === 'private' ? [] : [async (cursor, budget) => page(filter, cursor, budget)];
    await expect(find(role, { sources })).rejects.toThrow('away');
  });

  test('is found whatever came in when', async () => {
    const burst = fc.record({
      atMs: fc.integer({ min: 0, max: 30_000 }),
      count: fc.integer({ min: 1, max: 1_500 }),
      spanMs: fc.integer({ min: 0, max: 5_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(burst, { maxLength: 4 }), async (bursts) => {
        let serial = 0;
        const records = bursts.flatMap(({ atMs, count, spanMs }) =>
          Array.from({ length: count }, (_, n) => {
            serial += 1;
            const offset = BigInt(atMs) * MS + (BigInt(spanMs) * MS * BigInt(n)) / BigInt(count);
            return received(serial, START + offset);
          }),
        );
        const found = await find(new ModelRole(records, 30_000), { seconds: 35 });
        expect(new Set(found)).toEqual(new Set(records));
        expect(found).toHaveLength(records.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a filter for a span of time', () => {
  const span = { since: 100n, until: 200n };

  test.each([
    ['nothing', [], 100, 200],
    ['less', [50n, 250n], 100, 200],
    ['more', [120n, 180n], 120, 180],
  ] as const)('keeps what says %s of it', (_, [since, until], from, to) => {
    const filter = buildFilter([
      { name: 'kinds', kinds: [KIND.everybody] },
      ...(since === undefined ? [] : [{ name: 'receivedSince', timestamp: since } as const]),
      ...(until === undefined ? [] : [{ name: 'receivedUntil', timestamp: until } as const]),
    ]);
    const narrowed = receivedWithin(filter, span)!;
    const matcher = compileFilter(narrowed);
    const matches = (at: number): boolean => matcher.matches(fakeRecord(), BigInt(at));
    expect([from - 1, from, to, to + 1].map(matches)).toEqual([false, true, true, false]);
  });

  test('is none where there is no room for it', () => {
    // 63 keys are as many as an element takes.
    const keys = Array.from({ length: 32 * 63 + 23 }, (_, n) => fakeKey(n));
    const chunks = Array.from({ length: 33 }, (_, n) => keys.slice(63 * n, 63 * n + 63));
    const filter = buildFilter(chunks.map((some) => ({ name: 'authors', keys: some }) as const));
    expect(FILTER_BYTES_MAX - filter.bytes.length).toBeLessThan(16);
    expect(receivedWithin(filter, span)).toBeUndefined();
  });
});
