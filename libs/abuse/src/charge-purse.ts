/** Charges for the limiter without making any: the same few are filled in again and again. */
import type { BudgetName, Charge } from './limiter.ts';
import type { Standing, SubjectName } from './subject.ts';

type OpenCharge = { -readonly [Name in keyof Charge]: Charge[Name] };

/** Three subjects pay for two things at most. */
const CHARGES_MAX = 6;

/** Holds the charges of one payment at a time. */
export class ChargePurse {
  readonly #charges: readonly OpenCharge[] = Array.from({ length: CHARGES_MAX }, () => ({
    subject: '',
    budget: 'messages' as const,
    standing: 'anonymous' as const,
    amount: 0,
  }));
  /** By how many there are. */
  readonly #firsts = Array.from({ length: CHARGES_MAX + 1 }, (_, n) => this.#charges.slice(0, n));
  #count = 0;

  /** Empties it. */
  clear(): this {
    this.#count = 0;
    return this;
  }

  /** Adds a charge. */
  add(subject: SubjectName, budget: BudgetName, standing: Standing, amount: number): void {
    const charge = this.#charges[this.#count++]!;
    charge.subject = subject;
    charge.budget = budget;
    charge.standing = standing;
    charge.amount = amount;
  }

  /** What was added; valid until it is emptied. */
  get charges(): readonly Charge[] {
    return this.#firsts[this.#count]!;
  }
}
