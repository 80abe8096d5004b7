/**
 * Remembers whom connection keys act for. A key schedule that comes in takes from it what it may
 * concern and nothing else: whoever sends many of them must not have everybody looked up anew.
 */
import type { PublicKey, RecordView } from '@mosaic-cluster/protocol';
import { attestedSubkeys } from '@mosaic-cluster/store';
import { keyName } from './key-name.ts';
import { WeightedMap } from './weighted-map.ts';

/** What is remembered of a connection key. */
interface Masters {
  readonly keys: readonly PublicKey[];
  /** The same, by {@link keyName}. */
  readonly names: readonly string[];
  /** Schedules that came later may say otherwise. */
  readonly version: number;
  readonly untilMs: number;
}

/** Connection keys whose masters are remembered. */
const IDENTITIES_MAX = 100_000;
/** Keys remembered that schedules came of lately, or that they list; then everything is forgotten. */
const TAKEN_MAX = 100_000;

/** The masters of connection keys. */
export class IdentityMemory {
  readonly #monotonicMs: () => number;
  /** By connection key. */
  readonly #identities = new WeightedMap<Masters>({
    entriesMax: IDENTITIES_MAX,
    weightMax: Number.POSITIVE_INFINITY,
  });
  /** By master, and by each key that one lists: the version of the last schedule. */
  readonly #taken = new Map<string, number>();
  #version = 0;
  /** What was found out before this version is not believed. */
  #believedFrom = 0;

  /** @param monotonicMs milliseconds that never run backwards */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Grows with every schedule: to be asked for before somebody's masters are found out. */
  get version(): number {
    return this.#version;
  }

  /** The masters of a key, itself first; undefined: they are to be found out. */
  get(name: string): readonly PublicKey[] | undefined {
    const known = this.#identities.get(name);
    return known !== undefined && this.#isTrue(known) ? known.keys : undefined;
  }

  /**
   * Remembers what was found out.
   *
   * @param version what {@link version} was before
   * @param untilMs until when it is believed
   */
  set(name: string, keys: readonly PublicKey[], version: number, untilMs: number): void {
    if (version < this.#believedFrom) return;
    const names = keys.map((each) => keyName(each));
    this.#identities.set(name, { keys, names, version, untilMs }, 1);
  }

  /** Forgets a key. */
  delete(name: string): void {
    this.#identities.delete(name);
  }

  /** Takes note of a valid key schedule. */
  take(schedule: RecordView): void {
    this.#version += 1;
    this.#taken.set(keyName(schedule.author), this.#version);
    for (const subkey of attestedSubkeys(schedule.payload)) {
      this.#taken.set(keyName(subkey), this.#version);
    }
    if (this.#taken.size > TAKEN_MAX) this.forgetAll();
  }

  /** Forgets everything, what is being found out included. */
  forgetAll(): void {
    this.#version += 1;
    this.#believedFrom = this.#version;
    this.#identities.clear();
    this.#taken.clear();
  }

  /** Whether no schedule came meanwhile of one of the masters, or of another that lists the key. */
  #isTrue({ names, version, untilMs }: Masters): boolean {
    if (this.#monotonicMs() >= untilMs) return false;
    if (version === this.#version) return true;
    return names.every((name) => (this.#taken.get(name) ?? 0) <= version);
  }
}
