/** The options by which every command knows what it is about. */
import { collect, usageError } from '@mosaic-cluster/client/command';
import { isConfigError } from '@mosaic-cluster/runtime';
import type { Command } from 'commander';
import { readAdminSettings } from './config.ts';
import type { Holding } from './holding.ts';
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
The embedded server's data folder is named by --data or MOSAIC_DATA_DIR; else it is ./data.
Progress goes to standard error: a bar at a terminal, a line every few seconds elsewhere.`;

/** Adds the options. */
export function addPlaceOptions(command: Command): Command {
  return command
    .option('--data <dir>', "the embedded server's data folder; default: MOSAIC_DATA_DIR")
    .option('--role <role>', 'only this role; can be repeated', collect)
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'show no progress');
}

/** Where the embedded server's data folder is, and who says so. */
export function dataFolderOf({ data }: PlaceOptions): { option: string; path: string } {
  if (data !== undefined) return { option: '--data', path: data };
  try {
    return { option: 'MOSAIC_DATA_DIR', path: readAdminSettings().dataDir };
  } catch (error) {
    if (!isConfigError(error)) throw error;
    throw usageError('settings', error.message, 'Set them right, or name the folder with --data.');
  }
}

/** Opens what the options name, for reading. @throws MosaicError `invalid` (`usage`), `unavailable` */
export async function openPlace(options: PlaceOptions): Promise<Holding> {
  for (const role of options.role ?? []) {
    if (!ROLES.includes(role)) {
      throw usageError('--role', `"${role}" is no role`, `Roles are ${ROLES.join(', ')}.`);
    }
  }
  const { option, path } = dataFolderOf(options);
  return openEmbedded(await viewFolder(option, path), options.role);
}
