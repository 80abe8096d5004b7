/** What penalty points lead to. */
import { MosaicError } from '@mosaic-cluster/protocol';

/** The rules of penalties. */
export interface PenaltyRules {
  /** More points than these, and the subject is banned. */
  readonly threshold: number;
  /** Points that decay per second. */
  readonly decayPerSecond: number;
  /** How long a first ban lasts, in milliseconds. Each later one lasts twice as long as the one before. */
  readonly firstBanMs: number;
  /** How long a ban lasts at most, in milliseconds. */
  readonly longestBanMs: number;
  /** For how long after a ban it counts as one before, in milliseconds. */
  readonly cleanMs: number;
}

/** The rules unless an operator says otherwise. */
export const DEFAULT_PENALTY_RULES: PenaltyRules = {
  threshold: 100,
  decayPerSecond: 0.2,
  firstBanMs: 60_000,
  longestBanMs: 86_400_000,
  cleanMs: 86_400_000,
};

/**
 * The default rules with an operator's changes.
 *
 * @throws MosaicError `invalid` (`penalty-rules`) for a value that cannot work
 */
export function resolvePenaltyRules(changes: Partial<PenaltyRules> = {}): PenaltyRules {
  const rules = { ...DEFAULT_PENALTY_RULES, ...changes };
  for (const [name, value] of Object.entries(rules)) {
    if (Number.isFinite(value) && value > 0) continue;
    const message = `${name} of penalties must be a number above 0, not ${value}`;
    throw new MosaicError('invalid', 'penalty-rules', message);
  }
  if (rules.firstBanMs <= rules.longestBanMs) return rules;
  const message = `a first ban of ${rules.firstBanMs} ms is longer than the longest, ${rules.longestBanMs} ms`;
  throw new MosaicError('invalid', 'penalty-rules', message);
}

/** How long the ban with this number lasts, in milliseconds; the first is 1. */
export function banLengthMs(rules: PenaltyRules, count: number): number {
  return Math.min(rules.firstBanMs * 2 ** (count - 1), rules.longestBanMs);
}
