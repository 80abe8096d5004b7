/** From which moment on a subscription asks again, step by step. */
import {
  buildFilter,
  MosaicError,
  type RecordView,
  readTimestamp,
  RESULT,
  timestampFromMillis,
  timestampToMillis,
} from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import type { Ask, Step } from './stream-script.ts';
import { type SubscriptionEvent, SubscriptionScript } from './subscription-script.ts';
import { AUTHOR, makeRecord } from '../test/records.ts';

const FILTER = buildFilter([{ name: 'authors', keys: [AUTHOR] }]);
const RESUME = { overlapMs: 1_000, recentMax: 100 };
const LOST = new MosaicError('unavailable', 'connection-lost', 'lost');

function only(step: Step<SubscriptionEvent>): Ask {
  expect(step.asks).toHaveLength(1);
  return step.asks?.[0] as Ask;
}

function limitOf(ask: Ask, name: 'receivedSince' | 'receivedUntil' | 'until'): number | undefined {
  if (ask.name === 'get') throw new Error('no filter');
  const element = ask.filter.element(name);
  return element && timestampToMillis(readTimestamp(element.source, element.start));
}

function names(step: Step<SubscriptionEvent>): string[] {
  return (step.items ?? []).map(({ value }) => value.name);
}

/** A script that is live since `at`, having received `records`. */
function live(at: number, records: readonly RecordView[] = []): SubscriptionScript {
  const script = new SubscriptionScript(FILTER, 0, RESUME);
  const ask = only(script.begin(at));
  script.locallyComplete(ask);
  for (const record of records) script.record(ask, record, at);
  return script;
}

describe('the moment from which a subscription resumes', () => {
  it('is when it was made, while no probe was answered', () => {
    const script = live(50_000);
    expect(names(script.interrupted(0, LOST))).toEqual(['interrupted']);
    expect(limitOf(only(script.begin(90_000)), 'receivedSince')).toBe(49_000);
  });

  it('is when the last answered probe was sent, however late messages arrived', () => {
    const script = live(50_000, [makeRecord(1)]);
    script.interrupted(70_000, LOST);
    expect(limitOf(only(script.begin(90_000)), 'receivedSince')).toBe(69_000);
  });

  it('stays where the connection in between did not catch up', () => {
    const script = live(50_000);
    script.interrupted(70_000, LOST);
    script.record(only(script.begin(90_000)), makeRecord(1), 90_001);
    expect(names(script.interrupted(99_000, LOST))).toEqual([]);
    const ask = only(script.begin(100_000));
    expect(limitOf(ask, 'receivedSince')).toBe(69_000);
    expect(names(script.locallyComplete(ask))).toEqual(['resumed']);
    script.interrupted(0, LOST);
    expect(limitOf(only(script.begin(200_000)), 'receivedSince')).toBe(99_000);
  });

  it('is the start again where nothing had come', () => {
    const script = new SubscriptionScript(FILTER, 7, RESUME);
    only(script.begin(50_000));
    expect(names(script.interrupted(0, LOST))).toEqual([]);
    expect(script.begin(60_000).asks).toEqual([{ name: 'subscribe', filter: FILTER, limit: 7 }]);
  });

  it('narrows a limit that the filter has, and never widens it', () => {
    const receivedSince = timestampFromMillis(69_500);
    const filter = buildFilter([
      { name: 'authors', keys: [AUTHOR] },
      { name: 'receivedSince', timestamp: receivedSince },
    ]);
    const script = new SubscriptionScript(filter, 0, RESUME);
    script.locallyComplete(only(script.begin(50_000)));
    script.interrupted(70_000, LOST);
    expect(limitOf(only(script.begin(80_000)), 'receivedSince')).toBe(69_500);
  });
});

