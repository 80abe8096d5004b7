/** What every limiter must do, as a test suite that each adapter runs. */
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { parseBudgets } from './budget-syntax.ts';
import type { BudgetName, Charge, EarnedBan, Limiter } from './limiter.ts';
import type { LimiterOptions } from './limiter-memory.ts';
import type { Standing, SubjectName } from './subject.ts';

/** How the suite gets a limiter that shares what it knows with no other test. */
export interface LimiterFixture {
  readonly name: string;
  open(options: LimiterOptions): Promise<Limiter>;
  /** How many sequences of random charges are tried. */
  readonly runs: number;
}

/** 20 at once, and 50 per second; what is not named here is not reached by a test. */
export const TEST_BUDGETS = parseBudgets(
  'submissions.*.*=50/s:20 messages.*.*=10/s:5 query.*.*=100/s:100 ' +
    'connections.*.*=3 connections.*.registered=5',
);
/** A ban for two fifths of a second beyond 10 points, which hardly decay meanwhile. */
export const TEST_PENALTIES = {
  threshold: 10,
  decayPerSecond: 1,
  firstBanMs: 400,
  longestBanMs: 1_500,
  cleanMs: 60_000,
};

/** How long a test waits for what has to come. */
export const PATIENT = { timeout: 10_000, interval: 10 };

/** Subjects that no other test has. */
export function freshSubject(letter = 'k'): SubjectName {
  subjects += 1;
  return `${letter}:${subjects}`;
}
let subjects = 0;

/** A charge of an authenticated subject. */
export function chargeOf(
  subject: SubjectName,
  amount = 1,
  budget: BudgetName = 'submissions',
  standing: Standing = 'authenticated',
): Charge {
  return { subject, budget, standing, amount };
}

/** Makes sure that a limiter knows what others know of subjects. */
export async function meet(limiter: Limiter, ...names: SubjectName[]): Promise<void> {
  for (const subject of names) {
    limiter.charge([chargeOf(subject, 0)]);
    await limiter.report(subject, 'authenticated');
  }
}

/** How many charges of 1 are paid at once. */
export function spendAll(limiter: Limiter, subject: SubjectName, most = 1_000): number {
  let paid = 0;
  while (paid < most && limiter.charge([chargeOf(subject)]) === undefined) paid += 1;
  return paid;
}

/** How many connections of a subject a limiter says are open. */
export async function openOf(limiter: Limiter, subject: SubjectName): Promise<number | undefined> {
  const { usage } = await limiter.report(subject, 'authenticated');
  return usage.find(({ what }) => what === 'connections')?.used;
}

/** Declares the suite. */
export function describeLimiter(fixture: LimiterFixture): void {
  describe(`limiter: ${fixture.name}`, () => {
    const opened: Limiter[] = [];
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((limiter) => limiter.close()));
    });
    const open = async (options: LimiterOptions = {}): Promise<Limiter> => {
      const limiter = await fixture.open({
        budgets: TEST_BUDGETS,
        penalties: TEST_PENALTIES,
        ...options,
      });
      opened.push(limiter);
      return limiter;
    };
    describe('budgets', () => describeBudgets(open, fixture.runs));
    describe('holdings', () => describeHoldings(open));
    describe('penalties', () => describePenalties(open));
  });
}

type Open = (options?: LimiterOptions) => Promise<Limiter>;

