/** Abuse control for tests of others: in memory, nobody is banned, and budgets are off unless given. */
import {
  BanBook,
  type CountedAbuseControl,
  createAbuseControl,
  createMemoryLimiter,
  type Limiter,
  parseAddressRange,
  parseBudgets,
} from '../src/index.ts';

/** What tests hold in their hands. */
export interface TestControl {
  readonly control: CountedAbuseControl;
  readonly limiter: Limiter;
}

/**
 * @param budgets as an operator writes them; undefined: off
 * @param now the time of budgets in milliseconds, by default what it is
 */
export function testControl(budgets?: string, now: () => number = Date.now): TestControl {
  const limiter = createMemoryLimiter({
    budgets: parseBudgets(budgets ?? ''),
    clock: { monotonicMs: now, wallMs: now },
  });
  const bans = new BanBook({
    alwaysAllowed: budgets === undefined ? [parseAddressRange('127.0.0.0/8')] : [],
    now,
  });
  const isLimiting = budgets !== undefined;
  return { control: createAbuseControl({ limiter, bans, isLimiting, now }), limiter };
}
