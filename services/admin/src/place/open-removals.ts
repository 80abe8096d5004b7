/** What an operator removed, for those who hold the index against the log. */
import { access } from 'node:fs/promises';
import { NOTHING_REMOVED, RemovedRecords, type RemovalLookup } from '@mosaic-cluster/role';
import { openFileObjectStore, openMemoryRegistry } from '@mosaic-cluster/store';

/** Where it is looked up. */
export interface OpenRemovals {
  removedIn(role: string): RemovalLookup;
  close(): Promise<void>;
}

/** Longer than any command: what was removed is read once, and nothing is ever written. */
const NEVER_MS = 2_147_483_647;

/**
 * Reads what was removed from the control objects of a data folder.
 *
 * @throws MosaicError `corrupt` (`control-object`), `unavailable`
 */
export async function openFolderRemovals(objects: string): Promise<OpenRemovals> {
  if (!(await exists(objects))) {
    return { removedIn: () => NOTHING_REMOVED, close: async () => {} };
  }
  const store = await openFileObjectStore({ directory: objects });
  try {
    const registry = await openMemoryRegistry({ store, pollMs: NEVER_MS });
    return {
      removedIn: (role) => new RemovedRecords(registry, role),
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

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
