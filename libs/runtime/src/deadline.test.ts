/** A deadline must fire, be cancelled, and leave nothing behind. */
import { describe, expect, it } from 'vitest';

import { withDeadline } from './deadline.ts';

describe('withDeadline', () => {
  it('passes results and errors through', async () => {
    await expect(withDeadline(Promise.resolve(1), 1000, 'x')).resolves.toBe(1);
    await expect(withDeadline(async () => 2, 1000, 'x')).resolves.toBe(2);
    const failure = new Error('why');
    await expect(withDeadline(Promise.reject(failure), 1000, 'x')).rejects.toBe(failure);
    await expect(
      withDeadline(
        () => {
          throw failure;
        },
        1000,
        'x',
      ),
    ).rejects.toBe(failure);
  });

  it('rejects with what took too long, and aborts it', async () => {
    let aborted: AbortSignal | undefined;
    const hanging = withDeadline(
      (signal) => {
        aborted = signal;
        return new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('late failure')));
        });
      },
      5,
      'reading the index',
    );
    await expect(hanging).rejects.toMatchObject({
      name: 'MosaicError',
      kind: 'unavailable',
      code: 'deadline',
      retryable: true,
      message: 'reading the index took longer than 5 ms',
    });
    expect(aborted?.aborted).toBe(true);
  });

  it('takes endless deadlines as very long ones', async () => {
    await expect(withDeadline(Promise.resolve(1), Infinity, 'x')).resolves.toBe(1);
  });

  it('leaves no timer behind', async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    await withDeadline(Promise.resolve(1), 60_000, 'x');
    expect(timers()).toBeLessThanOrEqual(before);
  });
});
