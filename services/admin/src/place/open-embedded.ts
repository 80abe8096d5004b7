/** Opens the embedded server's data folder for reading, while the server runs or not. */
import { ROLE_NAMES } from '@mosaic-cluster/bus';
import { usageError } from '@mosaic-cluster/client/command';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { type DataFolderView, viewDataFolder } from '@mosaic-cluster/standalone/data-folder';
import { openIndexReader, openSegmentLogReader } from '@mosaic-cluster/store';
import type { Holding, RoleHolding } from './holding.ts';
import { openFolderRemovals, type OpenRemovals } from './open-removals.ts';

/** Names that a role can have. */
export const ROLES: readonly string[] = ROLE_NAMES;

/** Its records are not for everybody, and its key schedules say nothing about others. */
export const PRIVATE_ROLE = 'encryption';
const REMEDY = "Name the server's data folder with --data DIR or MOSAIC_DATA_DIR.";

/**
 * Looks at a data folder.
 *
 * @param option who named it: `--data`, or the setting
 * @throws MosaicError `invalid` (`usage`) where it is no data folder
 */
export async function viewFolder(option: string, path: string): Promise<DataFolderView> {
  try {
    return await viewDataFolder(path);
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    throw usageError(option, error.message, REMEDY);
  }
}

/**
 * Opens segments and indexes for reading; none of the two is changed.
 *
 * @param only the roles to open; undefined: all that have segments
 */
export async function openEmbedded(
  view: DataFolderView,
  only: readonly string[] | undefined,
): Promise<Holding> {
  const names = ROLES.filter((role) => view.roles.includes(role));
  for (const role of only ?? []) {
    if (names.includes(role)) continue;
    const there = names.length === 0 ? 'none is' : `there are ${names.join(', ')}`;
    throw usageError('--role', `no ${role} is kept in ${view.path}`, `Of the roles, ${there}.`);
  }
  const opened = await openIndexReader({ directory: view.index });
  const reader = 'state' in opened ? undefined : opened;
  const roles: RoleHolding[] = [];
  let removals: OpenRemovals | undefined;
  const close = async (): Promise<void> => {
    await removals?.close();
    for (const { log } of roles) await log.close();
    await reader?.close();
  };
  try {
    for (const role of names) {
      const index = reader?.index(role);
      const appliedBefore = await index?.appliedTo();
      const log = await openSegmentLogReader({ directory: view.segments(role), role });
      roles.push({ role, log, index, appliedBefore });
    }
    removals = await openFolderRemovals(view.objects);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: view.path,
    servedBy: view.holder,
    roles: roles.filter(({ role }) => only === undefined || only.includes(role)),
    scheduleSources: roles.flatMap(({ role, log, index }) =>
      index === undefined || role === PRIVATE_ROLE ? [] : [{ log, index }],
    ),
    removedIn: (role) => removals.removedIn(role),
    noIndex: 'state' in opened ? opened : undefined,
    indexBytes: async () => reader?.bytes(),
    isIndexCurrent: async () => reader === undefined || reader.isCurrent(),
    close,
  };
}

/** The error of an index that a server made anew while it was read. */
export function indexReplaced(): MosaicError {
  const message =
    'the record index was made anew while it was read: a server was started meanwhile. Run the command again';
  return new MosaicError('conflict', 'index-replaced', message);
}
