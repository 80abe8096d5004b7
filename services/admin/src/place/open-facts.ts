/** Opens what a server knows besides records, its registry, while the server runs or not. */
import { usageError } from '@mosaic-cluster/client/command';
import { openStores } from '@mosaic-cluster/cluster/stores';
import type { DataFolderView } from '@mosaic-cluster/standalone/data-folder';
import {
  type Changed,
  openFileObjectStore,
  openMemoryRegistry,
  openRedisRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import type { Command } from 'commander';
import { findPlace, type Place, type PlaceOptions } from './place-options.ts';

/** The registry of one place. */
export interface Facts {
  /** For people: a path, or a bucket. */
  readonly name: string;
  /** Who goes by it at the moment, such as `process 123`; undefined: nobody does. */
  readonly servedBy: string | undefined;
  readonly registry: Registry;
  close(): Promise<void>;
}

/** How commands that need no records know their place, for help texts. */
export const FACTS_HELP = `
The embedded server's data folder is named by --data or MOSAIC_DATA_DIR; else it is ./data. A cluster
is named by the settings of its workers: MOSAIC_OBJECTS or MOSAIC_S3_BUCKET with those that belong to
it, MOSAIC_REDIS_URLS with its own. Settings may be in MOSAIC_CONFIG_FILE.`;

/** Adds the options of a command that needs no records. */
export function addFactsOptions(command: Command): Command {
  return command
    .option('--data <dir>', "the embedded server's data folder; default: MOSAIC_DATA_DIR")
    .option('--json', 'print the result as JSON');
}

/**
 * Opens the registry that the options name.
 *
 * @param isChanging whether it is to be changed
 * @throws MosaicError `invalid` (`usage`), `unavailable`, `corrupt` (`control-object`)
 */
export async function openFacts(options: PlaceOptions, isChanging: boolean): Promise<Facts> {
  return openFactsAt(await findPlace(options), isChanging);
}

/** As {@link openFacts}, of a place that was found already. */
export async function openFactsAt(place: Place, isChanging: boolean): Promise<Facts> {
  if (place.of === 'embedded') return openFolderFacts(place.view, isChanging);
  const stores = await openStores(place.config);
  try {
    const { redis: connection, objects: store } = stores;
    const registry = await openRedisRegistry({ connection, store });
    return {
      name: store.name,
      servedBy: 'the cluster',
      registry,
      close: async () => {
        await registry.close();
        await stores.close();
      },
    };
  } catch (error) {
    await stores.close();
    throw error;
  }
}

async function openFolderFacts(view: DataFolderView, isChanging: boolean): Promise<Facts> {
  if (isChanging) assertOwner(view);
  const store = await openFileObjectStore({ directory: view.objects });
  try {
    const registry = await openMemoryRegistry({ store });
    return {
      name: view.path,
      servedBy: view.holder === undefined ? undefined : `process ${view.holder}`,
      registry,
      close: async () => {
        await registry.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What another user writes, root included, the server could not read. */
function assertOwner({ path, owner }: DataFolderView): void {
  const user = process.getuid?.();
  if (owner === undefined || user === owner) return;
  const problem = `${path} belongs to user ${owner}, who could not read what user ${user} writes`;
  throw usageError('--data', problem, `Run the command as user ${owner}, such as with sudo -u.`);
}

/** When a change takes effect, in a sentence. */
export function effectOf({ servedBy }: Facts, changed: Changed | undefined): string {
  if (changed?.isInEffect === false) {
    return 'The object store has it, but Redis could not be told: it takes effect some seconds after Redis is back.';
  }
  if (servedBy === undefined) return 'No server runs; it counts from the next start on.';
  return `It counts within a second (${servedBy}).`;
}
