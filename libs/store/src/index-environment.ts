/**
 * The folder that holds the embedded server's record indexes: one LMDB environment, one database
 * per role. Decides at the start whether what it holds can be trusted, and says so.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';
import { type Database, open as openLmdb, type RootDatabase } from 'lmdb';
import { hasRoom, indexFailure } from './index-failure.ts';
import {
  currentBootId,
  INDEX_FORMAT,
  type Marker,
  markDamaged,
  readMarker,
  syncPath,
  temporaryName,
  writeMarker,
} from './index-marker.ts';
import type { RecordIndex } from './record-index.ts';
import { createLmdbIndex, type IndexAccess } from './record-index-lmdb.ts';

/** Where and how to open the indexes. */
export interface IndexEnvironmentOptions {
  /** A folder for nothing else; made where there is none. */
  readonly directory: string;
  /** Most indexes in it. */
  readonly indexesMax?: number;
  /**
   * A transaction takes no more records once it has so many rows; the event loop stands still for
   * it.
   */
  readonly transactionRowsMax?: number;
  /** Names the time since the machine started; for tests. */
  readonly bootId?: () => string;
}

/** The open folder. */
export interface IndexEnvironment {
  /**
   * Why what was there was not trusted and is gone: the caller replays the whole log. Undefined:
   * every index says by `appliedTo` from where on.
   */
  readonly rebuilt: string | undefined;
  /**
   * The index of a role; the same one for the same name.
   *
   * @param name of the role: lower-case letters, digits and hyphens
   */
  index(name: string): RecordIndex;
  /** Bytes on disk. */
  bytes(): Promise<number>;
  /** Flushes and closes all indexes. */
  close(): Promise<void>;
}

const DATA = 'data.mdb';
const LOCK = 'lock.mdb';
const MARKER = 'marker.json';
const SET_ASIDE = 'damaged.mdb';
const OWN_FILES: ReadonlySet<string> = new Set([
  DATA,
  LOCK,
  MARKER,
  temporaryName(MARKER),
  SET_ASIDE,
]);
/** About two milliseconds of work; see docs/decisions/0005-paged-index-on-lmdb.md. */
const TRANSACTION_ROWS_MAX = 512;
/** The map starts with this much address space and grows by itself. */
const MAP_BYTES = 256 * 1024 * 1024;

/**
 * Opens the folder.
 *
 * @throws MosaicError `conflict` (`index-foreign-file`) where the folder holds a file that is not
 *   the index's: nothing is touched then; `unavailable` (`index-full`, `index-failed`)
 */
export async function openIndexEnvironment(
  options: IndexEnvironmentOptions,
): Promise<IndexEnvironment> {
  const { directory, indexesMax = 8, bootId = currentBootId } = options;
  const { transactionRowsMax = TRANSACTION_ROWS_MAX } = options;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await refuseForeignFiles(directory);
    await assertUsable(directory);
    const markerPath = join(directory, MARKER);
    const boot = bootId();
    const rebuilt = await distrust(directory, await readMarker(markerPath), boot);
    if (rebuilt !== undefined) await discard(directory, rebuilt.keep);
    await writeMarker(markerPath, { format: INDEX_FORMAT, state: 'open', boot });
    const root = openRoot(directory, indexesMax);
    return new LmdbEnvironment({ directory, root, transactionRowsMax, rebuilt: rebuilt?.why });
  } catch (error) {
    throw indexFailure(error, directory);
  }
}

async function refuseForeignFiles(directory: string): Promise<void> {
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
async function assertUsable(directory: string): Promise<void> {
  await access(directory, constants.W_OK);
  for (const name of [DATA, LOCK, MARKER]) {
    const path = join(directory, name);
    if ((await fileBytes(path)) !== undefined) await access(path, constants.R_OK | constants.W_OK);
  }
  if (hasRoom(directory)) return;
  const message = `no room for the record index in ${directory}: free at least 1 MiB`;
  throw new MosaicError('unavailable', 'index-full', message);
}

interface Distrust {
  readonly why: string;
  /** Whether the file is kept beside the new one, because it may tell why. */
  readonly keep: boolean;
}

/** Why the data file is not to be trusted; undefined: it is, or there is none. */
async function distrust(
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

async function discard(directory: string, keep: boolean): Promise<void> {
  const data = join(directory, DATA);
  if (keep) await rename(data, join(directory, SET_ASIDE));
  else await rm(data, { force: true });
  await rm(join(directory, LOCK), { force: true });
}

async function fileBytes(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function openRoot(directory: string, indexesMax: number): RootDatabase<Uint8Array, Uint8Array> {
  return openLmdb<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    maxDbs: indexesMax,
    mapSize: MAP_BYTES,
    keyEncoding: 'binary',
    encoding: 'binary',
    // The segment log is the truth; see docs/decisions/0005-paged-index-on-lmdb.md.
    noSync: true,
    overlappingSync: false,
    // A write map would be faster, but a full disk then kills the process (SIGBUS).
    useWritemap: false,
  });
}

interface LmdbEnvironmentOptions {
  readonly directory: string;
  readonly root: RootDatabase<Uint8Array, Uint8Array>;
  readonly transactionRowsMax: number;
  readonly rebuilt: string | undefined;
}

class LmdbEnvironment implements IndexEnvironment, IndexAccess {
  readonly rebuilt: string | undefined;
  readonly #directory: string;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #transactionRowsMax: number;
  readonly #indexes = new Map<string, RecordIndex>();
  #damaged = false;
  #closing: Promise<void> | undefined;

  constructor(options: LmdbEnvironmentOptions) {
    this.#directory = options.directory;
    this.#root = options.root;
    this.#transactionRowsMax = options.transactionRowsMax;
    this.rebuilt = options.rebuilt;
  }

  index(name: string): RecordIndex {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    if (!/^[a-z0-9-]{1,64}$/.test(name)) {
      const message = `an index's name is made of lower-case letters, digits and hyphens: ${name}`;
      throw new MosaicError('invalid', 'index-name', message);
    }
    const database: Database<Uint8Array, Uint8Array> = this.read(() =>
      this.#root.openDB(name, { keyEncoding: 'binary', encoding: 'binary' }),
    );
    const index = createLmdbIndex(database, this, this.#transactionRowsMax);
    this.#indexes.set(name, index);
    return index;
  }

  async bytes(): Promise<number> {
    return (await stat(join(this.#directory, DATA))).blocks * 512;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#root.close();
    if (this.#damaged) return;
    const data = join(this.#directory, DATA);
    await syncPath(data);
    const bytes = (await stat(data)).size;
    const marker: Marker = { format: INDEX_FORMAT, state: 'clean', bytes };
    await writeMarker(join(this.#directory, MARKER), marker);
  }

  write<T>(action: () => T): T {
    this.#assertOpen();
    try {
      return this.#root.transactionSync(action);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  read<T>(action: () => T): T {
    this.#assertOpen();
    try {
      return action();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new MosaicError('closed', 'index-closed', 'the record index was closed');
  }

  #failure(error: unknown): MosaicError {
    const failure = indexFailure(error, this.#directory);
    if (failure.kind === 'corrupt' && !this.#damaged) {
      this.#damaged = true;
      const why = error instanceof Error ? error.message : String(error);
      markDamaged(join(this.#directory, MARKER), why);
    }
    return failure;
  }
}
