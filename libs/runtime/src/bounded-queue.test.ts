/** Nothing lost, nothing twice, never above the bounds: whatever the order of calls. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BoundedQueue } from './bounded-queue.ts';

describe('bounded queue', () => {
  it('behaves like a list with bounds', async () => {
    const step = fc.oneof(
      fc.record({ offer: fc.integer({ min: 0, max: 9 }) }),
      fc.record({ countMax: fc.integer({ min: 1, max: 4 }), weightMax: fc.integer({ max: 20 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const queue = new BoundedQueue<number>({ countMax: 8, weightMax: 30, weigh: (n) => n });
        const model: number[] = [];
        const total = (): number => model.reduce((sum, n) => sum + n, 0);
        for (const step of steps) {
          if ('offer' in step) {
            const fits = model.length < 8 && total() + step.offer <= 30;
            expect(queue.offer(step.offer)).toBe(fits);
            if (fits) model.push(step.offer);
          } else if (model.length > 0) {
            const batch = await queue.take(step);
            expect(batch).toEqual(model.splice(0, batch.length));
            expect(batch.length).toBeGreaterThanOrEqual(1);
            expect(batch.length).toBeLessThanOrEqual(step.countMax);
            const weight = batch.reduce((sum, n) => sum + n, 0);
            if (batch.length > 1) expect(weight).toBeLessThanOrEqual(step.weightMax);
            const [next] = model;
            const isFull = batch.length === step.countMax || next === undefined;
            if (!isFull) expect(weight + next).toBeGreaterThan(step.weightMax);
          }
          expect([queue.count, queue.weight]).toEqual([model.length, total()]);
        }
      }),
    );
  });

  it('hands every item to exactly one of several consumers', async () => {
    const queue = new BoundedQueue<number>({ countMax: 1000 });
    const taken: number[] = [];
    const consume = async (): Promise<void> => {
      for (;;) {
        const batch = await queue.take({ countMax: 3 });
        if (batch.length === 0) return;
        taken.push(...batch);
      }
    };
    const consumers = [consume(), consume(), consume()];
    for (let item = 0; item < 500; item += 1) {
      expect(queue.offer(item)).toBe(true);
      if (item % 7 === 0) await Promise.resolve();
    }
    queue.close();
    await Promise.all(consumers);
    expect(taken.sort((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });

  it('wakes those who wait when it closes, and refuses from then on', async () => {
    const queue = new BoundedQueue<number>({ countMax: 5 });
    const waiting = [queue.take({ countMax: 1 }), queue.take({ countMax: 1 })];
    queue.close();
    await expect(Promise.all(waiting)).resolves.toEqual([[], []]);
    expect(queue.offer(1)).toBe(false);
  });

  it('still gives out what it held when it closed', async () => {
    const queue = new BoundedQueue<number>({ countMax: 5 });
    queue.offer(1);
    queue.offer(2);
    queue.close();
    await expect(queue.take({ countMax: 1 })).resolves.toEqual([1]);
    await expect(queue.take({ countMax: 9 })).resolves.toEqual([2]);
    await expect(queue.take({ countMax: 9 })).resolves.toEqual([]);
  });
});
