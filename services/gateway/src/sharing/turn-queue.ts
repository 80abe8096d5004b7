/** A queue in which people take turns: who has much waiting does not make those wait who have little. */

/** What one of them has waiting: from `at` on. */
interface Line<T> {
  readonly things: T[];
  at: number;
}

/** Things taken from a line before the array is made shorter. */
const TAKEN_MAX = 256;

/** Things that wait, each somebody's. */
export class TurnQueue<T, W = string> {
  /** Whose turn is next comes first. */
  readonly #lines = new Map<W, Line<T>>();
  #size = 0;

  /** How many things wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds a thing at the end of its owner's line. */
  add(who: W, thing: T): void {
    const line = this.#lines.get(who);
    if (line === undefined) this.#lines.set(who, { things: [thing], at: 0 });
    else line.things.push(thing);
    this.#size += 1;
  }

  /** Takes the first thing of whose turn it is among those whom `mayHave` lets. */
  take(mayHave: (who: W) => boolean): { who: W; thing: T } | undefined {
    for (const [who, line] of this.#lines) {
      if (!mayHave(who)) continue;
      const thing = line.things[line.at]!;
      line.at += 1;
      this.#size -= 1;
      this.#next(who, line);
      return { who, thing };
    }
    return undefined;
  }

  /** Takes a thing out, where it is. */
  delete(who: W, thing: T): void {
    const line = this.#lines.get(who);
    const at = line?.things.indexOf(thing, line.at) ?? -1;
    if (line === undefined || at < 0) return;
    line.things.splice(at, 1);
    this.#size -= 1;
    if (line.at === line.things.length) this.#lines.delete(who);
  }

  /** Has the others come first. */
  #next(who: W, line: Line<T>): void {
    const isEmpty = line.at === line.things.length;
    if (line.at === TAKEN_MAX) {
      line.things.splice(0, line.at);
      line.at = 0;
    }
    if (!isEmpty && this.#lines.size === 1) return;
    this.#lines.delete(who);
    if (!isEmpty) this.#lines.set(who, line);
  }
}
