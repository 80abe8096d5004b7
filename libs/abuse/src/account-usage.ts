/** What accounts use of their budgets and places, for people. */
import type { Account } from './account.ts';
import { BUDGETS, HOLDINGS, type Usage } from './limiter.ts';
import { holdingAt, slotOf } from './slot-sizes.ts';
import { type Standing, STANDINGS } from './subject.ts';

/** Everything that an account can use in a standing, used or not. */
export function usageOf(account: Account, standing: Standing, nowMs: number): Usage[] {
  const { name: subject, sizes } = account;
  const budgets = BUDGETS.map((what): Usage => {
    const slot = slotOf(what, standing);
    const msPerUnit = sizes.msPerUnit[slot]!;
    const burstMs = sizes.burstMs[slot]!;
    return {
      subject,
      what,
      used: account.used(slot, nowMs),
      limit: msPerUnit === 0 ? burstMs : burstMs / msPerUnit,
      ratePerSecond: 1_000 / msPerUnit,
    };
  });
  const holdings = HOLDINGS.map((what): Usage => {
    const at = holdingAt(what);
    const used = account.held[at]! + account.heldElsewhere[at]!;
    return { subject, what, used, limit: sizes.places[at]![standing], ratePerSecond: undefined };
  });
  return [...budgets, ...holdings];
}

/**
 * The uses that come nearest to their limits, the nearest first. Which standing somebody has is known by
 * what they spent lately; of who spent nothing, open places are held against what strangers may.
 */
export function busiestOf(accounts: Iterable<Account>, count: number, nowMs: number): Usage[] {
  const found: Usage[] = [];
  for (const account of accounts) {
    const spent = STANDINGS.findLast((each) =>
      BUDGETS.some((budget) => account.used(slotOf(budget, each), nowMs) > 0),
    );
    const standing = spent ?? 'anonymous';
    found.push(...usageOf(account, standing, nowMs).filter(({ used }) => used > 0));
    // Now and then, so that it costs little and memory is bounded.
    if (found.length > 8 * count + 64) keepNearest(found, count);
  }
  keepNearest(found, count);
  return found;
}

function keepNearest(found: Usage[], count: number): void {
  found.sort((a, b) => shareOf(b) - shareOf(a));
  found.splice(count);
}

function shareOf({ used, limit }: Usage): number {
  return used / limit;
}
