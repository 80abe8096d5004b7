/** The options by which every command knows what it is about. */
import { collect, usageError } from '@mosaic-cluster/client/command';
import { isConfigError } from '@mosaic-cluster/runtime';
import type { DataFolderView } from '@mosaic-cluster/standalone/data-folder';
import type { Command } from 'commander';
import { type ClusterConfig, readAdminSettings } from '../config.ts';
import type { Holding } from './holding.ts';
import { openCluster } from './open-cluster.ts';
import { openEmbedded, ROLES, viewFolder } from './open-embedded.ts';

/** The options that {@link addPlaceOptions} adds. */
export interface PlaceOptions {
  readonly data?: string;
  readonly role?: readonly string[];
  readonly json?: true;
  readonly quiet?: true;
}

/** How they work, for help texts. */
export const PLACE_HELP = `
The embedded server's data folder is named by --data or MOSAIC_DATA_DIR; else it is ./data. A cluster
is named by the settings of its workers: MOSAIC_OBJECTS or MOSAIC_S3_BUCKET with those that belong to
it, MOSAIC_REDIS_URLS with its own, MOSAIC_INDEX_SECRET. Settings may be in MOSAIC_CONFIG_FILE.
Progress goes to standard error: a bar at a terminal, a line every few seconds elsewhere.`;

/** Adds the options. */
export function addPlaceOptions(command: Command): Command {
  return command
    .option('--data <dir>', "the embedded server's data folder; default: MOSAIC_DATA_DIR")
    .option('--role <role>', 'only this role; can be repeated', collect)
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'show no progress');
}

/** What the options and the environment name. */
export type Place =
  | { readonly of: 'embedded'; readonly view: DataFolderView }
  | { readonly of: 'cluster'; readonly config: ClusterConfig };

/** Finds out what is meant. @throws MosaicError `invalid` (`usage`) */
export async function findPlace({ data, role }: PlaceOptions): Promise<Place> {
  for (const each of role ?? []) {
    if (!ROLES.includes(each)) {
      throw usageError('--role', `"${each}" is no role`, `Roles are ${ROLES.join(', ')}.`);
    }
  }
  if (data !== undefined) return { of: 'embedded', view: await viewFolder('--data', data) };
  const settings = settingsOf(readAdminSettings);
  if (settings.of === 'cluster') return settings;
  return { of: 'embedded', view: await viewFolder('MOSAIC_DATA_DIR', settings.dataDir) };
}

/** Reads settings. @throws MosaicError `invalid` (`usage`) for those that are wrong */
export function settingsOf<Settings>(read: () => Settings): Settings {
  try {
    return read();
  } catch (error) {
    if (!isConfigError(error)) throw error;
    throw usageError('settings', error.message, 'Set them right, or name a folder with --data.');
  }
}

/** Opens what the options name, for reading. @throws MosaicError `invalid` (`usage`), `unavailable` */
export async function openPlace(options: PlaceOptions): Promise<Holding> {
  return openHolding(await findPlace(options), options.role);
}

/** Opens a place that was found already. @param only the roles to open; undefined: all */
export function openHolding(place: Place, only: readonly string[] | undefined): Promise<Holding> {
  if (place.of === 'cluster') return openCluster(place.config, only);
  return openEmbedded(place.view, only);
}
