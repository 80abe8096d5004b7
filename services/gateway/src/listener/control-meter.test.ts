/** Counts in a window, and forgets what lies before it. */
import { expect, it } from 'vitest';
import { ControlMeter } from './control-meter.ts';

it('allows so many in a window, and so many again in the next', () => {
  let now = 5;
  const meter = new ControlMeter(3, () => now);
  expect([meter.add(1), meter.add(2), meter.add(1)]).toEqual([true, true, false]);
  now += 9999;
  expect(meter.add(1)).toBe(false);
  now += 1;
  expect([meter.add(3), meter.add(1)]).toEqual([true, false]);
});
