/**
 * What a process remembers of the registry on Redis, within a bound. An answer counts as long as Redis
 * says that nothing has changed; and for some time longer while Redis does not answer.
 */
import type { NamedFact } from './fact-block.ts';

/** Bounds of what is remembered. */
export interface RegistryCacheOptions {
  /** Names remembered; then the oldest go. */
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

/** Remembers answers. Times are monotone, in milliseconds. */
export class RegistryCache {
  readonly #options: RegistryCacheOptions;
  readonly #entries = new Map<string, Entry>();
  /** Another one after each change: answers of an earlier round may be outdated. */
  #round = 0;
  #heardAtMs = Number.NEGATIVE_INFINITY;

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

  /** What surely is so; undefined: ask. */
  fresh(name: string, nowMs: number): Remembered | undefined {
    const entry = this.#entries.get(name);
    const isFresh =
      entry?.round === this.#round && nowMs - this.#heardAtMs <= this.#options.freshMs;
    return isFresh ? entry.fact : undefined;
  }

  /** What was so not long ago; undefined: nothing is known. */
  stale(name: string, nowMs: number): Remembered | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const knownAtMs = entry.round === this.#round ? this.#heardAtMs : entry.atMs;
    return nowMs - Math.max(knownAtMs, entry.atMs) <= this.#options.graceMs
      ? entry.fact
      : undefined;
  }

  /** Remembers an answer, unless something has changed since it was asked for. */
  put(name: string, fact: Remembered, round: number, nowMs: number): void {
    if (round !== this.#round) return;
    this.#entries.delete(name);
    this.#entries.set(name, { fact, round, atMs: nowMs });
    if (this.#entries.size <= this.#options.entriesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** Redis says that nothing has changed, as of a time. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** Something has changed: everything has to be asked for again. */
  changed(): void {
    this.#round += 1;
  }

  /** These are surely outdated. */
  drop(names: readonly string[]): void {
    this.#round += 1;
    for (const name of names) this.#entries.delete(name);
  }
}
