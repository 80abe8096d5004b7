/** When everything is slow the log stays readable, and says what it leaves out. */
import { expect, test } from 'vitest';
import { silentLogger } from '../logger.ts';
import { mostOf, noSlowLog, roundedMs, SlowLog } from './slow-log.ts';

test('few lines at a time, and the next one says how many there were besides', () => {
  const lines: unknown[] = [];
  const log = {
    ...silentLogger,
    warn: (message: string, fields?: object) => lines.push([message, fields]),
  };
  let now = 0;
  const slow = new SlowLog({ log, afterMs: 100, now: () => now });
  expect([99, 100, 5_000].map((ms) => slow.isSlow(ms))).toEqual([false, true, true]);
  for (let i = 0; i < 12; i++) slow.warn(`slow ${i}`, { i });
  expect(lines).toHaveLength(5);
  now = 10_000;
  slow.warn('slow again', {});
  slow.warn('and again', {});
  expect(lines.slice(5)).toEqual([
    ['slow again', { untold: 7 }],
    ['and again', {}],
  ]);
});

test('0 turns it off', () => {
  expect(noSlowLog.isSlow(Number.MAX_VALUE)).toBe(false);
});

test('a sentence names where most of the time went, the largest part first', () => {
  expect(mostOf(2_412, { judge: 1, verify: 4, append: 2_080.4, index: 13, wait: 300 })).toBe(
    ' (append 2080, wait 300)',
  );
  expect(mostOf(100, { a: 20, b: 30, c: 25, d: 24 })).toBe(' (b 30, c 25, d 24)');
  expect(mostOf(100, {})).toBe('');
  expect(roundedMs({ judge: 0.2, verify: 1.6 })).toEqual({ verify: 2 });
});
