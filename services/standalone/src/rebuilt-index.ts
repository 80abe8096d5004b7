/**
 * How an index that was made anew takes the place of the one before. It is made in a folder of its
 * own, so that a server goes on with the old one meanwhile; once whole it lies ready beside it under
 * another name, and whoever holds the data folder next puts it in place.
 */
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const INDEX = 'index';
const READY = 'index.next';
const BEFORE = 'index.old';
const WORK = 'reindex';

/** What making an index anew adds to a data folder. */
export const REBUILT_INDEX_NAMES: readonly string[] = [READY, BEFORE, WORK];

/** Where an index is being made anew; holds nothing else but the lock of who does it. */
export function reindexFolder(dataFolder: string): string {
  return join(dataFolder, WORK);
}

/**
 * Lays an index ready that was made anew, in the place of one that lies there already. Whoever starts
 * next takes it over.
 *
 * @param made its folder; flushed and closed
 */
export async function layIndexReady(dataFolder: string, made: string): Promise<void> {
  await rm(join(dataFolder, READY), { recursive: true, force: true });
  await rename(made, join(dataFolder, READY));
  await syncFolder(dataFolder);
}

/**
 * Puts an index in place that lies ready. Only for who holds the data folder. Cut short at any moment,
 * the next call completes it.
 *
 * @returns whether one lay there
 */
export async function takeOverIndex(dataFolder: string): Promise<boolean> {
  const at = (name: string): string => join(dataFolder, name);
  const isReady = await exists(at(READY));
  if (isReady) {
    await rm(at(BEFORE), { recursive: true, force: true });
    if (await exists(at(INDEX))) await rename(at(INDEX), at(BEFORE));
    await rename(at(READY), at(INDEX));
    await syncFolder(dataFolder);
  }
  await rm(at(BEFORE), { recursive: true, force: true });
  return isReady;
}

/**
 * Whether an index is being made anew, or lies ready: whoever takes it over follows the log from where it
 * was made, by the bytes of what it leads to.
 */
export async function hasIndexToCome(dataFolder: string): Promise<boolean> {
  const places = [join(dataFolder, READY), join(reindexFolder(dataFolder), INDEX)];
  for (const place of places) if (await exists(place)) return true;
  return false;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
