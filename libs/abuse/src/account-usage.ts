/** What accounts use of their budgets and places, for people. */
import type { Account } from './account.ts';
import { type BudgetName, BUDGETS, HOLDINGS, type Usage } from './limiter.ts';
import { holdingAt, slotOf } from './slot-sizes.ts';
import { type Standing, STANDINGS } from './subject.ts';

/** Everything that an account can use in a standing, used or not. */
export function usageOf(account: Account, standing: Standing, nowMs: number): Usage[] {
  const { name: subject, sizes } = account;
  const budgets = BUDGETS.map((what) => budgetUsage(account, what, standing, nowMs));
  const holdings = HOLDINGS.map((what): Usage => {
    const at = holdingAt(what);
    const used = account.held[at]! + account.heldElsewhere[at]!;
    const limit = sizes.places[at]![standing];
    return { subject, standing, what, used, limit, ratePerSecond: undefined };
  });
  return [...budgets, ...holdings];
}

function budgetUsage(account: Account, what: BudgetName, standing: Standing, nowMs: number): Usage {
  const { name: subject, sizes } = account;
  const slot = slotOf(what, standing);
  const msPerUnit = sizes.msPerUnit[slot]!;
  const burstMs = sizes.burstMs[slot]!;
  const limit = msPerUnit === 0 ? burstMs : burstMs / msPerUnit;
  const used = account.used(slot, nowMs);
  return { subject, standing, what, used, limit, ratePerSecond: 1_000 / msPerUnit };
}

/** Uses kept at most. */
export const BUSIEST_MAX = 1_000;
/** Accounts looked at in one turn of the event loop: there may be hundreds of thousands. */
const ACCOUNTS_PER_TURN = 2_000;

/**
 * The uses that come nearest to their limits, the nearest first: at most {@link BUSIEST_MAX}, and in
 * turns with everything else. Budgets are told for each standing that spent. Open places are held
 * against what the best of them may; of who spent nothing lately, against what strangers may.
 *
 * @param count of the accounts: what comes meanwhile is not waited for
 */
export async function busiestOf(
  accounts: Iterable<Account>,
  count: number,
  monotonicMs: () => number,
): Promise<Usage[]> {
  const nearest = new NearestUses();
  let looks = 0;
  let nowMs = monotonicMs();
  for (const account of accounts) {
    if (looks++ === count) break;
    nearest.look(account, nowMs);
    if (looks % ACCOUNTS_PER_TURN > 0) continue;
    await new Promise(setImmediate);
    nowMs = monotonicMs();
  }
  return nearest.found();
}

/** The nearest uses so far. */
class NearestUses {
  readonly #uses: Usage[] = [];
  /** The share that a use must exceed to be among them. */
  #least = 0;

  look(account: Account, nowMs: number): void {
    const { name: subject, sizes } = account;
    if (account.fullAtMs <= nowMs && !account.isHolding()) return;
    let best: Standing = 'anonymous';
    for (const standing of STANDINGS) {
      for (const what of BUDGETS) {
        const slot = slotOf(what, standing);
        const levelMs = account.levelMs(slot, nowMs);
        if (levelMs === 0) continue;
        best = standing;
        if (!(levelMs / sizes.burstMs[slot]! > this.#least)) continue;
        this.#take(budgetUsage(account, what, standing, nowMs));
      }
    }
    for (const what of HOLDINGS) {
      const at = holdingAt(what);
      const used = account.held[at]! + account.heldElsewhere[at]!;
      if (!(used / sizes.places[at]![best] > this.#least)) continue;
      const limit = sizes.places[at]![best];
      this.#take({ subject, standing: best, what, used, limit, ratePerSecond: undefined });
    }
  }

  found(): Usage[] {
    this.#trim();
    return this.#uses;
  }

  #take(usage: Usage): void {
    this.#uses.push(usage);
    // Now and then, so that it costs little and memory is bounded.
    if (this.#uses.length >= 2 * BUSIEST_MAX) this.#trim();
  }

  #trim(): void {
    this.#uses.sort((a, b) => shareOf(b) - shareOf(a));
    if (this.#uses.length < BUSIEST_MAX) return;
    this.#uses.length = BUSIEST_MAX;
    this.#least = shareOf(this.#uses.at(-1)!);
  }
}

/** What part of its limit a use is; 0 where there is none. */
export function shareOf({ used, limit }: Usage): number {
  return used / limit;
}
