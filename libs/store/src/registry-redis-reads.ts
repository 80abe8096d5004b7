/**
 * Lookups in the registry on Redis: what several callers ask for in the same turn goes together, and what
 * Redis cannot say now is answered from memory, or after it was mended, or not at all.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { RegistryCache, Remembered } from './registry-redis-cache.ts';
import { shardOf } from './registry-redis-shards.ts';
import type { FactRead, FactsRead, RegistryTables } from './registry-redis-tables.ts';

/** What lookups work with. */
export interface RegistryReadsOptions {
  readonly tables: RegistryTables;
  readonly cache: RegistryCache;
  /** Makes again what Redis has lost, where nobody else does so. Never rejects. */
  readonly mend: () => Promise<void>;
  /** How long a lookup waits for that. */
  readonly waitMs: number;
}

interface Waiting {
  readonly name: Buffer;
  readonly resolve: (fact: Remembered) => void;
  readonly reject: (error: unknown) => void;
}

/** Between two looks whether Redis is mended; the first pause, and the longest. */
const RETRY_MS = [50, 400] as const;
/** Names asked for at once. */
const NAMES_MAX = 4096;

/** Finds facts. */
export class RegistryReads {
  /** Redis did not answer when it was last asked: it is left alone. */
  isAway = false;
  readonly #options: RegistryReadsOptions;
  #gathered: Waiting[] = [];
  /** Lookups under way, by name: one asks for many. */
  readonly #asked = new Map<string, Promise<Remembered>>();

  constructor(options: RegistryReadsOptions) {
    this.#options = options;
  }

  /** Facts by their names, in order. @throws MosaicError `unavailable` (`registry-…`) */
  find(names: readonly Buffer[]): Promise<Remembered[]> {
    const nowMs = performance.now();
    return Promise.all(
      names.map(async (name) => {
        const text = name.toString('latin1');
        const known = this.#options.cache.fresh(text, nowMs);
        return known === undefined ? this.#ask(name, text) : known;
      }),
    );
  }

  /** A part of a collection. @throws MosaicError `unavailable` (`registry-…`, `redis-…`) */
  async list(collection: string, after: Uint8Array, limit: number): Promise<FactsRead> {
    const { tables, mend, waitMs } = this.#options;
    const endMs = performance.now() + waitMs;
    for (let pauseMs: number = RETRY_MS[0]; ; pauseMs = longer(pauseMs)) {
      const found = await tables.list(collection, after, limit);
      if (found !== undefined) return found;
      if (performance.now() > endMs) throw incomplete();
      void mend();
      await delay(pauseMs);
    }
  }

  #ask(name: Buffer, text: string): Promise<Remembered> {
    // What was asked for before a change may be answered with what was before it.
    const key = `${this.#options.cache.round} ${text}`;
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const answer = new Promise<Remembered>((resolve, reject) => {
      if (this.#gathered.length === 0) setImmediate(() => this.#send());
      this.#gathered.push({ name, resolve, reject });
      if (this.#gathered.length >= NAMES_MAX) this.#send();
    }).finally(() => this.#asked.delete(key));
    this.#asked.set(key, answer);
    return answer;
  }

  #send(): void {
    const waiting = this.#gathered;
    this.#gathered = [];
    if (waiting.length > 0) void this.#answer(waiting);
  }

  async #answer(waiting: readonly Waiting[]): Promise<void> {
    const { cache, waitMs, mend } = this.#options;
    const endMs = performance.now() + waitMs;
    let left = waiting;
    for (let pauseMs: number = RETRY_MS[0]; ; pauseMs = longer(pauseMs)) {
      const { round } = cache;
      const askedAtMs = performance.now();
      const found = await this.#read(left.map(({ name }) => name));
      const missing: Waiting[] = [];
      left.forEach((each, i) => {
        const fact = found[i];
        if (fact instanceof Error) this.#remember(each, fact);
        else if (fact === 'incomplete') missing.push(each);
        else {
          cache.put(each.name.toString('latin1'), fact ?? null, round, askedAtMs);
          each.resolve(fact ?? null);
        }
      });
      if (missing.length === 0) return;
      if (performance.now() > endMs) {
        for (const each of missing) this.#remember(each, incomplete());
        return;
      }
      left = missing;
      // Shards become whole one after the other: nobody waits for all of them.
      void mend();
      await delay(pauseMs);
    }
  }

  /** Reads names; where that fails, each shard by itself, because others may answer. */
  async #read(names: readonly Buffer[]): Promise<(FactRead | Error)[]> {
    const { tables } = this.#options;
    if (this.isAway) return names.map(() => away(undefined));
    try {
      return await tables.read(names);
    } catch (error) {
      const shards = new Set(names.map(shardOf));
      if (shards.size === 1 || !isMosaicError(error) || error.kind !== 'unavailable') {
        return names.map(() => away(error));
      }
      const found = new Map<Buffer, FactRead | Error>();
      const ofShard = async (shard: number): Promise<void> => {
        const some = names.filter((name) => shardOf(name) === shard);
        const read = await tables.read(some).catch((each: unknown) => some.map(() => away(each)));
        some.forEach((name, i) => found.set(name, read[i]));
      };
      await Promise.all([...shards].map(ofShard));
      return names.map((name) => found.get(name));
    }
  }

  /** Answers with what was so not long ago. */
  #remember({ name, resolve, reject }: Waiting, error: Error): void {
    const known = this.#options.cache.stale(name.toString('latin1'), performance.now());
    if (known === undefined) reject(error);
    else resolve(known);
  }
}

function longer(pauseMs: number): number {
  return Math.min(2 * pauseMs, RETRY_MS[1]);
}

function incomplete(): MosaicError {
  const message =
    'Redis has lost a part of the registry, which is being made again: try again later';
  return new MosaicError('unavailable', 'registry-incomplete', message);
}

function away(cause: unknown): Error {
  if (isMosaicError(cause) && cause.kind !== 'unavailable') return cause;
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  const message = `the registry cannot be asked, Redis does not answer${why}: try again later`;
  return new MosaicError('unavailable', 'registry-away', message, { cause });
}
