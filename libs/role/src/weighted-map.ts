/** A map that forgets: a cache bounded in entries and in what they weigh. */

/** Bounds of a {@link WeightedMap}. */
export interface WeightBounds {
  readonly entriesMax: number;
  readonly weightMax: number;
}

/** Keeps the entries that were set last; past a bound the oldest go. */
export class WeightedMap<V> {
  readonly #bounds: WeightBounds;
  readonly #entries = new Map<string, { readonly value: V; readonly weight: number }>();
  #weight = 0;

  constructor(bounds: WeightBounds) {
    this.#bounds = bounds;
  }

  /** Entries in it. */
  get size(): number {
    return this.#entries.size;
  }

  /** What a name stands for; undefined: it was never set, or is forgotten. */
  get(name: string): V | undefined {
    return this.#entries.get(name)?.value;
  }

  /** Sets an entry, as the youngest. One that alone exceeds the bound is not kept. */
  set(name: string, value: V, weight: number): void {
    this.delete(name);
    this.#entries.set(name, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      const { entriesMax, weightMax } = this.#bounds;
      if (this.#entries.size <= entriesMax && this.#weight <= weightMax) return;
      this.delete(oldest);
    }
  }

  /** Forgets an entry. */
  delete(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#weight -= entry.weight;
  }

  /** Forgets all entries. */
  clear(): void {
    this.#entries.clear();
    this.#weight = 0;
  }
}
