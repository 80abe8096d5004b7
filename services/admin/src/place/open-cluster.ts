/** Opens what a cluster keeps for reading: segments on the object store, indexes on Redis. */
import type { StoreConfig } from '@mosaic-cluster/cluster/stores';
import { openStores } from '@mosaic-cluster/cluster/stores';
import { CompactionRuns, RemovedRecords } from '@mosaic-cluster/role';
import {
  createRedisIndex,
  openObjectLogReader,
  openRedisRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import type { ClusterHolding, SharedHolding } from './holding.ts';
import { PRIVATE_ROLE, ROLES } from './open-embedded.ts';

/**
 * Opens segments and indexes. Nothing is written to either, unless the caller does.
 *
 * @param only the roles to look at; undefined: all
 */
export async function openCluster(
  config: StoreConfig,
  only: readonly string[] | undefined,
): Promise<ClusterHolding> {
  const stores = await openStores(config);
  const roles: SharedHolding[] = [];
  let registry: Registry | undefined;
  const close = async (): Promise<void> => {
    await registry?.close();
    for (const { log } of roles) await log.close();
    await stores.close();
  };
  try {
    for (const role of ROLES) {
      const secret = config.indexSecret?.reveal();
      const index = createRedisIndex({ connection: stores.redis, name: role, secret });
      const appliedBefore = await index.appliedTo();
      const log = await openObjectLogReader({ store: stores.objects, role });
      roles.push({ role, log, index, appliedBefore });
    }
    registry = await openRedisRegistry({ connection: stores.redis, store: stores.objects });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: stores.objects.name,
    objects: stores.objects,
    compactions: new CompactionRuns(registry),
    servedBy: 'the cluster',
    roles: roles.filter(({ role }) => only === undefined || only.includes(role)),
    scheduleSources: roles.filter(({ role }) => role !== PRIVATE_ROLE),
    removedIn: (role) => new RemovedRecords(registry, role),
    noIndex: undefined,
    indexBytes: async () => undefined,
    isIndexCurrent: async () => true,
    close,
  };
}
