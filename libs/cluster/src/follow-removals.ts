/** Has a worker's index follow what operators remove and put back, by whatever process they do. */
import type { RoleName } from '@mosaic-cluster/bus';
import { type KeyDirectory, RemovalFollower, type RoleMetrics } from '@mosaic-cluster/role';
import type { OpenRegistry } from './open-registry.ts';
import { quietWarnings } from './quiet-log.ts';
import type { RoleStore } from './role-stores.ts';
import type { Service } from './service.ts';

/** Takes out what was removed, and brings back what was put back, until the lifecycle ends. */
export async function followRemovals(
  role: RoleName,
  store: RoleStore,
  directory: KeyDirectory,
  registry: Pick<OpenRegistry, 'removed' | 'restored' | 'onRemoved' | 'onRestored'>,
  figures: RoleMetrics,
  { lifecycle }: Service,
): Promise<void> {
  const warn = quietWarnings(() => lifecycle.log);
  const { removed, restored } = registry;
  const follower = new RemovalFollower({
    ...store,
    directory,
    removed,
    restored,
    onError: (error) => {
      const why = error instanceof Error ? error.message : String(error);
      warn(`removed records are still served where the index has them, until this passes: ${why}`);
    },
    onUnreadable: (id, error) => {
      const what = 'its bytes cannot be read, so that the index is not changed for it';
      lifecycle.log.error(`record ${id} was removed or put back, but ${what}`, { error });
    },
  });
  figures.watchRemovals(role, follower);
  registry.onRemoved((ids) => follower.followUp(ids));
  registry.onRestored((restorations) => follower.putBack(restorations));
  await follower.start();
  lifecycle.add('removed records', follower);
}
