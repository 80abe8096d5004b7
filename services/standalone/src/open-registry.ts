/** Opens what the server knows besides records: who is registered, what moderators decided, what is removed. */
import type { RoleName } from '@mosaic-cluster/bus';
import { decodeUserKey, type Reference } from '@mosaic-cluster/protocol';
import {
  decidedRecords,
  ModerationDecisions,
  RegisteredUsers,
  RemovedRecords,
  removedRecords,
  RestoredRecords,
  servedUsers,
  type ServedUsers,
} from '@mosaic-cluster/role';
import type { Lifecycle } from '@mosaic-cluster/runtime';
import {
  type FactChange,
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import type { StandaloneConfig } from './config.ts';
import type { DataFolder } from './data-folder.ts';

/** What the roles ask of the registry. */
export interface OpenRegistry {
  readonly registry: Registry;
  /** Where it is kept. */
  readonly store: ObjectStore;
  readonly users: ServedUsers;
  readonly decisions: ModerationDecisions;
  /** Has somebody told of whatever changes from now on; it must not throw. */
  readonly onNews: (told: (news: readonly FactChange[]) => void) => void;
  /** Has somebody told of every decision that is made from now on, by whatever process. */
  onDecided(follow: Follow): void;
  /** Has somebody, besides others, told of every record that is removed from now on. */
  onRemoved(follow: Follow): void;
  removedOf(role: RoleName): RemovedRecords;
  /** What a role is to put back of what was removed. */
  restoredOf(role: RoleName): RestoredRecords;
}

/** Does what news about records ask for. */
type Follow = (ids: readonly Reference[]) => Promise<void>;

/**
 * Opens the registry in the data folder. A command that runs beside the server may change it.
 *
 * @throws MosaicError `corrupt` (`control-object`) naming the file that is damaged, `unavailable`
 */
export async function openRegistry(
  config: StandaloneConfig,
  folder: DataFolder,
  lifecycle: Lifecycle,
): Promise<OpenRegistry> {
  let follow: Follow = async () => {};
  const removers: Follow[] = [];
  const listeners: ((news: readonly FactChange[]) => void)[] = [];
  const { log } = lifecycle;
  const store = await openFileObjectStore({ directory: folder.objects });
  lifecycle.add('control objects', store);
  const registry = await openMemoryRegistry({
    store,
    onNews: (news) => {
      for (const told of listeners) told(news);
      const removedIds = removedRecords(news);
      if (removedIds.length > 0) for (const remove of removers) void remove(removedIds);
      const ids = decidedRecords(news);
      if (ids.length === 0) return;
      follow(ids).catch((error: unknown) => {
        log.error('what a moderator approved was not published to subscribers', { error });
      });
    },
    onError: (error) => {
      log.error('changes to the registry are not seen until its folder can be read', { error });
    },
  });
  lifecycle.add('registry', registry);
  if (config.admission === 'registered' && config.users.length === 0) {
    const { users } = await new RegisteredUsers(registry).list(undefined, 1);
    if (users.length === 0) log.warn('nobody is served as long as nobody is registered');
  }
  return {
    registry,
    store,
    users: servedUsers({
      admission: config.admission,
      registry,
      always: config.users.map(decodeUserKey),
    }),
    decisions: new ModerationDecisions(registry),
    removedOf: (role) => new RemovedRecords(registry, role),
    restoredOf: (role) => new RestoredRecords(registry, role),
    onNews: (told) => {
      listeners.push(told);
    },
    onDecided: (told) => {
      follow = told;
    },
    onRemoved: (told) => {
      removers.push(told);
    },
  };
}
