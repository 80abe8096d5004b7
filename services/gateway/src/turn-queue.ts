/** A queue in which people take turns: who has much waiting does not make those wait who have little. */

/** Things that wait, each somebody's. */
export class TurnQueue<T> {
  /** Whose turn is next comes first. */
  readonly #waiting = new Map<string, Set<T>>();
  readonly #whose = new Map<T, string>();

  /** How many things wait. */
  get size(): number {
    return this.#whose.size;
  }

  /** Adds a thing at the end of its owner's; one that waits already keeps its place. */
  add(who: string, thing: T): void {
    if (this.#whose.has(thing)) return;
    this.#whose.set(thing, who);
    const others = this.#waiting.get(who);
    if (others === undefined) this.#waiting.set(who, new Set([thing]));
    else others.add(thing);
  }

  /** Takes the first thing of whose turn it is among those whom `mayHave` lets. */
  take(mayHave: (who: string) => boolean): { who: string; thing: T } | undefined {
    for (const [who, things] of this.#waiting) {
      if (!mayHave(who)) continue;
      for (const thing of things) {
        this.delete(thing);
        // To the end: the others come first now.
        if (this.#waiting.delete(who) && things.size > 0) this.#waiting.set(who, things);
        return { who, thing };
      }
    }
    return undefined;
  }

  /** Takes a thing out. */
  delete(thing: T): void {
    const who = this.#whose.get(thing);
    if (who === undefined) return;
    this.#whose.delete(thing);
    const things = this.#waiting.get(who);
    things?.delete(thing);
    if (things?.size === 0) this.#waiting.delete(who);
  }
}
