/** Handshakes begin at a pace, and whoever asks for many waits longer than whoever asks for one. */
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HandshakePace } from './handshake-pace.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

interface Waiting {
  readonly group: string;
}

function paced(
  handshakesPerSecondMax: number,
  handshakeWaitMs = 1_000_000,
): {
  pace: HandshakePace<Waiting>;
  started: Waiting[];
  given: Waiting[];
  ask: (group: string) => Waiting;
} {
  const started: Waiting[] = [];
  const given: Waiting[] = [];
  const pace = new HandshakePace<Waiting>(
    { handshakesPerSecondMax, handshakeWaitMs },
    { start: (entry) => void started.push(entry), giveUp: (entry) => void given.push(entry) },
  );
  const ask = (group: string): Waiting => {
    const entry = { group };
    pace.add(entry, group);
    return entry;
  };
  return { pace, started, given, ask };
}

it('begins at once what a turn allows, and the rest in the turns after it', () => {
  const { pace, started, ask } = paced(300);
  for (let i = 0; i < 7; i++) ask('a');
  expect([started.length, pace.size]).toEqual([3, 4]);
  vi.advanceTimersByTime(10);
  expect([started.length, pace.size]).toEqual([6, 1]);
  vi.advanceTimersByTime(10);
  expect([started.length, pace.size]).toEqual([7, 0]);
  // An idle pace has no timer.
  vi.advanceTimersByTime(20);
  expect(vi.getTimerCount()).toBe(0);
});

it('makes up for no turn that came late', async () => {
  vi.useRealTimers();
  const { pace, started, ask } = paced(100);
  for (let i = 0; i < 50; i++) ask('a');
  const begin = performance.now();
  // The time of ten turns in which the process does something else.
  while (performance.now() - begin < 100);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(started.length).toBeGreaterThan(0);
  expect(started.length).toBeLessThan(9);
  pace.close();
});

it('begins less often than once in a turn where that is asked for', () => {
  const { started, ask } = paced(2);
  for (let i = 0; i < 3; i++) ask('a');
  vi.advanceTimersByTime(499);
  expect(started).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(started).toHaveLength(2);
});

it('takes turns by group: one of each, the oldest of it first', () => {
  const { started, ask } = paced(100);
  const [first, ...many] = Array.from({ length: 5 }, () => ask('many'));
  const [late, other] = [ask('one'), ask('other')];
  vi.advanceTimersByTime(60);
  expect(started).toEqual([first, many[0], late, other, many[1], many[2], many[3]]);
});

it('gives up who waited too long, and only those', () => {
  const { pace, started, given, ask } = paced(1, 2500);
  const [first, second, third, fourth] = Array.from({ length: 4 }, () => ask('a'));
  vi.advanceTimersByTime(3000);
  expect(started).toEqual([first, second, third]);
  expect(given).toEqual([fourth]);
  expect(pace.size).toBe(0);
});

it('loses nobody and starts nobody twice or after leaving, whatever happens', () => {
  const step = fc.oneof(
    fc.record({ asks: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ leaves: fc.nat({ max: 20 }) }),
    fc.constant({ turn: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const { pace, started, ask } = paced(200);
      const all: Waiting[] = [];
      const left = new Set<Waiting>();
      for (const one of steps) {
        if ('asks' in one) all.push(ask(one.asks));
        else if ('turn' in one) {
          const before = started.length;
          vi.advanceTimersByTime(10);
          expect(started.length - before).toBeLessThanOrEqual(2);
        } else {
          const entry = all[one.leaves];
          if (entry === undefined || started.includes(entry)) continue;
          pace.remove(entry);
          left.add(entry);
        }
        expect(pace.size).toBe(all.length - started.length - left.size);
      }
      vi.advanceTimersByTime(10 * all.length + 10);
      expect(new Set(started)).toEqual(new Set(all.filter((entry) => !left.has(entry))));
      expect(started).toHaveLength(new Set(started).size);
      pace.close();
    }),
  );
});
