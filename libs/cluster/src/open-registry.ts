/** Opens what the server knows besides records: who is registered, what moderators decided, what is removed. */
import type { RoleName } from '@mosaic-cluster/bus';
import { decodeUserKey, type Reference } from '@mosaic-cluster/protocol';
import {
  CompactionRuns,
  decidedRecords,
  ModerationDecisions,
  RemovedRecords,
  removedRecords,
  type Restoration,
  restoredRecords,
  RestoredRecords,
  servedUsers,
  type ServedUsers,
} from '@mosaic-cluster/role';
import {
  type FactChange,
  type ObjectStore,
  openRedisRegistry,
  type RedisConnection,
} from '@mosaic-cluster/store';
import { quietWarnings } from './quiet-log.ts';
import type { Service } from './service.ts';
import type { WorkerConfig } from './worker-settings.ts';

/** What a worker asks of the registry. */
export interface OpenRegistry {
  readonly users: ServedUsers;
  readonly decisions: ModerationDecisions;
  readonly removed: RemovedRecords;
  readonly compactions: CompactionRuns;
  /** What this role is to put back. */
  readonly restored: RestoredRecords;
  /**
   * Has somebody told of decisions that are made from now on, by whatever process: one of all workers of
   * the role.
   */
  onDecided(follow: Follow): void;
  /** The same of records that are removed. */
  onRemoved(follow: Follow): void;
  /** The same of removed records that are put back. */
  onRestored(follow: FollowRestored): void;
}

/** Does what news about records ask for. */
export type Follow = (ids: readonly Reference[]) => Promise<void>;

/** Puts records back. */
export type FollowRestored = (restorations: readonly Restoration[]) => Promise<void>;

/** Where the registry is. */
export interface RegistryPlaces {
  readonly objects: ObjectStore;
  readonly redis: RedisConnection;
}

/**
 * Opens the registry, waiting for it where it is not there yet. It closes with the lifecycle.
 *
 * @param role of this worker
 */
export async function openRegistry(
  { objects, redis }: RegistryPlaces,
  config: WorkerConfig,
  service: Service,
  role: RoleName,
): Promise<OpenRegistry> {
  const { lifecycle, readiness } = service;
  const warn = quietWarnings(() => lifecycle.log);
  let followDecided: Follow = async () => {};
  let followRemoved: Follow = async () => {};
  let followRestored: FollowRestored = async () => {};
  const onNews = (news: readonly FactChange[]): void => {
    const removedIds = removedRecords(news);
    if (removedIds.length > 0) void followRemoved(removedIds);
    const restorations = restoredRecords(news, role);
    if (restorations.length > 0) void followRestored(restorations);
    const ids = decidedRecords(news);
    if (ids.length === 0) return;
    followDecided(ids).catch((error: unknown) => {
      const { log } = lifecycle;
      log.error('what a moderator approved was not published to subscribers', { error });
    });
  };
  const registry = await service.await('the registry', () =>
    openRedisRegistry({
      connection: redis,
      store: objects,
      newsGroup: role,
      onNews,
      onError: (error) => {
        const why = error instanceof Error ? error.message : String(error);
        warn(`the registry cannot be looked after for the moment: ${why}`);
      },
    }),
  );
  lifecycle.add('registry', registry);
  readiness.addNote({ name: 'registry', note: () => registry.fault() });
  return {
    users: servedUsers({
      admission: config.admission,
      registry,
      always: config.users.map(decodeUserKey),
    }),
    decisions: new ModerationDecisions(registry),
    removed: new RemovedRecords(registry, role),
    compactions: new CompactionRuns(registry),
    restored: new RestoredRecords(registry, role),
    onDecided: (told) => {
      followDecided = told;
    },
    onRemoved: (told) => {
      followRemoved = told;
    },
    onRestored: (told) => {
      followRestored = told;
    },
  };
}
