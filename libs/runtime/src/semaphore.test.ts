/** The limit must hold under any schedule, and a place must never get lost. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Semaphore } from './semaphore.ts';

describe('semaphore', () => {
  it('never runs more than its limit, and runs everything in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 20 }),
        async (scheduler, limit, fates) => {
          const semaphore = new Semaphore({ limit, waitingMax: 100, what: 'jobs' });
          const started: number[] = [];
          let running = 0;
          const results = fates.map((succeeds, index) =>
            semaphore.run(async () => {
              started.push(index);
              running += 1;
              expect(running).toBeLessThanOrEqual(limit);
              await scheduler.schedule(Promise.resolve());
              running -= 1;
              if (!succeeds) throw new Error('failed');
              return index;
            }),
          );
          const settled = Promise.allSettled(results);
          await scheduler.waitFor(settled);
          const outcomes = await settled;
          expect(outcomes.map((outcome) => outcome.status === 'fulfilled')).toEqual(fates);
          expect(started).toEqual(fates.map((_, index) => index));
          expect([semaphore.running, semaphore.waiting]).toEqual([0, 0]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('refuses those who find the line full', async () => {
    const semaphore = new Semaphore({ limit: 1, waitingMax: 1, what: 'scans' });
    let finish: () => void = () => undefined;
    const first = semaphore.run(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const second = semaphore.run(() => 2);
    await expect(semaphore.run(() => 3)).rejects.toMatchObject({
      kind: 'limited',
      code: 'queue-full',
      message: 'too many scans: 1 wait already',
    });
    finish();
    await expect(second).resolves.toBe(2);
    await first;
    await expect(semaphore.run(() => 4)).resolves.toBe(4);
  });

  it.each([0, -1, 1.5, Number.NaN])('cannot have the limit %d', (limit) => {
    expect(() => new Semaphore({ limit, waitingMax: 1, what: 'x' })).toThrow(RangeError);
  });
});
