/**
 * Budgets as an account keeps them: numbered slots, sizes in milliseconds. What is spent from a slot is
 * the time that it takes to come back, so that a slot's state is one number, the moment when it is full
 * again, and no rate is needed to add up what several processes spent.
 */
import { type BudgetTable, SUBJECT_KINDS, type SubjectKind } from './budget-table.ts';
import { BUDGETS, type BudgetName, HOLDINGS, type HoldingName } from './limiter.ts';
import type { PenaltyRules } from './penalty-rules.ts';
import { type Standing, STANDINGS, type SubjectName } from './subject.ts';

/** Slots of one standing. */
export const BUDGET_COUNT: number = BUDGETS.length;
/** The slot of penalty points, after those of all standings. */
export const POINTS_SLOT: number = BUDGET_COUNT * STANDINGS.length;
/** How many slots there are. */
export const SLOT_COUNT: number = POINTS_SLOT + 1;

const BUDGET_AT = numbered(BUDGETS);
const STANDING_AT = numbered(STANDINGS);
const HOLDING_AT = numbered(HOLDINGS);

/** The slot of a budget. */
export function slotOf(budget: BudgetName, standing: Standing): number {
  return STANDING_AT[standing] * BUDGET_COUNT + BUDGET_AT[budget];
}

/** The number of a holding. */
export function holdingAt(what: HoldingName): number {
  return HOLDING_AT[what];
}

/** The sizes for one kind of subject. */
export interface SlotSizes {
  /** By slot: what one costs. 0: there is no limit. */
  readonly msPerUnit: Float64Array;
  /** By slot: what may be spent at once. */
  readonly burstMs: Float64Array;
  /** By holding, then by standing: how many may be open. */
  readonly places: readonly Readonly<Record<Standing, number>>[];
}

/** The sizes of every kind of subject. */
export class SizesByKind {
  readonly #byLetter: Readonly<Record<string, SlotSizes>>;
  readonly #other: SlotSizes;

  constructor(table: BudgetTable, rules: PenaltyRules) {
    const [address, network, key, author] = SUBJECT_KINDS.map((kind) => sizes(table, rules, kind));
    this.#byLetter = { a: address!, n: network!, k: key!, u: author! };
    this.#other = address!;
  }

  /** Those of a subject. */
  of(subject: SubjectName): SlotSizes {
    return this.#byLetter[subject.charAt(0)] ?? this.#other;
  }
}

function sizes(table: BudgetTable, rules: PenaltyRules, kind: SubjectKind): SlotSizes {
  const msPerUnit = new Float64Array(SLOT_COUNT);
  const burstMs = new Float64Array(SLOT_COUNT);
  const set = (slot: number, ratePerSecond: number, burst: number): void => {
    msPerUnit[slot] = 1_000 / ratePerSecond;
    burstMs[slot] = burst === Number.POSITIVE_INFINITY ? burst : (burst * 1_000) / ratePerSecond;
  };
  for (const budget of BUDGETS) {
    for (const standing of STANDINGS) {
      const { ratePerSecond, burst } = table.budgets[budget][kind][standing];
      set(slotOf(budget, standing), ratePerSecond, burst);
    }
  }
  set(POINTS_SLOT, rules.decayPerSecond, rules.threshold);
  return { msPerUnit, burstMs, places: HOLDINGS.map((what) => table.holdings[what][kind]) };
}

function numbered<T extends string>(names: readonly T[]): Readonly<Record<T, number>> {
  return Object.fromEntries(names.map((name, at) => [name, at])) as Record<T, number>;
}
