/** What limiters of several processes must do together, as a test suite that each adapter runs. */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EarnedBan, Limiter } from './limiter.ts';
import {
  chargeOf,
  freshSubject,
  meet,
  openOf,
  PATIENT,
  spendAll,
  TEST_BUDGETS,
  TEST_PENALTIES,
} from './limiter-contract.ts';
import type { LimiterOptions } from './limiter-memory.ts';
import { parseBudgets } from './budget-syntax.ts';

/** Opens a limiter as another process would. */
export type OpenShared = (options?: LimiterOptions & { leaseMs?: number }) => Promise<Limiter>;

/** How the suite gets an empty place. */
export interface SharedLimiterFixture {
  readonly name: string;
  place(): OpenShared;
  readonly runs: number;
}

/** Declares the suite. */
export function describeSharedLimiter(fixture: SharedLimiterFixture): void {
  describe(`limiters of several processes: ${fixture.name}`, () => {
    const opened: Limiter[] = [];
    let place: OpenShared;
    beforeEach(() => {
      place = fixture.place();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((limiter) => limiter.close()));
    });
    const open: OpenShared = async (options = {}) => {
      const limiter = await place({
        budgets: TEST_BUDGETS,
        penalties: TEST_PENALTIES,
        ...options,
      });
      opened.push(limiter);
      return limiter;
    };
    describe('budgets', () => describeBudgets(open, fixture.runs));
    describe('holdings', () => describeHoldings(open));
    describe('bans', () => describeBans(open));
  });
}

function describeBudgets(open: OpenShared, runs: number): void {
  it('count what each of them spends, debts included', async () => {
    const [one, other] = [await open(), await open()];
    const subject = freshSubject();
    await meet(one, subject);
    expect(one.charge([chargeOf(subject, 20)])).toBeUndefined();
    one.spend([chargeOf(subject, 300, 'query')]);
    await meet(one, subject);
    await meet(other, subject);
    expect(other.charge([chargeOf(subject, 15)])).toMatchObject({ what: 'submissions' });
    const debt = other.allows([chargeOf(subject, 0, 'query')]);
    expect(debt).toMatchObject({ what: 'query' });
    expect(debt!.retryAfterMs).toBeGreaterThan(1_000);
    await expect.poll(() => other.charge([chargeOf(subject, 15)]), PATIENT).toBeUndefined();
  });

  it('give together no more than a tenth above one budget', { timeout: 120_000 }, async () => {
    const budgets = parseBudgets('submissions.*.*=200/s:200');
    const limiters = [await open({ budgets }), await open({ budgets })];
    const steps = fc.array(
      fc.record({
        who: fc.constantFrom('one', 'other', 'both'),
        most: fc.integer({ min: 1, max: 300 }),
        turns: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 300 })),
      }),
      { minLength: 20, maxLength: 60 },
    );
    const property = fc.asyncProperty(steps, async (all) => {
      const subject = freshSubject();
      const begun = performance.now();
      let paid = 0;
      for (const { who, most, turns } of all) {
        if (who !== 'other') paid += spendAll(limiters[0]!, subject, most);
        if (who !== 'one') paid += spendAll(limiters[1]!, subject, most);
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      }
      const budget = 200 + ((performance.now() - begun) * 200) / 1_000;
      expect(paid).toBeLessThanOrEqual(1.1 * budget);
    });
    await fc.assert(property, { numRuns: runs });
  });

  it('give a flood through both of them one budget', { timeout: 60_000 }, async () => {
    const budgets = parseBudgets('submissions.*.*=100/s:200');
    const limiters = [await open({ budgets }), await open({ budgets })];
    const subject = freshSubject('a');
    const begun = performance.now();
    let paid = 0;
    let elapsedMs = 0;
    await expect
      .poll(
        () => {
          for (const limiter of limiters) paid += spendAll(limiter, subject, 100);
          elapsedMs = performance.now() - begun;
          return elapsedMs;
        },
        { timeout: 30_000, interval: 1 },
      )
      .toBeGreaterThan(1_500);
    expect(paid).toBeLessThanOrEqual(1.1 * (200 + elapsedMs / 10));
    expect(paid).toBeGreaterThanOrEqual(200);
  });

  it('give one that is alone its whole budget', async () => {
    const [one] = [await open(), await open()];
    const subject = freshSubject();
    await meet(one!, subject);
    expect(one!.charge([chargeOf(subject, 20)])).toBeUndefined();
  });

  it('report what was refused anywhere', async () => {
    const [one, other] = [await open(), await open()];
    const subject = freshSubject();
    for (let n = 0; n < 3; n++) one.noteRefusal(subject, 'submissions');
    other.noteRefusal(subject, 'submissions');
    other.penalize(subject, 4, 'invalid-record');
    await one.report(subject, 'authenticated');
    await other.report(subject, 'authenticated');
    const { refused, points } = await one.report(subject, 'authenticated');
    expect(Object.fromEntries(refused)).toEqual({ submissions: 4, 'invalid-record': 1 });
    expect(points).toBeGreaterThan(0);
    const stranger = await open();
    const found = await stranger.report(subject, 'authenticated');
    expect(Object.fromEntries(found.refused)).toEqual(Object.fromEntries(refused));
  });
}

