/**
 * The registry on Redis for processes that only read it and have no object store, as gateways: they
 * are told when something has changed. Whoever may change it, looks after it as well.
 */
import type { RedisConnection } from './redis-connection.ts';
import type { RegistryView } from './registry.ts';
import type { ChangedKeys } from './registry-redis-journal.ts';
import { RegistryLookups } from './registry-redis-lookups.ts';
import { RegistryTables } from './registry-redis-tables.ts';
import { RepeatedWork } from './repeated-work.ts';

/** How a view of the registry on Redis is opened. */
export interface RedisRegistryViewOptions {
  /** Closing the view leaves it open. */
  readonly connection: RedisConnection;
  /** As that of the registry; `registry` by default. */
  readonly name?: string;
  /** Answers remembered; 50,000 by default. */
  readonly cacheEntriesMax?: number;
  /** How long remembered answers count while Redis does not answer; 60,000 by default. */
  readonly graceMs?: number;
  /** Time between two looks whether something has changed; 250 by default. */
  readonly pollMs?: number;
  /** How long a lookup waits for what Redis has lost to be there again; 2,000 by default. */
  readonly waitMs?: number;
  /**
   * Told that something in the registry has changed, by whomever, at most `pollMs` and two round trips
   * after it was; now and then without cause. With what changed; undefined: anything may have. It must
   * not throw.
   */
  readonly onChange?: (changed: ChangedKeys | undefined) => void;
}

/**
 * Opens a view of the registry on Redis.
 *
 * @throws MosaicError of Redis where that does not answer
 */
export async function openRedisRegistryView(
  options: RedisRegistryViewOptions,
): Promise<RegistryView> {
  const { connection, name = 'registry', cacheEntriesMax, graceMs, waitMs } = options;
  const { pollMs = 250, onChange } = options;
  const lookups = new RegistryLookups({
    tables: new RegistryTables(connection, name),
    cacheEntriesMax,
    graceMs,
    waitMs,
    mend: async () => {},
  });
  await lookups.look();
  const repeated = new RepeatedWork();
  repeated.every(pollMs, async () => {
    if ((await lookups.look()) === 'changed') onChange?.(await lookups.changes());
  });
  return {
    get: (collection, keys) => lookups.get(collection, keys),
    peek: (collection, key) => lookups.peek(collection, key),
    list: (listing) => lookups.list(listing),
    fault: () => lookups.fault(),
    close: async () => {
      repeated.close();
      lookups.close();
    },
  };
}
