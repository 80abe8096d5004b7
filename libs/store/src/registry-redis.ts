/**
 * The registry on Redis, for servers in many processes: a lookup is one round trip, and few are needed,
 * because answers are remembered until Redis says that something has changed.
 */
import { isMosaicError } from '@mosaic-cluster/protocol';
import { ControlObjects } from './control-objects.ts';
import { factName, factOf } from './fact-block.ts';
import type { ObjectStore } from './object-store.ts';
import type { RedisConnection } from './redis-connection.ts';
import {
  assertLookup,
  type Changed,
  type Compacted,
  type Fact,
  type FactChange,
  type FactListing,
  type FactPage,
  listingLimit,
  type Registry,
  registryClosed,
} from './registry.ts';
import { type NamedChange, RegistryChanges } from './registry-changes.ts';
import { RegistryCache, type Remembered } from './registry-redis-cache.ts';
import { RegistryKeeper } from './registry-redis-keeper.ts';
import { RegistryNews } from './registry-redis-news.ts';
import { RegistryReads } from './registry-redis-reads.ts';
import { RegistryTables } from './registry-redis-tables.ts';

/** How a registry on Redis is opened. */
export interface RedisRegistryOptions {
  /** Closing the registry leaves it open. */
  readonly connection: RedisConnection;
  /** Where the control objects are. Closing the registry leaves it open. */
  readonly store: ObjectStore;
  /** Tells registries on one Redis apart; `registry` by default. */
  readonly name?: string;
  /** Answers remembered; 50,000 by default. */
  readonly cacheEntriesMax?: number;
  /** How long remembered answers count while Redis does not answer; 60,000 by default. */
  readonly graceMs?: number;
  /** Time between two looks whether something has changed; 250 by default. */
  readonly pollMs?: number;
  /** Time between two looks whether Redis has all that the control objects say; 10,000 by default. */
  readonly keepMs?: number;
  /** How long a lookup waits for what Redis has lost to be there again; 2,000 by default. */
  readonly waitMs?: number;
  /**
   * Told of what changes, by whomever, within a minute. Of all processes that want to know one is told of a
   * change; none where that one dies at this moment, and rarely two. It must not throw.
   */
  readonly onNews?: (news: readonly FactChange[]) => void;
  /** Told of the first of several failures in looking after Redis, and of damage. */
  readonly onError?: (error: unknown) => void;
  /** The time in milliseconds since 1970. */
  readonly now?: () => number;
}

/** Remembered answers are asked about this often besides. */
const FRESH_MS = 700;

/**
 * Opens a registry on Redis. Where Redis lacks something, the control objects are read; if that fails
 * it is tried again and again, and lookups fail.
 *
 * @throws MosaicError of Redis where that does not answer
 */
export async function openRedisRegistry(options: RedisRegistryOptions): Promise<Registry> {
  const registry = new RedisRegistry(options);
  try {
    await registry.open();
  } catch (error) {
    await registry.close();
    throw error;
  }
  return registry;
}

class RedisRegistry implements Registry {
  readonly #tables: RegistryTables;
  readonly #objects: ControlObjects;
  readonly #changes: RegistryChanges;
  readonly #cache: RegistryCache;
  readonly #keeper: RegistryKeeper;
  readonly #reads: RegistryReads;
  readonly #news: RegistryNews | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #pollMs: number;
  readonly #keepMs: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #version: string | undefined;
  #failure: unknown;
  #isClosed = false;

