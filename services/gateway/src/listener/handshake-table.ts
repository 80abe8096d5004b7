/**
 * Who is still shaking hands, and who of them must go when they are too many. Whoever opens
 * connections and says nothing pushes out connections of its own, not those of others.
 */

/** The bounds of a {@link HandshakeTable}. */
export interface HandshakeBounds {
  readonly handshakesMax: number;
  readonly handshakesPerAddressMax: number;
}

/** An entry that has to go. */
export interface DroppedHandshake<Entry> {
  readonly entry: Entry;
  readonly because: 'dropped-address' | 'dropped-all';
}

interface Group<Entry> {
  readonly name: string;
  /** Oldest first. */
  readonly entries: Set<Entry>;
}

/** Entries by the group that they came from; every operation takes the same short time. */
export class HandshakeTable<Entry> {
  readonly #bounds: HandshakeBounds;
  readonly #groups = new Map<string, Group<Entry>>();
  readonly #groupOf = new Map<Entry, Group<Entry>>();
  /** At each place the groups that hold so many entries. */
  readonly #byCount: Set<Group<Entry>>[] = [];
  /** The count of the largest group. */
  #most = 0;

  constructor(bounds: HandshakeBounds) {
    this.#bounds = bounds;
  }

  /** Entries held. */
  get size(): number {
    return this.#groupOf.size;
  }

  /**
   * Takes an entry in.
   *
   * @returns the entry that had to go instead, which is no longer held; never the new one, unless
   *   it is the only one
   */
  add(entry: Entry, groupName: string): DroppedHandshake<Entry> | undefined {
    const group = this.#groups.get(groupName) ?? { name: groupName, entries: new Set<Entry>() };
    this.#resize(group, () => group.entries.add(entry));
    this.#groupOf.set(entry, group);
    if (group.entries.size > this.#bounds.handshakesPerAddressMax) {
      return this.#dropOldest(group, 'dropped-address');
    }
    if (this.size > this.#bounds.handshakesMax) {
      // Among equals the one that has been equal for the longest time.
      const [largest = group] = this.#byCount[this.#most] ?? [];
      return this.#dropOldest(largest, 'dropped-all');
    }
    return undefined;
  }

  /** Lets an entry go; one that is not held is left alone. */
  remove(entry: Entry): void {
    const group = this.#groupOf.get(entry);
    if (group === undefined) return;
    this.#groupOf.delete(entry);
    this.#resize(group, () => group.entries.delete(entry));
  }

  #dropOldest(
    group: Group<Entry>,
    because: DroppedHandshake<Entry>['because'],
  ): DroppedHandshake<Entry> | undefined {
    const [entry] = group.entries;
    if (entry === undefined) return undefined;
    this.remove(entry);
    return { entry, because };
  }

  /** Changes a group by one entry and files it under its new count. */
  #resize(group: Group<Entry>, change: () => void): void {
    const before = group.entries.size;
    this.#byCount[before]?.delete(group);
    change();
    const { size } = group.entries;
    if (size === 0) {
      this.#groups.delete(group.name);
    } else {
      this.#groups.set(group.name, group);
      const equals = this.#byCount[size];
      if (equals === undefined) this.#byCount[size] = new Set([group]);
      else equals.add(group);
    }
    if (size > this.#most) this.#most = size;
    else if (before === this.#most && this.#byCount[before]?.size === 0) this.#most = size;
  }
}
