/** What one subject has spent and holds, as far as this process knows. */
import { HOLDINGS } from './limiter.ts';
import { BUDGET_COUNT, type SlotSizes } from './slot-sizes.ts';
import type { Standing, SubjectName } from './subject.ts';

/** Sums of fractions of a millisecond may be off by less than this. */
const TOLERANCE_MS = 1e-6;
/** When to try again what waits for other processes to say what they spent. */
const UNTOLD_WAIT_MS = 50;
/** For how long refusals are remembered after the last of them. */
const REFUSALS_MS = 600_000;
/** Words of refusals that are told apart; further ones count as `other`. */
const WORDS_MAX = 32;

/** Where in a page what is told to nobody yet begins, and what is told but not answered. */
const UNTOLD = BUDGET_COUNT;
const TELLING = 2 * BUDGET_COUNT;

/** One subject. */
export class Account {
  readonly name: SubjectName;
  readonly sizes: SlotSizes;
  /** When all its budgets are full again, by the monotonic clock. */
  fullAtMs = 0;
  /** Places that it holds in this process, by holding. */
  readonly held: number[] = HOLDINGS.map(() => 0);
  /** Places that it holds in other processes, as they said last. */
  readonly heldElsewhere: number[] = HOLDINGS.map(() => 0);
  /** Places taken since the other processes were told. */
  readonly heldUntold: number[] = HOLDINGS.map(() => 0);
  /**
   * What this process may spend of a budget before the others know of it, as a part of its burst. 1: it
   * is alone with the subject.
   */
  share = 1;
  /** What was refused or punished lately, by word; undefined: nothing. */
  refused: Map<string, number> | undefined;
  #refusedAtMs = 0;
  /**
   * For each standing, and for points, when its budgets are full again; after that what they spent that
   * is to be told to other processes; after that what they are being told.
   */
  readonly #pages: (number[] | undefined)[] = [];

  constructor(name: SubjectName, sizes: SlotSizes) {
    this.name = name;
    this.sizes = sizes;
  }

  /** Nothing would be different if it were forgotten. */
  isIdle(nowMs: number): boolean {
    if (this.fullAtMs > nowMs || this.isHolding()) return false;
    return this.refused === undefined || this.#refusedAtMs + REFUSALS_MS <= nowMs;
  }

  isHolding(): boolean {
    return this.held.some((places) => places > 0);
  }

  /**
   * Pays from a slot.
   *
   * @returns 0: paid; else when it can be, in milliseconds
   */
  pay(slot: number, amount: number, nowMs: number): number {
    const costMs = amount * this.sizes.msPerUnit[slot]!;
    if (costMs === 0) return 0;
    const page = this.#pageOf(slot);
    const at = slot % BUDGET_COUNT;
    const burstMs = this.sizes.burstMs[slot]!;
    const waitMs = Math.max(page[at]!, nowMs) + costMs - nowMs - burstMs;
    if (waitMs > TOLERANCE_MS) return costMs > burstMs ? Number.POSITIVE_INFINITY : waitMs;
    if (this.share < 1) {
      const unknownMs = page[UNTOLD + at]! + page[TELLING + at]!;
      if (unknownMs > 0 && unknownMs + costMs > this.share * burstMs) return UNTOLD_WAIT_MS;
    }
    this.#add(page, at, costMs, nowMs);
    return 0;
  }

  /** Pays from a slot, in debt where need be. */
  owe(slot: number, amount: number, nowMs: number): void {
    const costMs = amount * this.sizes.msPerUnit[slot]!;
    if (costMs > 0) this.#add(this.#pageOf(slot), slot % BUDGET_COUNT, costMs, nowMs);
  }

  /** Takes back what was paid in this moment. */
  refund(slot: number, amount: number): void {
    const costMs = amount * this.sizes.msPerUnit[slot]!;
    if (costMs === 0) return;
    const page = this.#pageOf(slot);
    const at = slot % BUDGET_COUNT;
    page[at]! -= costMs;
    page[UNTOLD + at]! -= costMs;
  }

  /** How long until a slot is out of debt, in milliseconds; 0: it is not in debt. */
  debtMs(slot: number, nowMs: number): number {
    const debtMs = this.levelMs(slot, nowMs) - this.sizes.burstMs[slot]!;
    return debtMs > TOLERANCE_MS ? debtMs : 0;
  }

  /** What is spent of a slot and has not come back, in milliseconds. */
  levelMs(slot: number, nowMs: number): number {
    const page = this.#pages[Math.trunc(slot / BUDGET_COUNT)];
    return page === undefined ? 0 : Math.max(0, page[slot % BUDGET_COUNT]! - nowMs);
  }

  /** What is spent of a slot and has not come back, in the budget's unit. */
  used(slot: number, nowMs: number): number {
    const msPerUnit = this.sizes.msPerUnit[slot]!;
    return msPerUnit === 0 ? 0 : this.levelMs(slot, nowMs) / msPerUnit;
  }

  /** Fills a slot. */
  fill(slot: number): void {
    this.#pages[Math.trunc(slot / BUDGET_COUNT)]?.fill(
      0,
      slot % BUDGET_COUNT,
      (slot % BUDGET_COUNT) + 1,
    );
  }

  /** Whether a place is left. */
  hasPlace(at: number, standing: Standing): boolean {
    const limit = this.sizes.places[at]![standing];
    if (this.held[at]! + this.heldElsewhere[at]! >= limit) return false;
    return this.share >= 1 || this.heldUntold[at]! < Math.max(1, this.share * limit);
  }

  /** Counts something that was refused or punished. */
  noteRefusal(word: string, nowMs: number): void {
    this.refused ??= new Map();
    if (this.#refusedAtMs + REFUSALS_MS <= nowMs) this.refused.clear();
    this.#refusedAtMs = nowMs;
    const known = this.refused.has(word) || this.refused.size < WORDS_MAX ? word : 'other';
    this.refused.set(known, (this.refused.get(known) ?? 0) + 1);
  }

  /** What was refused or punished, unless that is long ago. */
  refusedLately(nowMs: number): Iterable<readonly [string, number]> {
    return this.#refusedAtMs + REFUSALS_MS > nowMs ? (this.refused ?? []) : [];
  }

  #add(page: number[], at: number, costMs: number, nowMs: number): void {
    const fullAtMs = Math.max(page[at]!, nowMs) + costMs;
    page[at] = fullAtMs;
    page[UNTOLD + at]! += costMs;
    if (fullAtMs > this.fullAtMs) this.fullAtMs = fullAtMs;
  }

  #pageOf(slot: number): number[] {
    const number = Math.trunc(slot / BUDGET_COUNT);
    return (this.#pages[number] ??= new Array<number>(3 * BUDGET_COUNT).fill(0));
  }
}
