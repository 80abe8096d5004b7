/**
 * What is asked of the registry on Redis, and how a process learns that something has changed: what
 * everybody does who opens one, whether they may change it or not.
 */
import { isMosaicError } from '@mosaic-cluster/protocol';
import { factName, factOf } from './fact-block.ts';
import {
  assertLookup,
  type Fact,
  type FactListing,
  type FactPage,
  listingLimit,
  registryClosed,
} from './registry.ts';
import { RegistryCache, type Remembered } from './registry-redis-cache.ts';
import { RegistryReads } from './registry-redis-reads.ts';
import type { ChangedKeys } from './registry-redis-journal.ts';
import type { RegistryTables } from './registry-redis-tables.ts';

/** What lookups go by. */
export interface RegistryLookupsOptions {
  readonly tables: RegistryTables;
  /** Answers remembered; 50,000 by default. */
  readonly cacheEntriesMax?: number | undefined;
  /** How long remembered answers count while Redis does not answer; 60,000 by default. */
  readonly graceMs?: number | undefined;
  /** How long a lookup waits for what Redis has lost to be there again; 2,000 by default. */
  readonly waitMs?: number | undefined;
  /** Makes again what Redis has lost, where nobody else does so. Never rejects. */
  readonly mend: () => Promise<void>;
}

/** What a look at Redis found: `lost`: it was emptied. */
export type LookOutcome = 'same' | 'changed' | 'lost';

/** Remembered answers are asked about this often besides. */
const FRESH_MS = 700;

/** Looks facts up. */
export class RegistryLookups {
  readonly #tables: RegistryTables;
  readonly #cache: RegistryCache;
  readonly #reads: RegistryReads;
  #version: string | undefined;
  /** Before the change that was seen last. */
  #before: string | undefined;
  #isClosed = false;

  constructor(options: RegistryLookupsOptions) {
    const { tables, mend, cacheEntriesMax = 50_000, graceMs = 60_000, waitMs = 2_000 } = options;
    this.#tables = tables;
    this.#cache = new RegistryCache({ entriesMax: cacheEntriesMax, freshMs: FRESH_MS, graceMs });
    this.#reads = new RegistryReads({ tables, cache: this.#cache, mend, waitMs });
  }

  /** As {@link Registry.get}. */
  async get(
    collection: string,
    keys: readonly Uint8Array[],
  ): Promise<readonly (Fact | undefined)[]> {
    this.assertOpen();
    assertLookup(collection, keys);
    if (this.#cache.isEmpty(collection, performance.now())) return keys.map(() => undefined);
    const names = keys.map((key) => factName(collection, key));
    const found = await this.#reads.find(names);
    return found.map((fact) => publicFact(fact) ?? undefined);
  }

  /** As {@link Registry.peek}. */
  peek(collection: string, key: Uint8Array): Fact | null | undefined {
    const nowMs = performance.now();
    if (this.#cache.isEmpty(collection, nowMs)) return null;
    const known = this.#cache.fresh(factName(collection, key).toString('latin1'), nowMs);
    return known === undefined ? undefined : publicFact(known);
  }

  /** As {@link Registry.list}. */
  async list(listing: FactListing): Promise<FactPage> {
    this.assertOpen();
    const limit = listingLimit(listing);
    const { collection, after = new Uint8Array(0) } = listing;
    const { facts, hasMore } = await this.#reads.list(collection, after, limit);
    return { facts: facts.flatMap((fact) => publicFact(fact) ?? []), hasMore };
  }

  /** Why only remembered answers are given; undefined: Redis answers. */
  fault(): string | undefined {
    if (!this.#reads.isAway) return undefined;
    return 'Redis does not answer: only remembered answers are given';
  }

  /** Asks whether something has changed. @throws MosaicError of Redis */
  async look(): Promise<LookOutcome> {
    const askedAtMs = performance.now();
    try {
      const { version, filled } = await this.#tables.version();
      const isChanged = version !== this.#version;
      if (isChanged) {
        this.#cache.changed();
        this.#before = this.#version;
      }
      this.#version = version;
      this.#cache.heard(filled, askedAtMs);
      this.#reads.isAway = false;
      if (version === undefined) return 'lost';
      return isChanged ? 'changed' : 'same';
    } catch (error) {
      if (isMosaicError(error) && error.kind !== 'limited') this.#reads.isAway = true;
      throw error;
    }
  }

  /** What changed with the last look that found a change; undefined: anything may have. Never rejects. */
  async changes(): Promise<ChangedKeys | undefined> {
    const [before, after] = [this.#before, this.#version];
    if (before === undefined || after === undefined) return undefined;
    return this.#tables.changes(before, after).catch(() => undefined);
  }

  /** What is remembered of these names, in latin1, is outdated. */
  drop(names: readonly string[]): void {
    this.#cache.drop(names);
  }

  /** @throws MosaicError `closed` */
  assertOpen(): void {
    if (this.#isClosed) throw registryClosed();
  }

  /** Nothing is answered any more. */
  close(): void {
    this.#isClosed = true;
  }
}

function publicFact(fact: Remembered): Fact | null {
  if (fact?.value === undefined) return null;
  const { name, version, value } = fact;
  return factOf({ name, version, value });
}
