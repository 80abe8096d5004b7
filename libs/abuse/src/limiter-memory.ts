/**
 * The limiter of one process: all that it knows is in its memory, and ends with it. It is also the
 * first stage of the limiter that several processes share.
 */
import type { Account } from './account.ts';
import { AccountTable } from './account-table.ts';
import { busiestOf, usageOf } from './account-usage.ts';
import { BanTable } from './ban-table.ts';
import { type BudgetTable, DEFAULT_BUDGETS } from './budget-table.ts';
import type {
  Charge,
  EarnedBan,
  Exceeded,
  HoldingName,
  Limiter,
  SubjectReport,
  Usage,
} from './limiter.ts';
import { type LimiterClock, systemClock } from './limiter-clock.ts';
import { LIMITER_LIMIT_TABLE as LIMITS } from './limiter-limits.ts';
import { type PenaltyRules, resolvePenaltyRules } from './penalty-rules.ts';
import { holdingAt, POINTS_SLOT, SizesByKind, slotOf } from './slot-sizes.ts';
import type { Standing, SubjectName } from './subject.ts';

/** How a limiter is made. */
export interface LimiterOptions {
  /** Undefined: {@link DEFAULT_BUDGETS}. */
  readonly budgets?: BudgetTable | undefined;
  /** What differs from the default rules. */
  readonly penalties?: Partial<PenaltyRules> | undefined;
  /** Undefined: the machine's. */
  readonly clock?: LimiterClock | undefined;
  /** Most subjects known at a time; undefined: 200,000. */
  readonly subjectsMax?: number | undefined;
  /** Most bans known at a time, those that ended lately included; undefined: 100,000. */
  readonly bansMax?: number | undefined;
}

/** Follows what happens in a limiter; its functions must be quick and not throw. */
export interface LimiterObserver {
  opened(account: Account): void;
  spent(account: Account, slot: number): void;
  heldChanged(account: Account): void;
  refused(account: Account): void;
  banned(ban: EarnedBan): void;
}

/** Most bans in a list. */
const BANS_LISTED_MAX = 1_000;
/** When somebody who there is no room for can try again. */
const NO_ROOM_WAIT_MS = 1_000;

/**
 * A limiter in this process's memory.
 *
 * @throws MosaicError `invalid` (`penalty-rules`)
 */
export function createMemoryLimiter(options: LimiterOptions = {}): Limiter {
  return new MemoryLimiter(options);
}

/** See {@link createMemoryLimiter}. */
export class MemoryLimiter implements Limiter {
  readonly accounts: AccountTable;
  readonly earned: BanTable;
  readonly rules: PenaltyRules;
  readonly #clock: LimiterClock;
  readonly #observer: LimiterObserver | undefined;
  readonly #tellBan: ((ban: EarnedBan) => void)[] = [];
  #busiest: Promise<readonly Usage[]> | undefined;

  constructor(options: LimiterOptions, observer?: LimiterObserver) {
    const { budgets = DEFAULT_BUDGETS, clock = systemClock } = options;
    const { subjectsMax = LIMITS.subjectsMax.value, bansMax = LIMITS.bansMax.value } = options;
    this.rules = resolvePenaltyRules(options.penalties);
    this.#clock = clock;
    this.#observer = observer;
    this.accounts = new AccountTable(new SizesByKind(budgets, this.rules), subjectsMax);
    this.earned = new BanTable(this.rules, clock, bansMax);
  }

  charge(charges: readonly Charge[]): Exceeded | undefined {
    const nowMs = this.#clock.monotonicMs();
    for (let i = 0; i < charges.length; i++) {
      const { subject, budget, standing, amount } = charges[i]!;
      const account = this.#open(subject, nowMs);
      const slot = slotOf(budget, standing);
      const waitMs = account === undefined ? NO_ROOM_WAIT_MS : account.pay(slot, amount, nowMs);
      if (waitMs > 0) {
        this.#refund(charges, i, nowMs);
        return { subject, what: budget, retryAfterMs: waitMs };
      }
      this.#observer?.spent(account!, slot);
    }
    return undefined;
  }

  spend(charges: readonly Charge[]): void {
    const nowMs = this.#clock.monotonicMs();
    for (const { subject, budget, standing, amount } of charges) {
      const account = this.#open(subject, nowMs);
      if (account === undefined) continue;
      const slot = slotOf(budget, standing);
      account.owe(slot, amount, nowMs);
      this.#observer?.spent(account, slot);
    }
  }

  allows(charges: readonly Charge[]): Exceeded | undefined {
    const nowMs = this.#clock.monotonicMs();
    for (const { subject, budget, standing } of charges) {
      const debtMs = this.accounts.find(subject)?.debtMs(slotOf(budget, standing), nowMs) ?? 0;
      if (debtMs > 0) return { subject, what: budget, retryAfterMs: debtMs };
    }
    return undefined;
  }

