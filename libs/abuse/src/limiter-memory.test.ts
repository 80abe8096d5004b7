/** The limiter in memory: the contract, windows of any length, and what happens when it is full. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBudgets } from './budget-syntax.ts';
import {
  chargeOf,
  describeLimiter,
  spendAll,
  TEST_BUDGETS,
  TEST_PENALTIES,
} from './limiter-contract.ts';
import { createMemoryLimiter, MemoryLimiter } from './limiter-memory.ts';

describeLimiter({
  name: 'in memory',
  open: (options) => Promise.resolve(createMemoryLimiter(options)),
  runs: 200,
});

/** A clock that goes as told. */
function handClock() {
  const clock = { nowMs: 1_000, monotonicMs: () => clock.nowMs, wallMs: () => 1e12 + clock.nowMs };
  return clock;
}

describe('limiter in memory', () => {
  it('gives no more than a burst and what comes back in any window', () => {
    const steps = fc.array(
      fc.record({
        afterMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 500, noNaN: true })),
        amount: fc.double({ min: 0.01, max: 25, noNaN: true }),
        with: fc.constantFrom('none', 'same', 'poor'),
      }),
      { minLength: 1, maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const clock = handClock();
        const limiter = createMemoryLimiter({ budgets: TEST_BUDGETS, clock });
        const paid: { atMs: number; amount: number }[] = [];
        for (const { afterMs, amount, with: other } of all) {
          clock.nowMs += afterMs;
          const charges = [chargeOf('k:1', amount)];
          if (other === 'same') charges.push(chargeOf('k:1', 3));
          if (other === 'poor') charges.push(chargeOf('a:1', 2, 'messages'));
          if (limiter.charge(charges) !== undefined) continue;
          paid.push({ atMs: clock.nowMs, amount: amount + (other === 'same' ? 3 : 0) });
        }
        for (let first = 0; first < paid.length; first++) {
          let sum = 0;
          for (let last = first; last < paid.length; last++) {
            sum += paid[last]!.amount;
            const windowMs = paid[last]!.atMs - paid[first]!.atMs;
            expect(sum).toBeLessThanOrEqual(20 + (windowMs * 50) / 1_000 + 1e-6);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('ends every ban when it says, whatever happens meanwhile', () => {
    const steps = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 300 }),
        points: fc.integer({ min: 0, max: 15 }),
      }),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const clock = handClock();
        const limiter = createMemoryLimiter({ penalties: TEST_PENALTIES, clock });
        let untilMs = 0;
        for (const { afterMs, points } of all) {
          clock.nowMs += afterMs;
          expect(limiter.banOf('k:1') !== undefined).toBe(clock.wallMs() < untilMs);
          const ban = limiter.penalize('k:1', points, 'invalid-record');
          if (clock.wallMs() < untilMs) expect(ban?.untilMs).toBe(untilMs);
          untilMs = Math.max(untilMs, ban?.untilMs ?? 0);
          expect(untilMs).toBeLessThanOrEqual(clock.wallMs() + 1_500);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('forgets the idle first, and nobody who is deep in debt, in a flood of newcomers', () => {
    const clock = handClock();
    const limiter = new MemoryLimiter({
      budgets: parseBudgets('submissions.*.*=1/s:10'),
      penalties: TEST_PENALTIES,
      clock,
      subjectsMax: 1_000,
    });
    for (let n = 0; n < 10; n++) limiter.spend([chargeOf(`k:abuser ${n}`, 500)]);
    expect(limiter.penalize('k:banned', 50, 'invalid-record')).toBeDefined();
    limiter.hold(['k:holder'], 'connections', 'authenticated');
    for (let n = 0; n < 20_000; n++) {
      clock.nowMs += 0.01;
      expect(limiter.charge([chargeOf(`a:flood ${n}`, 5)])).toBeUndefined();
    }
    expect(limiter.accounts.size).toBe(1_000);
    for (let n = 0; n < 10; n++) {
      expect(limiter.charge([chargeOf(`k:abuser ${n}`)])).toBeDefined();
    }
    expect(limiter.banOf('k:banned')).toBeDefined();
    expect(limiter.accounts.find('k:holder')?.isHolding()).toBe(true);
    clock.nowMs += 10_000_000;
    for (let n = 0; n < 2_000; n++) limiter.charge([chargeOf(`a:later ${n}`)]);
    expect(limiter.accounts.find('k:abuser 1')).toBeUndefined();
    expect(limiter.accounts.find('k:holder')?.isHolding()).toBe(true);
  });

  it('turns newcomers away while all that it knows hold places', () => {
    const limiter = new MemoryLimiter({ subjectsMax: 10 });
    for (let n = 0; n < 10; n++) limiter.hold([`k:${n}`], 'connections', 'authenticated');
    expect(limiter.charge([chargeOf('k:new')])).toMatchObject({ retryAfterMs: 1_000 });
    expect(limiter.hold(['k:new'], 'connections', 'authenticated')).toBeDefined();
    limiter.spend([chargeOf('k:new', 1e9)]);
    expect(limiter.penalize('k:new', 1e9, 'invalid-record')).toBeUndefined();
    limiter.release(['k:3'], 'connections');
    expect(spendAll(limiter, 'k:new', 3)).toBe(3);
  });

  it('has no ban give way to another, and takes new ones when old ones have ended', () => {
    const clock = handClock();
    const limiter = createMemoryLimiter({ penalties: TEST_PENALTIES, clock, bansMax: 5 });
    const ban = (n: number) => limiter.penalize(`k:${n}`, 20, 'invalid-record');
    for (let n = 0; n < 5; n++) expect(ban(n)).toBeDefined();
    expect(ban(5)).toBeUndefined();
    for (let n = 0; n < 5; n++) expect(limiter.banOf(`k:${n}`)).toBeDefined();
    clock.nowMs += 400;
    expect(ban(5)).toMatchObject({ count: 1 });
  });

  it('counts refusals by few words, and forgets them', async () => {
    const clock = handClock();
    const limiter = createMemoryLimiter({ clock });
    for (let n = 0; n < 100; n++) limiter.noteRefusal('k:1', `word-${n}`);
    const { refused } = await limiter.report('k:1', 'authenticated');
    expect(refused.size).toBe(33);
    expect(refused.get('other')).toBe(68);
    clock.nowMs += 600_001;
    expect((await limiter.report('k:1', 'authenticated')).refused.size).toBe(0);
  });
});
