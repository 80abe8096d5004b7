/**
 * The limiter: budgets of many subjects, over all processes of a server. Decisions are made at once
 * from what this process knows; what was spent is told to the others, and learnt from them, in batches
 * a few times a second.
 */
import type { Standing, SubjectName } from './subject.ts';

/** What is paid for as it happens. A budget fills again at its rate, up to its burst. */
export const BUDGETS = [
  /** Connections opened, TLS or not. */
  'connects',
  /** Messages of any kind. */
  'messages',
  /** Bytes of messages received. */
  'bytes',
  /** Records submitted. */
  'submissions',
  /** What queries cost: index entries looked at, and bytes read. */
  'query',
] as const;
/** One of {@link BUDGETS}. */
export type BudgetName = (typeof BUDGETS)[number];

/** What somebody may have open at a time. */
export const HOLDINGS = ['connections', 'subscriptions'] as const;
/** One of {@link HOLDINGS}. */
export type HoldingName = (typeof HOLDINGS)[number];

/** Something to pay for. */
export interface Charge {
  readonly subject: SubjectName;
  readonly budget: BudgetName;
  /** Which of the budget's sizes counts. */
  readonly standing: Standing;
  readonly amount: number;
}

/** Why something is refused. */
export interface Exceeded {
  readonly subject: SubjectName;
  readonly what: BudgetName | HoldingName;
  /** When trying again can succeed, in milliseconds from now. */
  readonly retryAfterMs: number;
}

/** A budget's state, for people. */
export interface Usage {
  readonly subject: SubjectName;
  /** Whose budget of the subject's it is. */
  readonly standing: Standing;
  readonly what: BudgetName | HoldingName;
  /** Spent and not refilled yet, or open at present. */
  readonly used: number;
  readonly limit: number;
  /** Of a budget: what comes back per second. */
  readonly ratePerSecond: number | undefined;
}

/** A ban that a subject earned by penalties. */
export interface EarnedBan {
  readonly subject: SubjectName;
  /** When it ends, in milliseconds since 1970. */
  readonly untilMs: number;
  /** How many it had lately, this one included: each lasts twice as long as the one before. */
  readonly count: number;
}

/** What is known of a subject. */
export interface SubjectReport {
  readonly usage: readonly Usage[];
  /** Penalty points at present; they decay. */
  readonly points: number;
  readonly ban: EarnedBan | undefined;
  /** What was refused or punished lately: a word such as `submissions` or `invalid-signature`, and how often. */
  readonly refused: ReadonlyMap<string, number>;
}

/** Keeps budgets. Nothing here throws: without the others, this process goes by what it knows. */
export interface Limiter {
  /**
   * Pays for something before it is done: all of it or nothing.
   *
   * @returns undefined: paid; else the charge that could not be paid
   */
  charge(charges: readonly Charge[]): Exceeded | undefined;
  /** Pays for what is done already, in debt where need be. */
  spend(charges: readonly Charge[]): void;
  /**
   * Whether something costing nothing now may begin: no budget of these is in debt.
   *
   * @returns undefined: it may; else the charge that could not be paid
   */
  allows(charges: readonly Charge[]): Exceeded | undefined;
  /**
   * Gives back what was charged for something that came to nothing; no more than has not come back by
   * itself meanwhile.
   */
  refund(charges: readonly Charge[]): void;
  /** Takes places of something, all or none. */
  hold(
    subjects: readonly SubjectName[],
    what: HoldingName,
    standing: Standing,
  ): Exceeded | undefined;
  /** Gives places back. */
  release(subjects: readonly SubjectName[], what: HoldingName): void;
  /**
   * Adds penalty points; past the threshold the subject is banned for a time.
   *
   * @param word what for, counted in {@link SubjectReport.refused}
   * @returns the ban that is in force now, if any
   */
  penalize(subject: SubjectName, points: number, word: string): EarnedBan | undefined;
  /** Counts something that was refused, without points. */
  noteRefusal(subject: SubjectName, word: string): void;
  /** The earned ban that is in force, as far as this process knows. */
  banOf(subject: SubjectName): EarnedBan | undefined;
  /** Told of bans that this process learns of, its own included; it must not throw. */
  onBan(told: (ban: EarnedBan) => void): void;
  /** Ends an earned ban and forgets the points, everywhere. */
  pardon(subject: SubjectName): Promise<void>;
  /** What is known of a subject, the other processes included where they can be asked. */
  report(subject: SubjectName, standing: Standing): Promise<SubjectReport>;
  /**
   * The uses of budgets and places that come nearest to their limits, as far as this process knows, the
   * nearest first: at most `count`, and 1,000. It looks at every subject, in turns with everything else;
   * who asks meanwhile gets the same answer.
   */
  busiest(count: number): Promise<readonly Usage[]>;
  /** Earned bans that are in force, at most 1,000, the longest first. */
  bans(): Promise<readonly EarnedBan[]>;
  /** Why limits hold for this process alone at present; undefined: they hold for all together. */
  fault(): string | undefined;
  close(): Promise<void>;
}
