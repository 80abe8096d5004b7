/** What tools need of a cluster's settings: object store and Redis, without a service around them. */
import type { ObjectStore, RedisConnection } from '@mosaic-cluster/store';
import { openRedis } from '@mosaic-cluster/store';
import type { ConfigOf } from '@mosaic-cluster/runtime';
import { objectProblems, objectSettings } from './object-settings.ts';
import { openObjectStore } from './open-objects.ts';
import { redisOptions, redisProblems, redisSettings } from './redis-settings.ts';

export { type BusConfig, busOptions, busProblems, busSettings } from './bus-settings.ts';
export { redisOptions } from './redis-settings.ts';

/** The settings that say where a cluster keeps things. */
export const storeSettings: typeof objectSettings & typeof redisSettings = {
  ...objectSettings,
  ...redisSettings,
};

/** What they amount to. */
export type StoreConfig = ConfigOf<typeof storeSettings>;

/** What is wrong with settings that are well formed, each by itself; sentences without secrets. */
export function storeProblems(config: StoreConfig): string[] {
  return [...objectProblems(config), ...redisProblems(config)];
}

/** The stores of a cluster. */
export interface ClusterStores {
  readonly objects: ObjectStore;
  readonly redis: RedisConnection;
  close(): Promise<void>;
}

/**
 * Opens them, without waiting for what is not there.
 *
 * @throws MosaicError `unavailable` naming what cannot be reached
 */
export async function openStores(config: StoreConfig): Promise<ClusterStores> {
  const objects = await openObjectStore(config);
  try {
    const redis = await openRedis(redisOptions(config));
    return {
      objects,
      redis,
      close: async () => {
        await redis.close();
        await objects.close();
      },
    };
  } catch (error) {
    await objects.close();
    throw error;
  }
}
