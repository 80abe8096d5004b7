/** Opens the object store that the settings name and tries it out before anything relies on it. */
import {
  type ObjectStore,
  openFileObjectStore,
  openS3ObjectStore,
  withKeyPrefix,
} from '@mosaic-cluster/store';
import { bucketOptions, type ObjectConfig, objectFolder } from './object-settings.ts';
import { measureObjects } from './object-metrics.ts';
import type { Service } from './service.ts';

/** A key that nothing has. */
const NOTHING = 'self-test/nothing';

/** Opens the object store, waiting for it where it is not there yet. It closes with the lifecycle. */
export async function openObjects(config: ObjectConfig, service: Service): Promise<ObjectStore> {
  const { lifecycle, metrics, readiness, tracer } = service;
  const opened = await service.await('the object store', async () => {
    const store = await openObjectStore(config);
    try {
      await store.selfTest();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  });
  lifecycle.add('object store', opened);
  const objects = measureObjects(metrics, tracer, opened);
  readiness.addCheck({
    name: 'object store',
    check: (signal) => objects.head(NOTHING, { signal }),
  });
  return objects;
}

/** Opens the object store. Nothing is asked of it. */
export async function openObjectStore(config: ObjectConfig): Promise<ObjectStore> {
  const folder = objectFolder(config);
  const store =
    folder === undefined
      ? await openS3ObjectStore(bucketOptions(config))
      : await openFileObjectStore({ directory: folder });
  return config.s3Prefix === undefined ? store : withKeyPrefix(store, config.s3Prefix);
}
