/**
 * Shares something that the process has a bounded amount of. While half of it is free anybody may have
 * any part; from then on who has much gets no more, so that few cannot take everything from many.
 */

/** From this part of the bound on it matters who asks. */
const BUSY_SHARE = 0.5;

/** Who has how much of one thing. Holds as many names as something is taken for. */
export class FairShare {
  readonly #max: number;
  readonly #shareMax: number;
  readonly #taken = new Map<string, number>();
  #total = 0;

  /**
   * @param max how much there is
   * @param parts from half of it on, nobody gets beyond this part of it: a number above 1
   */
  constructor(max: number, parts: number) {
    this.#max = max;
    this.#shareMax = max / parts;
  }

  /** How much all together have. */
  get total(): number {
    return this.#total;
  }

  /** Whether somebody may have so much more. */
  hasRoom(who: string, amount: number): boolean {
    if (this.#total + amount > this.#max) return false;
    if (this.#total < this.#max * BUSY_SHARE) return true;
    return (this.#taken.get(who) ?? 0) + amount <= this.#shareMax;
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