function describeBudgets(open: Open, runs: number): void {
  it('gives a burst, says when to come again, and then gives again', async () => {
    const limiter = await open();
    const subject = freshSubject();
    await meet(limiter, subject);
    const begun = performance.now();
    const paid = spendAll(limiter, subject);
    expect(paid).toBeGreaterThanOrEqual(20);
    expect(paid).toBeLessThanOrEqual(20 + ((performance.now() - begun) * 50) / 1_000);
    const exceeded = limiter.charge([chargeOf(subject, 10)]);
    expect(exceeded).toMatchObject({ subject, what: 'submissions' });
    expect(exceeded!.retryAfterMs).toBeGreaterThan(0);
    expect(exceeded!.retryAfterMs).toBeLessThanOrEqual(200);
    await expect.poll(() => limiter.charge([chargeOf(subject, 10)]), PATIENT).toBeUndefined();
  });

  it('charges all or nothing', async () => {
    const limiter = await open();
    const [poor, rich] = [freshSubject('a'), freshSubject()];
    await meet(limiter, poor, rich);
    for (let n = 0; n < 5; n++) {
      expect(limiter.charge([chargeOf(poor, 1, 'messages')])).toBeUndefined();
    }
    const both = [chargeOf(rich, 20, 'submissions'), chargeOf(poor, 4, 'messages')];
    expect(limiter.charge(both)).toMatchObject({ subject: poor, what: 'messages' });
    expect(limiter.charge([chargeOf(rich, 20)])).toBeUndefined();
    const twice = freshSubject();
    await meet(limiter, twice);
    const same = [chargeOf(twice, 15), chargeOf(twice, 15)];
    expect(limiter.charge(same)).toMatchObject({ subject: twice });
    expect(limiter.charge([chargeOf(twice, 20)])).toBeUndefined();
  });

  it('gives back what came to nothing, but never more than was paid and is missing yet', async () => {
    const limiter = await open({ budgets: parseBudgets('submissions.*.*=0.001/s:20') });
    const subject = freshSubject();
    await meet(limiter, subject);
    expect(spendAll(limiter, subject)).toBe(20);
    // So that all processes have heard of it, where there are several.
    await limiter.report(subject, 'authenticated');
    limiter.refund([chargeOf(subject, 5)]);
    expect(spendAll(limiter, subject)).toBe(5);
    limiter.refund([chargeOf(subject, 1_000)]);
    expect(spendAll(limiter, subject)).toBe(20);
  });

  it('keeps what each standing spends apart', async () => {
    const limiter = await open();
    const subject = freshSubject('a');
    await meet(limiter, subject);
    expect(limiter.charge([chargeOf(subject, 20, 'submissions', 'anonymous')])).toBeUndefined();
    expect(limiter.charge([chargeOf(subject, 10, 'submissions', 'anonymous')])).toBeDefined();
    expect(limiter.charge([chargeOf(subject, 20, 'submissions', 'registered')])).toBeUndefined();
  });

  it('takes payment for what is done, and lets nothing begin until the debt is paid', async () => {
    const limiter = await open();
    const subject = freshSubject();
    const query = [chargeOf(subject, 0, 'query')];
    await meet(limiter, subject);
    expect(limiter.allows(query)).toBeUndefined();
    limiter.spend([chargeOf(subject, 100, 'query')]);
    expect(limiter.allows(query)).toBeUndefined();
    limiter.spend([chargeOf(subject, 30, 'query')]);
    const exceeded = limiter.allows(query);
    expect(exceeded).toMatchObject({ subject, what: 'query' });
    expect(exceeded!.retryAfterMs).toBeLessThanOrEqual(300);
    await expect.poll(() => limiter.allows(query), PATIENT).toBeUndefined();
  });

  it('says that what is more than a burst never can be paid', async () => {
    const limiter = await open();
    const exceeded = limiter.charge([chargeOf(freshSubject(), 21)]);
    expect(exceeded?.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('limits nothing that is off', async () => {
    const limiter = await open({
      budgets: parseBudgets('submissions.*.*=off connections.*.*=off'),
    });
    const subject = freshSubject();
    expect(limiter.charge([chargeOf(subject, 1e12)])).toBeUndefined();
    await meet(limiter, subject);
    const subscribed = Array.from({ length: 100 }, () =>
      limiter.hold([subject], 'connections', 'anonymous'),
    );
    expect(subscribed.every((each) => each === undefined)).toBe(true);
  });

  it('reports what is spent', async () => {
    const limiter = await open();
    const subject = freshSubject();
    await meet(limiter, subject);
    limiter.charge([chargeOf(subject, 5, 'messages')]);
    limiter.hold([subject], 'connections', 'authenticated');
    limiter.noteRefusal(subject, 'submissions');
    limiter.noteRefusal(subject, 'submissions');
    limiter.penalize(subject, 3, 'malformed-message');
    const { usage, points, ban, refused } = await limiter.report(subject, 'authenticated');
    const of = (what: string) => usage.find((each) => each.what === what);
    expect(of('messages')).toMatchObject({ subject, limit: 5, ratePerSecond: 10 });
    expect(of('messages')!.used).toBeGreaterThan(2);
    expect(of('messages')!.used).toBeLessThanOrEqual(5);
    expect(of('connections')).toMatchObject({ used: 1, limit: 3, ratePerSecond: undefined });
    expect(of('submissions')).toMatchObject({ used: 0, limit: 20, ratePerSecond: 50 });
    expect(usage).toHaveLength(7);
    expect(points).toBeGreaterThan(1);
    expect(ban).toBeUndefined();
    expect(Object.fromEntries(refused)).toEqual({ submissions: 2, 'malformed-message': 1 });
    const unknown = await limiter.report(freshSubject(), 'anonymous');
    expect(unknown.usage.every(({ used }) => used === 0)).toBe(true);
  });

  it('says who comes nearest to a limit', async () => {
    const limiter = await open();
    const [busy, less, idle] = [freshSubject(), freshSubject(), freshSubject()];
    limiter.charge([chargeOf(less, 4), chargeOf(idle, 0)]);
    limiter.spend([chargeOf(less, 1e6, 'query', 'registered'), chargeOf(busy, 1e4)]);
    limiter.hold([less, idle], 'connections', 'registered');
    const nearest = async (count: number): Promise<unknown[]> => {
      const uses = await limiter.busiest(count);
      return uses.map(({ subject, standing, what, limit }) => [subject, standing, what, limit]);
    };
    // Each purse of a subject counts for itself; places are those of the best standing that spent.
    expect(await nearest(10)).toEqual([
      [less, 'registered', 'query', 100],
      [busy, 'authenticated', 'submissions', 20],
      [idle, 'anonymous', 'connections', 3],
      [less, 'registered', 'connections', 5],
      [less, 'authenticated', 'submissions', 20],
    ]);
    expect(await nearest(1)).toEqual([[less, 'registered', 'query', 100]]);
  });

  it('never gives more than the burst and what came back', { timeout: 60_000 }, async () => {
    const limiter = await open();
    const amounts = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.boolean()), {
      minLength: 5,
      maxLength: 60,
    });
    const property = fc.asyncProperty(amounts, async (steps) => {
      const subject = freshSubject();
      const begun = performance.now();
      let paid = 0;
      for (const [amount, isPause] of steps) {
        if (limiter.charge([chargeOf(subject, amount)]) === undefined) paid += amount;
        if (isPause) await new Promise(setImmediate);
      }
      const most = 20 + ((performance.now() - begun) * 50) / 1_000;
      expect(paid).toBeLessThanOrEqual(most + 1e-6);
    });
    await fc.assert(property, { numRuns: runs });
  });
}

function describeHoldings(open: Open): void {
  it('gives places, all or none, and takes them back', async () => {
    const limiter = await open();
    const [one, other] = [freshSubject('a'), freshSubject()];
    await meet(limiter, one, other);
    const hold = (...names: SubjectName[]) => limiter.hold(names, 'connections', 'authenticated');
    expect(hold(one)).toBeUndefined();
    expect(hold(one)).toBeUndefined();
    expect(hold(other, one)).toBeUndefined();
    expect(hold(other, one)).toMatchObject({ subject: one, what: 'connections' });
    limiter.release([one], 'connections');
    expect(hold(other, one)).toBeUndefined();
    expect(hold(other)).toBeUndefined();
    expect(hold(other)).toMatchObject({ subject: other });
    expect(limiter.hold([other], 'connections', 'registered')).toBeUndefined();
    expect(limiter.hold([other], 'subscriptions', 'registered')).toBeUndefined();
  });

  it('leaks no place, and invents none', async () => {
    const limiter = await open();
    const subject = freshSubject();
    await meet(limiter, subject);
    const steps = fc.array(fc.boolean(), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(steps, (takes) => {
        let held = 0;
        for (const isTaken of takes) {
          if (!isTaken) {
            limiter.release([subject], 'connections');
            held = Math.max(0, held - 1);
          } else if (limiter.hold([subject], 'connections', 'registered') === undefined) {
            held += 1;
            expect(held).toBeLessThanOrEqual(5);
          } else {
            expect(held).toBe(5);
          }
        }
        for (; held > 0; held--) limiter.release([subject], 'connections');
      }),
      { numRuns: 200 },
    );
    const { usage } = await limiter.report(subject, 'registered');
    expect(usage.find(({ what }) => what === 'connections')?.used).toBe(0);
  });
}

function describePenalties(open: Open): void {
  it('bans past the threshold, until it says', async () => {
    const limiter = await open({ penalties: { ...TEST_PENALTIES, firstBanMs: 1_500 } });
    const subject = freshSubject();
    await meet(limiter, subject);
    const told: EarnedBan[] = [];
    limiter.onBan((ban) => told.push(ban));
    expect(limiter.penalize(subject, 9, 'invalid-record')).toBeUndefined();
    expect(limiter.banOf(subject)).toBeUndefined();
    const before = Date.now();
    const ban = limiter.penalize(subject, 5, 'invalid-record');
    expect(ban).toMatchObject({ subject, count: 1 });
    expect(ban!.untilMs).toBeGreaterThanOrEqual(before + 1_500);
    expect(ban!.untilMs).toBeLessThanOrEqual(Date.now() + 1_501);
    expect(limiter.banOf(subject)).toEqual(ban);
    expect((await limiter.report(subject, 'authenticated')).ban).toMatchObject({ count: 1 });
    expect(await limiter.bans()).toMatchObject([{ subject, count: 1 }]);
    // What is done under a ban does not make it longer.
    limiter.penalize(subject, 500, 'invalid-record');
    await expect.poll(() => limiter.banOf(subject), PATIENT).toBeUndefined();
    expect(Date.now()).toBeGreaterThanOrEqual(Math.max(...told.map((each) => each.untilMs)) - 1);
    expect(limiter.penalize(subject, 9, 'invalid-record')).toBeUndefined();
    expect(await limiter.bans()).toEqual([]);
  });

  it('doubles, but not beyond the longest', async () => {
    const limiter = await open({ penalties: { ...TEST_PENALTIES, firstBanMs: 200 } });
    const subject = freshSubject();
    await meet(limiter, subject);
    for (const [count, lengthMs] of [
      [1, 200],
      [2, 400],
      [3, 800],
      [4, 1_500],
      [5, 1_500],
    ] as const) {
      const before = Date.now();
      const ban = limiter.penalize(subject, 20, 'invalid-record');
      expect(ban?.count).toBe(count);
      expect(ban!.untilMs).toBeGreaterThanOrEqual(before + lengthMs);
      expect(ban!.untilMs).toBeLessThanOrEqual(Date.now() + lengthMs + 1);
      await expect.poll(() => limiter.banOf(subject), PATIENT).toBeUndefined();
    }
  });

  it('forgets how many there were after a clean time', async () => {
    const limiter = await open({ penalties: { ...TEST_PENALTIES, firstBanMs: 50, cleanMs: 100 } });
    const subject = freshSubject();
    await meet(limiter, subject);
    const first = limiter.penalize(subject, 20, 'invalid-record');
    await expect.poll(() => Date.now() > first!.untilMs + 400, PATIENT).toBe(true);
    expect(limiter.penalize(subject, 20, 'invalid-record')?.count).toBe(1);
  });

  it('pardons', async () => {
    const limiter = await open({ penalties: { ...TEST_PENALTIES, firstBanMs: 1_000 } });
    const subject = freshSubject();
    await meet(limiter, subject);
    expect(limiter.penalize(subject, 20, 'invalid-record')).toBeDefined();
    await limiter.pardon(subject);
    expect(limiter.banOf(subject)).toBeUndefined();
    expect(await limiter.bans()).toEqual([]);
    expect((await limiter.report(subject, 'authenticated')).points).toBe(0);
    expect(limiter.penalize(subject, 20, 'invalid-record')?.count).toBe(1);
  });
}
