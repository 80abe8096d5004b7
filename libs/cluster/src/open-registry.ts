/** Opens what the server knows besides records: who is registered, and what moderators decided. */
import { decodeUserKey, type Reference } from '@mosaic-cluster/protocol';
import {
  decidedRecords,
  ModerationDecisions,
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
  /** Has somebody told of decisions that are made from now on, by whatever process: one of all workers. */
  onDecided(follow: (ids: readonly Reference[]) => Promise<void>): void;
}

/** Where the registry is. */
export interface RegistryPlaces {
  readonly objects: ObjectStore;
  readonly redis: RedisConnection;
}

/**
 * Opens the registry, waiting for it where it is not there yet. It closes with the lifecycle.
 *
 * @param isModerated whether this worker wants to know of decisions
 */
export async function openRegistry(
  { objects, redis }: RegistryPlaces,
  config: WorkerConfig,
  service: Service,
  isModerated: boolean,
): Promise<OpenRegistry> {
  const { lifecycle, readiness } = service;
  const warn = quietWarnings(() => lifecycle.log);
  let follow: (ids: readonly Reference[]) => Promise<void> = async () => {};
  const onNews = (news: readonly FactChange[]): void => {
    const ids = decidedRecords(news);
    if (ids.length === 0) return;
    follow(ids).catch((error: unknown) => {
      const { log } = lifecycle;
      log.error('what a moderator approved was not published to subscribers', { error });
    });
  };
  const registry = await service.await('the registry', () =>
    openRedisRegistry({
      connection: redis,
      store: objects,
      ...(isModerated ? { onNews } : {}),
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
    onDecided: (told) => {
      follow = told;
    },
  };
}
