/** What one subject has spent and holds, as far as this process knows. */
import { HOLDINGS } from './limiter.ts';
import { LIMITER_LIMIT_TABLE } from './limiter-limits.ts';
import { BUDGET_COUNT, POINTS_SLOT, SLOT_COUNT, type SlotSizes } from './slot-sizes.ts';
import type { Standing, SubjectName } from './subject.ts';

/** Sums of fractions of a millisecond may be off by less than this. */
const TOLERANCE_MS = 1e-6;
/** When to try again what waits for other processes to say what they spent. */
const UNTOLD_WAIT_MS = 50;
/** Places that may be taken before the others know, or a quarter of all where those are fewer. */
const FEW_PLACES = 10;
/** For how long refusals are remembered after the last of them. */
const REFUSALS_MS = 600_000;
/** For how long one is known yet of whom there is nothing to know. */
const IDLE_MS = 10_000;

/** Where in a page what is told to nobody yet begins, and what is told but not answered. */
const UNTOLD = BUDGET_COUNT;
const TELLING = 2 * BUDGET_COUNT;

/** As long as it gets: an array that grows takes room for more. */
const NO_PAGES: readonly undefined[] = Array.from(
  { length: Math.ceil(SLOT_COUNT / BUDGET_COUNT) },
  () => undefined,
);
const NONE: ReadonlyMap<string, number> = new Map();

/** One subject. */
export class Account {
  readonly name: SubjectName;
  readonly sizes: SlotSizes;
  /** When all its budgets are full again, by the monotonic clock; not before it was seen last. */
  fullAtMs: number;
  /** Places that it holds in this process, by holding. */
  readonly held: number[] = HOLDINGS.map(() => 0);
  /** Places that it holds in other processes, as they said last. */
  readonly heldElsewhere: number[] = HOLDINGS.map(() => 0);
  /** Places taken since the other processes were told. */
  readonly heldUntold: number[] = HOLDINGS.map(() => 0);
  /**
   * Until when this process may spend without the others knowing, because it is alone with the subject
   * or alone altogether. After that it may spend `share` of a burst before the others know.
   */
  freeUntilMs: number = Number.POSITIVE_INFINITY;
  share = 1;
  /** Where it is kept among those that processes share, and whether it waits to be told of. */
  shard = 0;
  waits: 'not' | 'long' | 'briefly' = 'not';
  /** Whether the others were told of places that it holds. */
  isHeldTold = false;
  /** What was refused or punished lately, by word, and not told to others; undefined: nothing. */
  refused: Map<string, number> | undefined;
  #refusedAtMs = 0;
  /**
   * For each standing, and for points, when its budgets are full again; after that what they spent that
   * is to be told to other processes; after that what they are being told.
   */
  readonly #pages: (number[] | undefined)[] = [...NO_PAGES];
  /** Its points were forgotten, and the others are to be told so. */
  #isForgiven = false;

  constructor(name: SubjectName, sizes: SlotSizes, nowMs: number) {
    this.name = name;
    this.sizes = sizes;
    this.fullAtMs = nowMs;
  }

  /** Nothing would be different if it were forgotten, or little. */
  isIdle(nowMs: number): boolean {
    if (this.fullAtMs + IDLE_MS > nowMs || !this.isForgettable()) return false;
    return this.refused === undefined || this.#refusedAtMs + REFUSALS_MS <= nowMs;
  }