describe('the window', () => {
  it('is widened step by step until a record comes again, each step beside the last', () => {
    const record = makeRecord(1);
    const script = live(400_000, [record]);
    script.interrupted(0, LOST);
    const first = only(script.begin(500_000));
    expect(limitOf(first, 'receivedSince')).toBe(399_000);
    const second = only(script.locallyComplete(first));
    expect([limitOf(second, 'receivedSince'), limitOf(second, 'receivedUntil')]).toEqual([
      388_000, 399_000,
    ]);
    const third = only(script.closed(second, RESULT.SUCCESS));
    expect([limitOf(third, 'receivedSince'), limitOf(third, 'receivedUntil')]).toEqual([
      112_000, 388_000,
    ]);
    expect(names(script.record(third, record, 500_001))).toEqual([]);
    const end = script.closed(third, RESULT.SUCCESS);
    expect(end.items?.[0]?.value).toEqual({ name: 'resumed', isOverlapSeen: true });
  });

  it('is narrow where more came lately than is remembered, and widened where that was too narrow', () => {
    const records = Array.from({ length: 150 }, (_, i) => makeRecord(i + 1));
    const script = live(400_000);
    const ask: Ask = { name: 'subscribe', filter: FILTER, limit: 0 };
    for (const [i, record] of records.entries()) script.record(ask, record, 400_000 + i * 8);
    // What came within the last 800 of 1,200 ms is remembered.
    script.interrupted(401_200, LOST);
    const first = only(script.begin(500_000));
    expect(limitOf(first, 'receivedSince')).toBe(401_200 - 404);
    for (const record of records.slice(100, 142)) {
      expect(names(script.record(first, record, 500_001))).toEqual([]);
    }
    const second = only(script.locallyComplete(first));
    expect(limitOf(second, 'receivedSince')).toBe(400_200);
    expect(limitOf(second, 'receivedUntil')).toBe(401_200 - 404);
    script.record(second, records[149]!, 500_002);
    const end = script.closed(second, RESULT.SUCCESS);
    expect(end.items?.[0]?.value).toEqual({ name: 'resumed', isOverlapSeen: true });
  });

  it('is wide where nothing would show that it was too narrow', () => {
    const script = live(
      400_000,
      Array.from({ length: 150 }, (_, i) => makeRecord(i + 1)),
    );
    script.interrupted(401_800, LOST);
    expect(limitOf(only(script.begin(500_000)), 'receivedSince')).toBe(400_800);
  });

  it('takes no record for a sign that came long before the interruption', () => {
    const script = live(50_000, [makeRecord(1)]);
    script.interrupted(60_000, LOST);
    const step = script.locallyComplete(only(script.begin(61_000)));
    expect(step.items?.[0]?.value).toEqual({ name: 'resumed', isOverlapSeen: undefined });
  });
});

describe('what was stored', () => {
  it('is asked for from where it was interrupted, after what came since', () => {
    const script = new SubscriptionScript(FILTER, 5, RESUME);
    const ask = only(script.begin(50_000));
    const [newer, older] = [makeRecord(2_000), makeRecord(1_000)];
    script.record(ask, newer, 50_001);
    script.record(ask, older, 50_002);
    script.interrupted(0, LOST);
    const window = only(script.begin(60_000));
    expect(limitOf(window, 'receivedSince')).toBe(49_000);
    expect(names(script.record(window, older, 60_001))).toEqual([]);
    const rest = only(script.locallyComplete(window));
    expect(rest).toMatchObject({ name: 'query', limit: 4 });
    expect(limitOf(rest, 'until')).toBe(1_000);
    expect(names(script.record(rest, older, 60_002))).toEqual([]);
    expect(names(script.record(rest, makeRecord(900), 60_003))).toEqual(['record']);
    expect(names(script.closed(rest, RESULT.SUCCESS))).toEqual(['locallyComplete', 'resumed']);
  });
});

it('takes no record for a sign that came while something was still missing before it', () => {
  const [early, late] = [makeRecord(1), makeRecord(2)];
  const script = live(400_000, [early]);
  script.interrupted(0, LOST);
  script.record(only(script.begin(500_000)), late, 500_001);
  script.interrupted(0, LOST);
  const ask = only(script.begin(600_000));
  script.record(ask, late, 600_001);
  expect(only(script.locallyComplete(ask))).toMatchObject({ name: 'query' });
});
