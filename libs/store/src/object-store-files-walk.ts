/** Walks a folder in the order in which an object store lists its keys. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Paths of the files in a folder and below, parted by slashes, in the order of their bytes. Names that
 * start with a dot are passed over. Reads whole folders: meant for some 100,000 files in each.
 *
 * @param prefix paths start with it
 * @param after only paths behind this one
 */
export async function* keysBelow(
  root: string,
  prefix: string,
  after: string | undefined,
): AsyncGenerator<string> {
  yield* walk(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, after ?? '');
}

async function* walk(
  root: string,
  folder: string,
  prefix: string,
  after: string,
): AsyncGenerator<string> {
  for (const path of await pathsIn(root, folder)) {
    if (!path.startsWith(prefix)) continue;
    if (!path.endsWith('/')) {
      if (path > after) yield path;
    } else if (path > after || after.startsWith(path)) {
      yield* walk(root, path, prefix, after);
    }
  }
}

// With the slash behind a folder's name, sorting names sorts what is in the folders too.
async function pathsIn(root: string, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await entriesIn(join(root, folder))) {
    const { name } = entry;
    if (name.startsWith('.')) continue;
    if (entry.isDirectory()) paths.push(`${folder}${name}/`);
    else if (entry.isFile()) paths.push(folder + name);
  }
  return paths.sort();
}

async function entriesIn(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