function describeHoldings(open: OpenShared): void {
  it('count what each of them holds, and forget what was given back', async () => {
    const [one, other] = [await open(), await open()];
    const subject = freshSubject();
    await meet(one, subject);
    await meet(other, subject);
    const hold = (limiter: Limiter) => limiter.hold([subject], 'connections', 'authenticated');
    expect(hold(one)).toBeUndefined();
    await expect.poll(() => openOf(other, subject), PATIENT).toBe(1);
    expect(hold(other)).toBeUndefined();
    await expect.poll(() => openOf(one, subject), PATIENT).toBe(2);
    expect(hold(one)).toBeUndefined();
    await expect.poll(() => openOf(other, subject), PATIENT).toBe(3);
    expect(hold(other)).toMatchObject({ subject, what: 'connections' });
    one.release([subject], 'connections');
    one.release([subject], 'connections');
    await expect.poll(() => openOf(other, subject), PATIENT).toBe(1);
    expect(hold(other)).toBeUndefined();
    await other.close();
    await expect.poll(() => openOf(one, subject), PATIENT).toBe(0);
  });

  it('keep what is held for long', async () => {
    const one = await open({ leaseMs: 300 });
    const subject = freshSubject();
    one.hold([subject], 'connections', 'authenticated');
    const other = await open();
    const begun = performance.now();
    await expect
      .poll(
        async () => {
          expect(await openOf(one, subject)).toBe(1);
          return performance.now() - begun;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(1_500);
    await expect.poll(() => openOf(other, subject), PATIENT).toBe(1);
  });
}

function describeBans(open: OpenShared): void {
  it('are known to all of them within a second', async () => {
    const penalties = { ...TEST_PENALTIES, firstBanMs: 10_000, longestBanMs: 60_000 };
    const [one, other] = [await open({ penalties }), await open({ penalties })];
    const told: EarnedBan[] = [];
    other.onBan((ban) => told.push(ban));
    const subject = freshSubject('a');
    const ban = one.penalize(subject, 20, 'invalid-record');
    await expect.poll(() => told, { timeout: 1_000 }).toMatchObject([{ subject, count: 1 }]);
    expect(Math.abs(told[0]!.untilMs - ban!.untilMs)).toBeLessThan(1_000);
    expect(other.banOf(subject)).toMatchObject({ subject });
    expect(await other.bans()).toMatchObject([{ subject }]);
    const third = await open({ penalties });
    expect(third.banOf(subject)).toMatchObject({ subject });
    await other.pardon(subject);
    await expect.poll(() => one.banOf(subject), { timeout: 1_000 }).toBeUndefined();
    expect(await third.bans()).toEqual([]);
    expect(third.penalize(subject, 20, 'invalid-record')).toMatchObject({ count: 1 });
  });

  it('double whoever imposes them, and end when they say', async () => {
    const penalties = { ...TEST_PENALTIES, firstBanMs: 800, longestBanMs: 10_000 };
    const limiters = [await open({ penalties }), await open({ penalties })];
    const told: EarnedBan[][] = [[], []];
    limiters.forEach((limiter, n) => limiter.onBan((ban) => told[n]!.push(ban)));
    const subject = freshSubject();
    for (let count = 1; count <= 3; count++) {
      const before = Date.now();
      const ban = limiters[count % 2]!.penalize(subject, 20, 'invalid-record');
      expect(ban?.count).toBe(count);
      for (const [n, limiter] of limiters.entries()) {
        await expect.poll(() => told[n]!.at(-1)?.count, PATIENT).toBe(count);
        await expect.poll(() => limiter.banOf(subject), PATIENT).toBeUndefined();
        const { untilMs } = told[n]!.at(-1)!;
        expect(untilMs).toBeGreaterThanOrEqual(before + 800 * 2 ** (count - 1) - 1);
        expect(Date.now()).toBeGreaterThanOrEqual(untilMs - 1);
      }
    }
  });

  it('come of points that several of them gave', async () => {
    const [one, other] = [await open(), await open()];
    const subject = freshSubject();
    await meet(one, subject);
    await meet(other, subject);
    expect(one.penalize(subject, 6, 'invalid-record')).toBeUndefined();
    await meet(one, subject);
    await meet(other, subject);
    expect(other.penalize(subject, 6, 'invalid-record')).toMatchObject({ count: 1 });
  });
}
