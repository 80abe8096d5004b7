/**
 * Shares something that the process has a bounded amount of. While half of it is free anybody may have
 * any part; from then on who has much gets no more, so that few cannot take everything from many.
 */

/** How something is shared. */
export interface ShareRules {
  /** How much there is. */
  readonly max: number;
  /** Once so much of it is taken, it matters who asks. */
  readonly busyFrom: number;
  /** Then nobody gets beyond this much. */
  readonly shareMax: number;
}

/** Rules by which everybody may have anything until half of it is taken, and then so many parts. */
export function halfFree(max: number, parts: number): ShareRules {
  return { max, busyFrom: max / 2, shareMax: Math.max(1, max / parts) };
}

/** Who has how much of one thing. Holds as many names as something is taken for. */
export class FairShare {
  readonly #rules: ShareRules;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(rules: ShareRules) {
    this.#rules = rules;
  }

  /** How much all together have. */
  get total(): number {
    return this.#total;
  }

  /** Whether somebody may have so much more. */
  hasRoom(who: string, amount: number): boolean {
    const { max, busyFrom, shareMax } = this.#rules;
    if (this.#total + amount > max) return false;
    if (this.#total < busyFrom) return true;
    return (this.#taken.get(who) ?? 0) + amount <= shareMax;
  }

  /** Takes it, whether there is room or not. */
  take(who: string, amount: number): void {
    this.#total += amount;
    this.#taken.set(who, (this.#taken.get(who) ?? 0) + amount);
  }

  /** Gives it back. */
  give(who: string, amount: number): void {
    this.#total -= amount;
    const left = (this.#taken.get(who) ?? 0) - amount;
    if (left > 0) this.#taken.set(who, left);
    else this.#taken.delete(who);
  }
}
