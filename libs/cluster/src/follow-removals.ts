/** Has a worker take what is removed out of its index, by whatever process it was removed. */
import { type KeyDirectory, RemovalFollower } from '@mosaic-cluster/role';
import type { OpenRegistry } from './open-registry.ts';
import { quietWarnings } from './quiet-log.ts';
import type { RoleStore } from './role-stores.ts';
import type { Service } from './service.ts';

/** Takes out what was removed before, and what is from now on until the lifecycle ends. */
export async function followRemovals(
  store: RoleStore,
  directory: KeyDirectory,
  { removed, onRemoved }: Pick<OpenRegistry, 'removed' | 'onRemoved'>,
  { lifecycle }: Service,
): Promise<void> {
  const warn = quietWarnings(() => lifecycle.log);
  const follower = new RemovalFollower({
    ...store,
    directory,
    removed,
    onError: (error) => {
      const why = error instanceof Error ? error.message : String(error);
      warn(`removed records are still served where the index has them, until this passes: ${why}`);
    },
  });
  onRemoved((ids) => follower.followUp(ids));
  await follower.start();
  lifecycle.add('removed records', follower);
}
