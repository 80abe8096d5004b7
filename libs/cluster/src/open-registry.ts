/** Opens what the server knows besides records: who is registered, and what moderators decided. */
import { decodeUserKey, type Reference } from '@mosaic-cluster/protocol';
import {
  decidedRecords,
  ModerationDecisions,
  servedUsers,
  type ServedUsers,
} from '@mosaic-cluster/role';
import { type ObjectStore, openMemoryRegistry } from '@mosaic-cluster/store';
import { quietWarnings } from './quiet-log.ts';
import type { Service } from './service.ts';
import type { WorkerConfig } from './worker-settings.ts';

/** What a worker asks of the registry. */
export interface OpenRegistry {
  readonly users: ServedUsers;
  readonly decisions: ModerationDecisions;
  /** Has somebody told of every decision that is made from now on, by whatever process. */
  onDecided(follow: (ids: readonly Reference[]) => Promise<void>): void;
}

/** Between two looks at what others changed. */
const POLL_MS = 2_000;

/** Opens the registry, waiting for it where it is not there yet. It closes with the lifecycle. */
export async function openRegistry(
  objects: ObjectStore,
  config: WorkerConfig,
  service: Service,
): Promise<OpenRegistry> {
  const { lifecycle } = service;
  const warn = quietWarnings(() => lifecycle.log);
  let follow: (ids: readonly Reference[]) => Promise<void> = async () => {};
  const registry = await service.await('the registry', () =>
    openMemoryRegistry({
      store: objects,
      pollMs: POLL_MS,
      onNews: (news) => {
        const ids = decidedRecords(news);
        if (ids.length === 0) return;
        follow(ids).catch((error: unknown) => {
          const { log } = lifecycle;
          log.error('what a moderator approved was not published to subscribers', { error });
        });
      },
      onError: (error) => {
        const why = error instanceof Error ? error.message : String(error);
        warn(`changes to the registry are not seen for the moment: ${why}`);
      },
    }),
  );
  lifecycle.add('registry', registry);
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