  constructor(options: RedisRegistryOptions) {
    const { connection, store, name = 'registry', now = Date.now } = options;
    const { cacheEntriesMax = 50_000, graceMs = 60_000, waitMs = 2_000 } = options;
    const { pollMs = 250, keepMs = 10_000, onError = () => {} } = options;
    this.#tables = new RegistryTables(connection, name);
    this.#objects = new ControlObjects({ store, now });
    this.#changes = new RegistryChanges((changes) => this.#keep(changes));
    this.#cache = new RegistryCache({ entriesMax: cacheEntriesMax, freshMs: FRESH_MS, graceMs });
    this.#keeper = new RegistryKeeper({
      tables: this.#tables,
      objects: this.#objects,
      restMs: keepMs / 2,
      now,
    });
    this.#reads = new RegistryReads({
      tables: this.#tables,
      cache: this.#cache,
      mend: () => this.#look(true),
      waitMs,
    });
    const { onNews } = options;
    const [tables, objects] = [this.#tables, this.#objects];
    this.#news = onNews && new RegistryNews({ tables, objects, onNews, now });
    this.#onError = onError;
    this.#pollMs = pollMs;
    this.#keepMs = keepMs;
  }

  async open(): Promise<void> {
    await this.#poll();
    if ((await this.#tables.incomplete()).size > 0) {
      await this.#look(true);
      await this.#poll();
    }
    this.#every(this.#pollMs, () => this.#poll());
    this.#every(this.#keepMs, () => this.#look(false));
  }

  change(changes: readonly FactChange[]): Promise<Changed> {
    return this.#changes.add(changes);
  }

  async get(
    collection: string,
    keys: readonly Uint8Array[],
  ): Promise<readonly (Fact | undefined)[]> {
    this.#assertOpen();
    assertLookup(collection, keys);
    const names = keys.map((key) => factName(collection, key));
    const found = await this.#reads.find(names);
    return found.map((fact) => publicFact(fact) ?? undefined);
  }

  peek(collection: string, key: Uint8Array): Fact | null | undefined {
    const name = factName(collection, key).toString('latin1');
    const known = this.#cache.fresh(name, performance.now());
    return known === undefined ? undefined : publicFact(known);
  }

  async list(listing: FactListing): Promise<FactPage> {
    this.#assertOpen();
    const limit = listingLimit(listing);
    const { collection, after = new Uint8Array(0) } = listing;
    const { facts, hasMore } = await this.#reads.list(collection, after, limit);
    return { facts: facts.flatMap((fact) => publicFact(fact) ?? []), hasMore };
  }

  async compact(): Promise<Compacted> {
    this.#assertOpen();
    const { objectsBefore, objectsAfter } = await this.#keeper.join(true);
    return { objectsBefore, objectsAfter };
  }

  fault(): string | undefined {
    if (this.#reads.isAway) return 'Redis does not answer: only remembered answers are given';
    if (this.#failure === undefined) return undefined;
    const { message } = this.#failure as Error;
    return `the registry on Redis cannot be looked after: ${message}`;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#changes.close();
    await this.#keeper.close();
    await this.#news?.close();
  }

  async #keep(changes: readonly NamedChange[]): Promise<Changed> {
    const { key, block, changedAtMs } = await this.#objects.put(changes);
    const names = changes.map(({ name }) => Buffer.from(name).toString('latin1'));
    let isInEffect = true;
    try {
      await this.#tables.apply(block);
      await this.#tables.note([[key, 1]]);
    } catch {
      // The object store has it; whoever looks after Redis next brings it in.
      isInEffect = false;
    }
    this.#cache.drop(names);
    return { changedAtMs, isInEffect };
  }

  /** Asks whether something has changed. */
  async #poll(): Promise<void> {
    const askedAtMs = performance.now();
    try {
      const version = await this.#tables.version();
      const isChanged = version !== this.#version;
      if (isChanged) this.#cache.changed();
      this.#version = version;
      this.#cache.heard(askedAtMs);
      this.#reads.isAway = false;
      if (version === undefined) void this.#look(true);
      else if (isChanged) void this.#attend(() => this.#news?.look());
    } catch (error) {
      if (isMosaicError(error) && error.kind !== 'limited') this.#reads.isAway = true;
      throw error;
    }
  }

  /** Looks after Redis. Never rejects. */
  async #look(isUrgent: boolean): Promise<void> {
    if (!this.#isClosed) await this.#attend(() => this.#keeper.look(isUrgent));
  }

  /** Tells of the first of several failures. Never rejects. */
  async #attend(work: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await work();
      this.#failure = undefined;
    } catch (error) {
      if (this.#failure === undefined && !this.#isClosed) this.#onError(error);
      this.#failure = error;
    }
  }

  #every(ms: number, work: () => Promise<void>): void {
    if (this.#isClosed) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        void work()
          .catch(() => undefined)
          .finally(() => this.#every(ms, work));
      },
      ms * (0.75 + Math.random() / 4),
    );
    timer.unref();
    this.#timers.add(timer);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw registryClosed();
  }
}

function publicFact(fact: Remembered): Fact | null {
  if (fact?.value === undefined) return null;
  const { name, version, value } = fact;
  return factOf({ name, version, value });
}
