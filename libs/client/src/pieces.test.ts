/** The small parts that the client is made of. */
import {
  buildFilter,
  compileFilter,
  type FilterElementInput,
  RESULT,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundFilter } from './filter-bounds.ts';
import { ItemBuffer } from './item-buffer.ts';
import { onAbort } from './on-abort.ts';
import { Pulse } from './pulse.ts';
import { PROBE_QUERY_ID, QueryIds } from './query-ids.ts';
import { ReadFlow } from './read-flow.ts';
import { RecentIds } from './recent-ids.ts';
import { backoffMs } from './reconnect.ts';
import { resolveServerUrl } from './server-target.ts';
import { SubmissionWindow } from './submission-window.ts';
import { AUTHOR, makeRecord } from '../test/records.ts';

describe('query ids', () => {
  it('come back only after all others, never the probe, never one in use', () => {
    const ids = new QueryIds();
    const inUse = new Set([3, 70]);
    const seen: number[] = [];
    for (let i = 0; i < PROBE_QUERY_ID - 2; i++) seen.push(ids.take((id) => inUse.has(id)));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).not.toContain(PROBE_QUERY_ID);
    expect(seen).not.toContain(3);
    expect(ids.take((id) => inUse.has(id))).toBe(0);
  });

  it('know which were ever given out', () => {
    const ids = new QueryIds();
    expect(ids.wasTaken(0)).toBe(false);
    ids.take(() => false);
    expect([ids.wasTaken(0), ids.wasTaken(1), ids.wasTaken(PROBE_QUERY_ID)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('backoff', () => {
  it('doubles up to its maximum and is spread over the whole of it', () => {
    const pace = { initialMs: 100, maxMs: 1_000 };
    const most = [1, 2, 3, 4, 5, 2_000].map((failures) => backoffMs(pace, failures, () => 1));
    expect(most).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(backoffMs(pace, 3, () => 0)).toBe(0);
  });
});

describe('the submission window', () => {
  it('halves once for a burst of TOO_FAST, never below one, and recovers', () => {
    const window = new SubmissionWindow(8, 1_000);
    for (let i = 0; i < 8; i++) window.sent(10);
    expect(window.admits(10)).toBe(false);
    for (let i = 0; i < 4; i++) window.answered(10, RESULT.TOO_FAST, 1_000 + i);
    expect(window.size).toBe(4);
    for (let i = 0; i < 4; i++) window.answered(10, RESULT.TOO_FAST, 2_000 + i * 200);
    expect(window.size).toBe(1);
    expect(window.admits(5_000)).toBe(true);
    for (let i = 0; i < 60; i++) {
      window.sent(10);
      window.answered(10, RESULT.ACCEPTED, 9_000);
    }
    expect(window.size).toBe(8);
    window.sent(900);
    expect([window.admits(100), window.admits(101)]).toEqual([true, false]);
  });
});

describe('the pulse', () => {
  it('asks, believes any sign of life, and confirms only what was asked for', () => {
    const pulse = new Pulse(100, 0);
    expect(pulse.check(99)).toBe('fine');
    expect(pulse.check(100)).toBe('probe');
    pulse.heard(150);
    expect(pulse.check(210)).toBe('fine');
    expect(pulse.confirmedAt).toBe(0);
    pulse.answered(220);
    expect(pulse.confirmedAt).toBe(100);
    pulse.answered(230);
    expect(pulse.confirmedAt).toBe(100);
    expect(pulse.check(300)).toBe('probe');
    expect(pulse.check(400)).toBe('dead');
  });
});

describe('the read flow', () => {
  it('stops for the full, but never while somebody waits', () => {
    const changes: boolean[] = [];
    const flow = new ReadFlow((isPaused) => changes.push(isPaused));
    const [a, b] = [{}, {}];
    flow.set(a, 'full');
    flow.set(a, 'full');
    flow.set(b, 'waiting');
    flow.set(b, 'full');
    flow.set(a, 'none');
    flow.set(b, 'none');
    expect(changes).toEqual([true, false, true, false]);
  });
});

describe('the item buffer', () => {
  it('counts bytes, takes any record while empty, and keeps the order', () => {
    const buffer = new ItemBuffer<number>(4_000);
    const record = makeRecord(1);
    expect(buffer.fits(1_000_000)).toBe(true);
    let pushed = 0;
    while (buffer.fits(record.bytes.length)) buffer.push({ value: pushed++, record });
    expect(pushed).toBeGreaterThan(3);
    expect([buffer.isHigh, buffer.isLow]).toEqual([true, false]);
    for (let i = 0; i < pushed; i++) expect(buffer.shift()?.value).toBe(i);
    expect(buffer.shift()).toBeUndefined();
    expect([buffer.isHigh, buffer.isLow, buffer.isEmpty]).toEqual([false, true, true]);
    for (let i = 0; i < 5_000; i++) {
      buffer.push({ value: i, record: undefined });
      expect(buffer.shift()?.value).toBe(i);
    }
  });
});

describe('recent ids', () => {
  it('forget the oldest, or take no more', () => {
    const recent = new RecentIds(2);
    recent.add('a', 10);
    recent.add('b', 20);
    expect(recent.completeSince).toBeUndefined();
    recent.add('c', 30);
    expect(recent.completeSince).toBe(10);
    recent.addWhereRoom('d', 40);
    expect(['a', 'b', 'c', 'd'].map((id) => recent.has(id))).toEqual([false, true, true, false]);
    expect(recent.completeSince).toBe(40);
  });
});

describe('onAbort', () => {
  it('runs once and not after it was stopped', () => {
    const abort = new AbortController();
    const runs: string[] = [];
    onAbort(abort.signal, () => runs.push('a'));
    onAbort(abort.signal, () => runs.push('b'))();
    onAbort(undefined, () => runs.push('c'))();
    abort.abort();
    expect(runs).toEqual(['a']);
  });
});

describe('server URLs', () => {
  it.each([
    ['mosaicwss://Example.org', 'wss://example.org:443/', 'example.org:443'],
    ['mosaicwss://[::1]:81/', 'wss://[::1]:81/', '[::1]:81'],
    ['wss://example.org', 'wss://example.org:443/', 'example.org:443'],
    ['ws://127.0.0.1:8080/', 'ws://127.0.0.1:8080/', '127.0.0.1:8080'],
  ])('%s', (text, url, server) => {
    expect(resolveServerUrl(text)).toMatchObject({ url, server });
  });
});

describe('bounded filters', () => {
  it('match what the filter and the bounds both match', () => {
    const millis = fc.integer({ min: 0, max: 20 });
    const limit = fc.option(millis, { nil: undefined });
    const names = ['until', 'receivedSince', 'receivedUntil'] as const;
    const limits = fc.record({ until: limit, receivedSince: limit, receivedUntil: limit });
    const record = makeRecord(10);
    const at = (value: number): bigint => timestampFromMillis(value);
    fc.assert(
      fc.property(limits, limits, millis, (own, added, received) => {
        const elements = (from: typeof own): FilterElementInput[] =>
          names.flatMap((name) => {
            const value = from[name];
            return value === undefined ? [] : [{ name, timestamp: at(value) }];
          });
        const authors: FilterElementInput = { name: 'authors', keys: [AUTHOR] };
        const tags: FilterElementInput = {
          name: 'excludedTags',
          tags: [{ type: 77, value: new Uint8Array(3) }],
        };
        // A second occurrence does not count, and must not begin to.
        const filter = buildFilter([
          tags,
          authors,
          ...elements(own),
          { name: 'until', timestamp: 0n },
        ]);
        const bounds = Object.fromEntries(
          names.flatMap((name) => (added[name] === undefined ? [] : [[name, at(added[name])]])),
        );
        const bounded = boundFilter(filter, bounds);
        const extra = compileFilter(buildFilter([authors, ...elements(added)]));
        const expected =
          compileFilter(filter).matches(record, at(received)) &&
          extra.matches(record, at(received));
        expect(bounded && compileFilter(bounded).matches(record, at(received))).toBe(expected);
      }),
    );
  });
});
