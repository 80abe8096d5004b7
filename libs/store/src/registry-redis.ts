/**
 * The registry on Redis, for servers in many processes: a lookup is one round trip, and few are needed,
 * because answers are remembered until Redis says that something has changed.
 */
import { ControlObjects } from './control-objects.ts';
import type { ObjectStore } from './object-store.ts';
import type { RedisConnection } from './redis-connection.ts';
import type {
  Changed,
  Compacted,
  Fact,
  FactChange,
  FactListing,
  FactPage,
  Registry,
} from './registry.ts';
import { type NamedChange, RegistryChanges } from './registry-changes.ts';
import { RegistryKeeper } from './registry-redis-keeper.ts';
import { RegistryLookups } from './registry-redis-lookups.ts';
import { RegistryNews } from './registry-redis-news.ts';
import { RegistryTables } from './registry-redis-tables.ts';
import { RepeatedWork } from './repeated-work.ts';

/** How a registry on Redis is opened. */
export interface RedisRegistryOptions {
  /** Closing the registry leaves it open. */
  readonly connection: RedisConnection;
  /** Where the control objects are. Closing the registry leaves it open. */
  readonly store: ObjectStore;
  /** Tells registries on one Redis apart; `registry` by default. */
  readonly name?: string;
  /** Answers remembered; 50,000 by default. Half of them are for facts that are there. */
  readonly cacheEntriesMax?: number;
  /** How long remembered answers count while Redis does not answer; 60,000 by default. */
  readonly graceMs?: number;
  /** Time between two looks whether something has changed; 250 by default. */
  readonly pollMs?: number;
  /** Time between two looks whether Redis has all that the control objects say; 10,000 by default. */
  readonly keepMs?: number;
  /** How long a lookup waits for what Redis has lost to be there again; 2,000 by default. */
  readonly waitMs?: number;
  /** Whom {@link onNews} stands for, as a role: of each group one process is told; `` by default. */
  readonly newsGroup?: string;
  /**
   * Told of what changes, by whomever, within a minute. Of all processes of its group one is told of a
   * change; none where that one dies at this moment, and rarely two. It must not throw.
   */
  readonly onNews?: (news: readonly FactChange[]) => void;
  /** Told of the first of several failures in looking after Redis, and of damage. */
  readonly onError?: (error: unknown) => void;
  /** The time in milliseconds since 1970. */
  readonly now?: () => number;
}

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
  readonly #keeper: RegistryKeeper;
  readonly #lookups: RegistryLookups;
  readonly #news: RegistryNews | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #pollMs: number;
  readonly #keepMs: number;
  readonly #repeated = new RepeatedWork();
  #failure: unknown;
  #isClosed = false;

  constructor(options: RedisRegistryOptions) {
    const { connection, store, name = 'registry', now = Date.now } = options;
    const { cacheEntriesMax, graceMs, waitMs } = options;
    const { pollMs = 250, keepMs = 10_000, onError = () => {} } = options;
    this.#tables = new RegistryTables(connection, name);
    this.#objects = new ControlObjects({ store, now });
    this.#changes = new RegistryChanges((changes) => this.#keep(changes));
    this.#keeper = new RegistryKeeper({
      tables: this.#tables,
      objects: this.#objects,
      restMs: keepMs / 2,
      now,
    });
    this.#lookups = new RegistryLookups({
      tables: this.#tables,
      cacheEntriesMax,
      graceMs,
      waitMs,
      mend: () => this.#look(true),
    });
    const { onNews, newsGroup: group = '' } = options;
    const [tables, objects] = [this.#tables, this.#objects];
    this.#news = onNews && new RegistryNews({ tables, objects, group, onNews, now });
    this.#onError = onError;
    this.#pollMs = pollMs;
    this.#keepMs = keepMs;
  }

  async open(): Promise<void> {
    await this.#poll();
    if ((await this.#tables.shards.marks()).some(({ is }) => is !== 'whole')) {
      await this.#look(true);
      await this.#poll();
    }
    this.#repeated.every(this.#pollMs, () => this.#poll());
    this.#repeated.every(this.#keepMs, () => this.#look(false));
  }

  change(changes: readonly FactChange[]): Promise<Changed> {
    return this.#changes.add(changes);
  }

  get(collection: string, keys: readonly Uint8Array[]): Promise<readonly (Fact | undefined)[]> {
    return this.#lookups.get(collection, keys);
  }

  peek(collection: string, key: Uint8Array): Fact | null | undefined {
    return this.#lookups.peek(collection, key);
  }

  list(listing: FactListing): Promise<FactPage> {
    return this.#lookups.list(listing);
  }

  async compact(): Promise<Compacted> {
    this.#lookups.assertOpen();
    const { objectsBefore, objectsAfter } = await this.#keeper.join(true);
    return { objectsBefore, objectsAfter };
  }

  fault(): string | undefined {
    const away = this.#lookups.fault();
    if (away !== undefined || this.#failure === undefined) return away;
    const { message } = this.#failure as Error;
    return `the registry on Redis cannot be looked after: ${message}`;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#lookups.close();
    this.#repeated.close();
    await this.#changes.close();
    await this.#keeper.close();
    await this.#news?.close();
  }

  async #keep(changes: readonly NamedChange[]): Promise<Changed> {
    const { key, block, changedAtMs } = await this.#objects.put(changes);
    const names = changes.map(({ name }) => Buffer.from(name).toString('latin1'));
    let isInEffect = true;
    try {
      await this.#tables.shards.apply(block);
      await this.#tables.note([[key, 1]], block);
    } catch {
      // The object store has it; whoever looks after Redis next brings it in.
      isInEffect = false;
    }
    this.#lookups.drop(names);
    return { changedAtMs, isInEffect };
  }

  /** Asks whether something has changed. */
  async #poll(): Promise<void> {
    const outcome = await this.#lookups.look();
    if (outcome === 'lost') void this.#look(true);
    else if (outcome === 'changed') void this.#attend(() => this.#news?.look());
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
}
