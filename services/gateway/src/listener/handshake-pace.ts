/**
 * When a handshake begins. Handshakes are the costliest thing that anybody can ask for, and all of
 * a server's clients ask for one at once when they have lost their connections together. So only a
 * few begin in each turn, and those that wait take turns by where they come from.
 */

/** How fast handshakes may begin. */
export interface PaceBounds {
  readonly handshakesPerSecondMax: number;
  readonly handshakeWaitMs: number;
}

/** What becomes of those that wait. */
export interface PaceEnds<Entry> {
  /** It is its turn. */
  readonly start: (entry: Entry) => void;
  /** It has waited for `handshakeWaitMs`; it is no longer held. */
  readonly giveUp: (entry: Entry) => void;
}

/** The shortest turn: nobody waits for less than the loop's own grain. */
const TURN_MS = 10;
/** How often in `handshakeWaitMs` those that have waited too long are looked for. */
const CHECKS = 16;

/**
 * A queue of groups, each a queue of its own. It has no bound by itself: what waits here must be
 * counted elsewhere, and removed when it goes.
 */
export class HandshakePace<Entry> {
  readonly #ends: PaceEnds<Entry>;
  readonly #waitMs: number;
  readonly #turnMs: number;
  readonly #perTurn: number;
  readonly #now: () => number;
  /** Whose turn is next comes first; in each, when its entries came, the oldest first. */
  readonly #groups = new Map<string, Map<Entry, number>>();
  readonly #groupOf = new Map<Entry, string>();
  /** How many may still begin in this turn. */
  #left: number;
  #nextCheck = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds, of any beginning */
  constructor(
    { handshakesPerSecondMax, handshakeWaitMs }: PaceBounds,
    ends: PaceEnds<Entry>,
    now: () => number = () => performance.now(),
  ) {
    this.#ends = ends;
    this.#now = now;
    this.#waitMs = handshakeWaitMs;
    this.#turnMs = Math.max(TURN_MS, Math.ceil(1000 / handshakesPerSecondMax));
    this.#perTurn = Math.max(1, Math.floor((handshakesPerSecondMax * this.#turnMs) / 1000));
    this.#left = this.#perTurn;
  }

  /** Entries that wait. */
  get size(): number {
    return this.#groupOf.size;
  }

  /** Starts the entry, at once where nobody waits and the turn allows it. */
  add(entry: Entry, group: string): void {
    this.#timer ??= setTimeout(() => this.#turn(), this.#turnMs).unref();
    if (this.size === 0 && this.#left > 0) {
      this.#left -= 1;
      this.#ends.start(entry);
      return;
    }
    this.#groupOf.set(entry, group);
    const entries = this.#groups.get(group);
    if (entries === undefined) this.#groups.set(group, new Map([[entry, this.#now()]]));
    else entries.set(entry, this.#now());
  }

  /** Lets an entry go; one that does not wait is left alone. */
  remove(entry: Entry): void {
    const group = this.#groupOf.get(entry);
    if (group === undefined) return;
    this.#groupOf.delete(entry);
    const entries = this.#groups.get(group);
    entries?.delete(entry);
    if (entries?.size === 0) this.#groups.delete(group);
  }

  /** Nothing begins any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#groups.clear();
    this.#groupOf.clear();
  }

  /**
   * Turns that come late, because the process is busy, are not made up for: a loop that is slow
   * begins fewer handshakes, and what is open already keeps its share of it.
   */
  #turn(): void {
    const wasIdle = this.size === 0 && this.#left === this.#perTurn;
    this.#left = this.#perTurn;
    this.#timer = wasIdle ? undefined : setTimeout(() => this.#turn(), this.#turnMs).unref();
    this.#dropLate();
    for (const [group, entries] of this.#groups) {
      if (this.#left === 0) break;
      const [entry] = entries.keys();
      if (entry === undefined) continue;
      this.#left -= 1;
      this.remove(entry);
      // Behind the others; the loop comes back to it if the turn is long enough.
      if (this.#groups.delete(group)) this.#groups.set(group, entries);
      this.#ends.start(entry);
    }
  }

  #dropLate(): void {
    const now = this.#now();
    if (now < this.#nextCheck) return;
    this.#nextCheck = now + this.#waitMs / CHECKS;
    for (const entries of this.#groups.values()) {
      for (const [entry, since] of entries) {
        if (now - since < this.#waitMs) break;
        this.remove(entry);
        this.#ends.giveUp(entry);
      }
    }
  }
}