  /** It holds nothing, and the others do not believe that it does. */
  isForgettable(): boolean {
    return !this.isHeldTold && !this.isHolding();
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
    if (nowMs >= this.freeUntilMs) {
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

  /**
   * Gives back what was paid and has not come back by itself. Where the others were told of it they go
   * on counting it, and what is spent next is not told until it is as much.
   */
  refund(slot: number, amount: number, nowMs: number): void {
    const paidMs = amount * this.sizes.msPerUnit[slot]!;
    const costMs = Math.min(paidMs, this.levelMs(slot, nowMs));
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

  /** Forgets the points. */
  forgive(): void {
    this.#pages[Math.trunc(POINTS_SLOT / BUDGET_COUNT)] = undefined;
    this.#isForgiven = true;
  }

  /** What part of a slot's burst was spent and told to nobody. */
  untoldPart(slot: number): number {
    const untoldMs = this.#pageOf(slot)[UNTOLD + (slot % BUDGET_COUNT)]!;
    return untoldMs === 0 ? 0 : untoldMs / this.sizes.burstMs[slot]!;
  }

  /** Whether there is anything that others should know. */
  isUntold(): boolean {
    if (this.#isForgiven || this.refused !== undefined) return true;
    if (!this.isForgettable()) return true;
    return this.#pages.some((page) =>
      page?.some((ms, at) => at >= UNTOLD && at < TELLING && ms > 0),
    );
  }

  /**
   * What is to be told now: slots, each followed by what was spent of it in microseconds; below 0: it
   * is full. Until {@link settle} or {@link dropTelling} it is on its way.
   */
  takeUntold(): number[] {
    const taken: number[] = [];
    if (this.#isForgiven) taken.push(POINTS_SLOT, -1);
    this.#isForgiven = false;
    this.heldUntold.fill(0);
    this.#pages.forEach((page, number) => {
      if (page === undefined) return;
      for (let at = 0; at < BUDGET_COUNT; at++) {
        const untoldMs = page[UNTOLD + at]!;
        if (untoldMs <= 0) continue;
        page[UNTOLD + at] = 0;
        page[TELLING + at]! += untoldMs;
        taken.push(number * BUDGET_COUNT + at, Math.max(1, Math.round(untoldMs * 1_000)));
      }
    });
    return taken;
  }

  /** What was on its way arrived, or is given up. */
  dropTelling(): void {
    for (const page of this.#pages) page?.fill(0, TELLING);
  }

  /** What came back meanwhile needs not be told: others do not ask for how long they heard nothing. */
  capUntold(nowMs: number): void {
    for (const page of this.#pages) {
      if (page === undefined) continue;
      for (let at = 0; at < BUDGET_COUNT; at++) {
        page[UNTOLD + at] = Math.max(0, Math.min(page[UNTOLD + at]!, page[at]! - nowMs));
      }
    }
  }

  /**
   * Takes over what all processes together spent and has not come back, what this one told included.
   *
   * @param levelsMs by slot
   */
  settle(levelsMs: Float64Array, nowMs: number): void {
    this.dropTelling();
    this.fullAtMs = nowMs;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const levelMs = slot === POINTS_SLOT && this.#isForgiven ? 0 : levelsMs[slot]!;
      const known = this.#pages[Math.trunc(slot / BUDGET_COUNT)];
      if (known === undefined && levelMs === 0) continue;
      const page = known ?? this.#pageOf(slot);
      const at = slot % BUDGET_COUNT;
      // What was given back here and has come back everywhere by itself is not given twice.
      page[UNTOLD + at] = Math.max(page[UNTOLD + at]!, -levelMs);
      const fullInMs = levelMs + page[UNTOLD + at]!;
      page[at] = fullInMs > 0 ? nowMs + fullInMs : 0;
      this.fullAtMs = Math.max(this.fullAtMs, page[at]);
    }
  }

  /** Whether a place is left. */
  hasPlace(at: number, standing: Standing, nowMs: number): boolean {
    const limit = this.sizes.places[at]![standing];
    if (this.held[at]! + this.heldElsewhere[at]! >= limit) return false;
    if (nowMs < this.freeUntilMs) return true;
    const few = Math.min(FEW_PLACES, limit / 4);
    return this.heldUntold[at]! < Math.max(1, this.share * limit, few);
  }

  /** Counts something that was refused or punished. */
  noteRefusal(word: string, nowMs: number, count = 1): void {
    this.refused ??= new Map();
    if (this.#refusedAtMs + REFUSALS_MS <= nowMs) this.refused.clear();
    this.#refusedAtMs = nowMs;
    const known =
      this.refused.has(word) || this.refused.size < LIMITER_LIMIT_TABLE.refusalWordsMax.value
        ? word
        : 'other';
    this.refused.set(known, (this.refused.get(known) ?? 0) + count);
  }

  /** What was refused or punished, unless that is long ago. */
  refusedLately(nowMs: number): ReadonlyMap<string, number> {
    return this.#refusedAtMs + REFUSALS_MS > nowMs ? (this.refused ?? NONE) : NONE;
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
