/**
 * The environment of the embedded server's record indexes: one of LMDB in a folder of its own, one
 * database per role. What cannot be trusted at the start it begins anew, and says so.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';
import { type Database, open as openLmdb, type RootDatabase } from 'lmdb';
import { hasRoom, indexFailure, indexFull, ROOM_BYTES_AGAIN } from './index-failure.ts';
import {
  assertUsable,
  canBeRead,
  DATA,
  discard,
  distrust,
  MARKER,
  refuseForeignFiles,
} from './index-folder.ts';
import {
  currentBootId,
  INDEX_FORMAT,
  type Marker,
  markDamaged,
  readMarker,
  syncPath,
  writeMarker,
} from './index-marker.ts';
import { UnmadeIndex } from './index-unmade.ts';
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
  /** Is told what an operator should know. */
  readonly onWarning?: (message: string) => void;
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
   * The index of a role; the same one for the same name. A new one is made with the first addition where
   * there is no room for it now.
   *
   * @param name of the role: lower-case letters, digits and hyphens
   */
  index(name: string): RecordIndex;
  /** Bytes on disk. */
  bytes(): Promise<number>;
  /** Flushes and closes all indexes. */
  close(): Promise<void>;
}

/** About two milliseconds of work; see docs/decisions/0005-paged-index-on-lmdb.md. */
const TRANSACTION_ROWS_MAX = 512;
/** The map starts with this much address space and grows by itself. */
const MAP_BYTES = 256 * 1024 * 1024;

/**
 * Opens the folder. Where the disk is full, what is there is read and nothing is written to it, with
 * a warning, until an addition finds room.
 *
 * @throws MosaicError `conflict` (`index-foreign-file`) where the folder holds a file that is not
 *   the index's: nothing is touched then; `unavailable` (`index-full`: no room, and nothing there to
 *   be read; `index-failed`)
 */
export async function openIndexEnvironment(
  options: IndexEnvironmentOptions,
): Promise<IndexEnvironment> {
  const { directory, indexesMax = 8, bootId = currentBootId } = options;
  const { transactionRowsMax = TRANSACTION_ROWS_MAX, onWarning = () => {} } = options;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await refuseForeignFiles(directory);
    await assertUsable(directory);
    const markerPath = join(directory, MARKER);
    const boot = bootId();
    const rebuilt = await distrust(directory, await readMarker(markerPath), boot);
    if (rebuilt !== undefined) await discard(directory, rebuilt.keep && hasRoom(directory));
    const opened: Marker = { format: INDEX_FORMAT, state: 'open', boot };
    const isWritable = hasRoom(directory);
    if (isWritable) writeMarker(markerPath, opened);
    else if (await canBeRead(directory)) onWarning(readOnlyWarning(directory));
    else throw indexFull(directory);
    return new LmdbEnvironment({
      directory,
      root: openRoot(directory, indexesMax),
      transactionRowsMax,
      opened,
      isWritable,
      onWarning,
      rebuilt: rebuilt?.why,
    });
  } catch (error) {
    throw indexFailure(error, directory);
  }
}

function readOnlyWarning(directory: string): string {
  return (
    `no room for the record index in ${directory}: records are found as before and none are ` +
    `taken. Free ${ROOM_BYTES_AGAIN >> 20} MiB; it goes on by itself then`
  );
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
  /** What the marker says while something may be written. */
  readonly opened: Marker;
  /** Whether the marker says so. */
  readonly isWritable: boolean;
  readonly onWarning: (message: string) => void;
  readonly rebuilt: string | undefined;
}

class LmdbEnvironment implements IndexEnvironment, IndexAccess {
  readonly rebuilt: string | undefined;
  readonly #directory: string;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #options: LmdbEnvironmentOptions;
  /** Not where the disk was full at the start: the marker, which would have to change, is as it was. */
  #isWritable: boolean;
  readonly #indexes = new Map<string, RecordIndex>();
  #damaged = false;
  #closing: Promise<void> | undefined;

  constructor(options: LmdbEnvironmentOptions) {
    this.#directory = options.directory;
    this.#root = options.root;
    this.#options = options;
    this.#isWritable = options.isWritable;
    this.rebuilt = options.rebuilt;
  }

  index(name: string): RecordIndex {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    if (!/^[a-z0-9-]{1,64}$/.test(name)) {
      const message = `an index's name is made of lower-case letters, digits and hyphens: ${name}`;
      throw new MosaicError('invalid', 'index-name', message);
    }
    // As lmdb names it, with a zero byte behind.
    const isThere = this.read(() => this.#root.doesExist(Buffer.from(`${name}\0`)));
    const index = isThere || this.#isWritable ? this.#open(name) : this.#openLater(name);
    this.#indexes.set(name, index);
    return index;
  }

  #open(name: string): RecordIndex {
    const database: Database<Uint8Array, Uint8Array> = this.read(() =>
      this.#root.openDB(name, { keyEncoding: 'binary', encoding: 'binary' }),
    );
    return createLmdbIndex(database, this, this.#options.transactionRowsMax);
  }

  /** A database that is not there cannot be made where there was no room at the start. */
  #openLater(name: string): RecordIndex {
    return new UnmadeIndex(() => {
      this.#assertOpen();
      try {
        this.#becomeWritable();
      } catch (error) {
        throw this.#failure(error);
      }
      return this.#open(name);
    });
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
    if (this.#damaged || !this.#isWritable) return;
    const data = join(this.#directory, DATA);
    await syncPath(data);
    const bytes = (await stat(data)).size;
    const marker: Marker = { format: INDEX_FORMAT, state: 'clean', bytes };
    try {
      writeMarker(join(this.#directory, MARKER), marker);
    } catch (error) {
      const why = indexFailure(error, this.#directory).message;
      this.#options.onWarning(`${why}; should the machine restart now, the index is made anew`);
    }
  }

  write<T>(action: () => T): T {
    this.#assertOpen();
    try {
      this.#becomeWritable();
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

  /** @throws MosaicError `unavailable` (`index-full`) */
  #becomeWritable(): void {
    if (this.#isWritable) return;
    const { opened, onWarning } = this.#options;
    if (!hasRoom(this.#directory, ROOM_BYTES_AGAIN)) throw indexFull(this.#directory);
    writeMarker(join(this.#directory, MARKER), opened);
    this.#isWritable = true;
    onWarning(`there is room for the record index in ${this.#directory} again`);
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
