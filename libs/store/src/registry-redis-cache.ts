/**
 * What a process remembers of the registry on Redis, within a bound. An answer counts as long as Redis
 * says that nothing has changed; and for some time longer while Redis does not answer.
 */
import type { NamedFact } from './fact-block.ts';
import { COLLECTIONS_MAX } from './registry-redis-scripts.ts';

/** Bounds of what is remembered. */
export interface RegistryCacheOptions {
  /**
   * Names remembered, with a fact or without. Then the oldest go of those of which there are more, so
   * that however many names without a fact are asked for, facts have one half.
   */
  readonly entriesMax: number;
  /** An answer counts for so long after Redis was last heard of. */
  readonly freshMs: number;
  /** While Redis does not answer, an answer counts for so long. */
  readonly graceMs: number;
}

/** What is remembered of a name: null: there is no fact. */
export type Remembered = NamedFact | null;

interface Entry {
  readonly fact: Remembered;
  readonly round: number;
  /** When it was last known to be true. */
  readonly atMs: number;
}

/** Remembers answers. Times are monotone, in milliseconds; names are in latin1. */
export class RegistryCache {
  readonly #options: RegistryCacheOptions;
  readonly #facts = new Map<string, Entry>();
  /** Names without a fact. */
  readonly #misses = new Map<string, Entry>();
  /** Another one after each change: answers of an earlier round may be outdated. */
  #round = 0;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  /** Collections that had facts when Redis was last heard of; undefined: nobody knew. */
  #filled: ReadonlySet<string> | undefined;
  /** Collections that this process has changed: what it hears may be of before that. */
  readonly #changed = new Set<string>();

  constructor(options: RegistryCacheOptions) {
    this.#options = options;
  }

  /** To be handed back with what is asked for now. */
  get round(): number {
    return this.#round;
  }

  /** When Redis was last heard of. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Whether a collection surely has no facts; false: ask. */
  isEmpty(collection: string, nowMs: number): boolean {
    return this.#wasEmpty(collection, nowMs - this.#options.freshMs);
  }

  /** What surely is so; undefined: ask. */
  fresh(name: string, nowMs: number): Remembered | undefined {
    const entry = this.#entry(name);
    const isFresh =
      entry?.round === this.#round && nowMs - this.#heardAtMs <= this.#options.freshMs;
    return isFresh ? entry.fact : undefined;
  }

  /** What was so not long ago; undefined: nothing is known. */
  stale(name: string, nowMs: number): Remembered | undefined {
    const sinceMs = nowMs - this.#options.graceMs;
    const entry = this.#entry(name);
    if (entry === undefined) {
      return this.#wasEmpty(name.slice(0, name.indexOf('\0')), sinceMs) ? null : undefined;
    }
    const knownAtMs = entry.round === this.#round ? this.#heardAtMs : entry.atMs;
    return Math.max(knownAtMs, entry.atMs) >= sinceMs ? entry.fact : undefined;
  }

  /** Remembers an answer, unless something has changed since it was asked for. */
  put(name: string, fact: Remembered, round: number, nowMs: number): void {
    if (round !== this.#round) return;
    this.#forget(name);
    const entries = fact?.value === undefined ? this.#misses : this.#facts;
    entries.set(name, { fact, round, atMs: nowMs });
    if (this.#facts.size + this.#misses.size <= this.#options.entriesMax) return;
    const more = this.#misses.size > this.#facts.size ? this.#misses : this.#facts;
    for (const oldest of more.keys()) {
      more.delete(oldest);
      return;
    }
  }

  /**
   * Redis says that nothing has changed, as of a time.
   *
   * @param filled the collections that have facts; undefined: nobody knows
   */
  heard(filled: ReadonlySet<string> | undefined, nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#filled = filled;
  }

  /** Something has changed: everything has to be asked for again. */
  changed(): void {
    this.#round += 1;
  }

  /** This process has changed these, so that what is remembered of them is outdated. */
  drop(names: readonly string[]): void {
    this.#round += 1;
    for (const name of names) {
      this.#forget(name);
      if (this.#changed.size > COLLECTIONS_MAX) continue;
      this.#changed.add(name.slice(0, name.indexOf('\0')));
    }
  }

  #entry(name: string): Entry | undefined {
    return this.#facts.get(name) ?? this.#misses.get(name);
  }

  #forget(name: string): void {
    this.#facts.delete(name);
    this.#misses.delete(name);
  }

  #wasEmpty(collection: string, sinceMs: number): boolean {
    if (this.#heardAtMs < sinceMs || this.#filled === undefined) return false;
    // With more of them than are kept, it could be any.
    if (this.#changed.size > COLLECTIONS_MAX) return false;
    return !this.#filled.has(collection) && !this.#changed.has(collection);
  }
}
