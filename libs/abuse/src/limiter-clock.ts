/** The two clocks of a limiter: one that never jumps, for budgets, and the one that people read. */

/** Tells the time. */
export interface LimiterClock {
  /** Milliseconds, with fractions, since anything; never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
}

/** The machine's clocks. */
export const systemClock: LimiterClock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
