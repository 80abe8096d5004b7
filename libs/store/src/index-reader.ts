/**
 * Opens the folder of the embedded server's indexes as an observer, while the server may be writing
 * to it: nothing is written, and what the start would not trust is not opened.
 */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';
import { type Database, open as openLmdb, type RootDatabase } from 'lmdb';
import { indexFailure } from './index-failure.ts';
import { DATA, distrust, LOCK, MARKER } from './index-folder.ts';
import { currentBootId, readMarker } from './index-marker.ts';
import type { RecordIndex } from './record-index.ts';
import { createLmdbIndex, type IndexAccess } from './record-index-lmdb.ts';

/** What to open. */
export interface IndexReaderOptions {
  readonly directory: string;
  /** Most indexes in it. */
  readonly indexesMax?: number;
  /** Names the time since the machine started; for tests. */
  readonly bootId?: () => string;
}

/** The folder, opened for reading. */
export interface IndexReader {
  /** The index of a role, to which nothing can be added; undefined: there is none. */
  index(name: string): RecordIndex | undefined;
  /** Bytes on disk. */
  bytes(): Promise<number>;
  /** Whether the folder still holds what was opened: a server may have made the index anew. */
  isCurrent(): Promise<boolean>;
  close(): Promise<void>;
}

/** Why there is no index to read. */
export interface NoIndex {
  /** `missing`: there is none yet. `distrusted`: the next start of the server makes it anew. */
  readonly state: 'missing' | 'distrusted';
  readonly why: string;
}

/** Room in the address space beyond the file's size, for what a server writes meanwhile. */
const MAP_BYTES_MORE = 1024 * 1024 * 1024;

/**
 * Opens the folder for reading. LMDB's lock file is written to, as every reader has to.
 *
 * @throws MosaicError `unavailable` (`index-failed`) where the files cannot be read
 */
export async function openIndexReader(options: IndexReaderOptions): Promise<IndexReader | NoIndex> {
  const { directory, indexesMax = 8, bootId = currentBootId } = options;
  const data = join(directory, DATA);
  try {
    const opened = await stat(data).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (opened === undefined || opened.size === 0) {
      return { state: 'missing', why: `there is no index in ${directory}` };
    }
    await assertReadable(directory);
    const marker = await readMarker(join(directory, MARKER));
    const distrusted = await distrust(directory, marker, bootId());
    if (distrusted !== undefined) return { state: 'distrusted', why: distrusted.why };
    const root = openLmdb<Uint8Array, Uint8Array>({
      path: directory,
      noSubdir: false,
      readOnly: true,
      maxDbs: indexesMax,
      mapSize: opened.size + MAP_BYTES_MORE,
      keyEncoding: 'binary',
      encoding: 'binary',
    });
    return new ReadEnvironment(directory, root, opened.ino);
  } catch (error) {
    throw indexFailure(error, directory);
  }
}

/** Meets what would make LMDB fail to open: where it does, lmdb 3.5 takes the process with it. */
async function assertReadable(directory: string): Promise<void> {
  await access(join(directory, DATA), constants.R_OK);
  const lock = join(directory, LOCK);
  const mode = constants.R_OK | constants.W_OK;
  try {
    await access(lock, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await access(directory, mode);
  }
}

class ReadEnvironment implements IndexReader, IndexAccess {
  readonly #directory: string;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  /** Of the data file. */
  readonly #inode: number;

  constructor(directory: string, root: RootDatabase<Uint8Array, Uint8Array>, inode: number) {
    this.#directory = directory;
    this.#root = root;
    this.#inode = inode;
  }

  index(name: string): RecordIndex | undefined {
    const options = { keyEncoding: 'binary', encoding: 'binary' } as const;
    const database = this.read(
      () => this.#root.openDB(name, options) as Database<Uint8Array, Uint8Array> | undefined,
    );
    return database === undefined ? undefined : createLmdbIndex(database, this, 1);
  }

  async bytes(): Promise<number> {
    return (await stat(join(this.#directory, DATA))).blocks * 512;
  }

  async isCurrent(): Promise<boolean> {
    try {
      return (await stat(join(this.#directory, DATA))).ino === this.#inode;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  write(): never {
    const message = 'the record index was opened for reading: only a server writes to it';
    throw new MosaicError('unavailable', 'index-read-only', message);
  }

  read<T>(action: () => T): T {
    try {
      // What was read last stays as it was until a timer fires; a server has written since.
      this.#root.resetReadTxn();
      return action();
    } catch (error) {
      throw indexFailure(error, this.#directory);
    }
  }
}