  refund(charges: readonly Charge[]): void {
    this.#refund(charges, charges.length, this.#clock.monotonicMs());
  }

  hold(
    subjects: readonly SubjectName[],
    what: HoldingName,
    standing: Standing,
  ): Exceeded | undefined {
    const nowMs = this.#clock.monotonicMs();
    const at = holdingAt(what);
    const accounts: Account[] = [];
    for (const subject of subjects) {
      const account = this.#open(subject, nowMs);
      if (account === undefined || !account.hasPlace(at, standing, nowMs)) {
        return { subject, what, retryAfterMs: NO_ROOM_WAIT_MS };
      }
      accounts.push(account);
    }
    for (const account of accounts) {
      account.held[at]! += 1;
      account.heldUntold[at]! += 1;
      this.#observer?.heldChanged(account);
    }
    return undefined;
  }

  release(subjects: readonly SubjectName[], what: HoldingName): void {
    const at = holdingAt(what);
    for (const subject of subjects) {
      const account = this.accounts.find(subject);
      if (account === undefined || account.held[at] === 0) continue;
      account.held[at]! -= 1;
      account.heldUntold[at] = Math.max(0, account.heldUntold[at]! - 1);
      this.#observer?.heldChanged(account);
    }
  }

  penalize(subject: SubjectName, points: number, word: string): EarnedBan | undefined {
    const nowMs = this.#clock.monotonicMs();
    const account = this.#open(subject, nowMs);
    if (account !== undefined) {
      account.noteRefusal(word, nowMs);
      this.#observer?.refused(account);
    }
    const known = this.earned.find(subject);
    if (known !== undefined || account === undefined) return known;
    account.owe(POINTS_SLOT, points, nowMs);
    this.#observer?.spent(account, POINTS_SLOT);
    if (account.debtMs(POINTS_SLOT, nowMs) === 0) return undefined;
    const ban = this.earned.impose(subject);
    if (ban === undefined) return undefined;
    account.forgive();
    this.#observer?.banned(ban);
    this.tell(ban);
    return ban;
  }

  noteRefusal(subject: SubjectName, word: string): void {
    const nowMs = this.#clock.monotonicMs();
    const account = this.#open(subject, nowMs);
    if (account === undefined) return;
    account.noteRefusal(word, nowMs);
    this.#observer?.refused(account);
  }

  banOf(subject: SubjectName): EarnedBan | undefined {
    return this.earned.find(subject);
  }

  onBan(told: (ban: EarnedBan) => void): void {
    this.#tellBan.push(told);
  }

  /** Tells of a ban. */
  tell(ban: EarnedBan): void {
    for (const told of this.#tellBan) told(ban);
  }

  pardon(subject: SubjectName): Promise<void> {
    this.forgive(subject);
    return Promise.resolve();
  }

  /** Ends a ban in this process, and forgets the points. */
  forgive(subject: SubjectName): void {
    this.earned.remove(subject);
    this.accounts.find(subject)?.forgive();
  }

  /** @param shared what all processes together know, where there are others */
  report(
    subject: SubjectName,
    standing: Standing,
    shared?: { readonly account: Account; readonly refused: ReadonlyMap<string, number> },
  ): Promise<SubjectReport> {
    const nowMs = this.#clock.monotonicMs();
    // One that is not known looks like one that did nothing, without being remembered.
    const account =
      shared?.account ?? this.accounts.find(subject) ?? this.accounts.blank(subject, nowMs);
    const usage = usageOf(account, standing, nowMs);
    const refused = new Map(shared?.refused);
    for (const [word, count] of account.refusedLately(nowMs)) {
      refused.set(word, (refused.get(word) ?? 0) + count);
    }
    return Promise.resolve({
      usage,
      points: account.used(POINTS_SLOT, nowMs),
      ban: this.earned.find(subject),
      refused,
    });
  }

  async busiest(count: number): Promise<readonly Usage[]> {
    const { accounts } = this;
    this.#busiest ??= busiestOf(accounts.values(), accounts.size, () =>
      this.#clock.monotonicMs(),
    ).finally(() => {
      this.#busiest = undefined;
    });
    return (await this.#busiest).slice(0, count);
  }

  bans(): Promise<readonly EarnedBan[]> {
    return Promise.resolve(this.earned.list(BANS_LISTED_MAX));
  }

  fault(): string | undefined {
    return undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Takes back the first charges. */
  #refund(charges: readonly Charge[], count: number, nowMs: number): void {
    for (let i = 0; i < count; i++) {
      const { subject, budget, standing, amount } = charges[i]!;
      this.accounts.find(subject)?.refund(slotOf(budget, standing), amount, nowMs);
    }
  }

  #open(subject: SubjectName, nowMs: number): Account | undefined {
    const known = this.accounts.find(subject);
    if (known !== undefined) return known;
    const account = this.accounts.open(subject, nowMs);
    if (account !== undefined) this.#observer?.opened(account);
    return account;
  }
}
