/**
 * What lies in the folder of the embedded index, looked at before LMDB opens it: whose files they
 * are, and whether what they hold can be trusted.
 */
import { constants, type Stats } from 'node:fs';
import { access, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';
import { INDEX_FORMAT, type Marker, temporaryName } from './index-marker.ts';

/** The file that LMDB keeps the index in. */
export const DATA = 'data.mdb';
/** The file by which LMDB knows who reads and who writes. */
export const LOCK = 'lock.mdb';
/** The file that says whether it can be trusted, see `index-marker.ts`. */
export const MARKER = 'marker.json';
const SET_ASIDE = 'damaged.mdb';
const OWN_FILES: ReadonlySet<string> = new Set([
  DATA,
  LOCK,
  MARKER,
  temporaryName(MARKER),
  SET_ASIDE,
]);

/** @throws MosaicError `conflict` (`index-foreign-file`) */
export async function refuseForeignFiles(directory: string): Promise<void> {
  const foreign = (await readdir(directory)).filter((name) => !OWN_FILES.has(name));
  if (foreign.length === 0) return;
  throw new MosaicError(
    'conflict',
    'index-foreign-file',
    `${join(directory, foreign[0]!)} is not a file of the record index: move it elsewhere, or ` +
      `choose another folder for the index`,
  );
}

/**
 * Meets what would make LMDB fail to open: where it does, lmdb 3.5 takes the whole process with it.
 */
export async function assertUsable(directory: string): Promise<void> {
  await access(directory, constants.W_OK);
  for (const name of [DATA, LOCK, MARKER]) {
    const path = join(directory, name);
    if ((await fileBytes(path)) !== undefined) await access(path, constants.R_OK | constants.W_OK);
  }
}

/**
 * Whether LMDB can open what is there without writing. Of the lock file it writes the first page,
 * which has to be on disk: else that write kills the process.
 */
export async function canBeRead(directory: string): Promise<boolean> {
  const lock = await fileStats(join(directory, LOCK));
  const bytes = await fileBytes(join(directory, DATA));
  return bytes !== undefined && bytes > 0 && lock !== undefined && lock.blocks > 0;
}

/** Why something is not to be trusted. */
export interface Distrust {
  readonly why: string;
  /** Whether the file is kept beside the new one, because it may tell why. */
  readonly keep: boolean;
}

/** Why the data file is not to be trusted; undefined: it is, or there is none. */
export async function distrust(
  directory: string,
  marker: Marker | undefined,
  boot: string,
): Promise<Distrust | undefined> {
  const bytes = await fileBytes(join(directory, DATA));
  if (bytes === undefined) return undefined;
  if (marker === undefined) return { why: 'its marker is missing or unreadable', keep: true };
  if (marker.format !== INDEX_FORMAT) {
    return { why: `it has format ${marker.format}, this is format ${INDEX_FORMAT}`, keep: false };
  }
  if (bytes > 0 && !(await hasLmdbHeader(join(directory, DATA)))) {
    return { why: 'its data file is not one of LMDB', keep: true };
  }
  switch (marker.state) {
    case 'open':
      if (marker.boot === boot) return undefined;
      return { why: 'the machine stopped before it was flushed', keep: false };
    case 'clean':
      if (marker.bytes === bytes) return undefined;
      return { why: `it was closed with ${marker.bytes} bytes and has ${bytes}`, keep: true };
    case 'damaged':
      return { why: `damage was met: ${marker.why}`, keep: true };
  }
}

/** `MDB_MAGIC` and `MDB_DATA_VERSION`, in the machine's byte order. */
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_DATA_VERSION = 2;

/** Whether a file starts as LMDB's do: both numbers, behind a page header of up to 48 bytes. */
async function hasLmdbHeader(path: string): Promise<boolean> {
  const words = new Uint32Array(16);
  const file = await open(path, 'r');
  try {
    const { bytesRead } = await file.read(words, 0, words.byteLength, 0);
    const at = words.indexOf(LMDB_MAGIC);
    return bytesRead === words.byteLength && at >= 0 && words[at + 1] === LMDB_DATA_VERSION;
  } finally {
    await file.close();
  }
}

/** Removes the data file, or sets it aside. */
export async function discard(directory: string, keep: boolean): Promise<void> {
  const data = join(directory, DATA);
  if (keep) await rename(data, join(directory, SET_ASIDE));
  else await rm(data, { force: true });
  await rm(join(directory, LOCK), { force: true });
}

async function fileBytes(path: string): Promise<number | undefined> {
  return (await fileStats(path))?.size;
}

async function fileStats(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
