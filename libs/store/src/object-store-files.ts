/**
 * An object store in a folder, for clusters on one machine and for tests: a key is a path in it.
 * Several processes may use the folder at the same time, on a file system with hard links.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ByteRange, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import {
  assertObjectBytes,
  assertObjectKey,
  type ObjectCallOptions,
  objectExists,
  type ObjectInfo,
  type ObjectListing,
  objectMissing,
  type ObjectPage,
  type ObjectStore,
  settleListing,
  storeAborted,
  storeClosed,
} from './object-store.ts';
import { keysBelow } from './object-store-files-walk.ts';
import { selfTestObjectStore } from './object-store-self-test.ts';
import { Turnstile } from './object-store-turnstile.ts';

/** Where the objects are. */
export interface FileObjectStoreOptions {
  /** A folder for nothing else; made where there is none. */
  readonly directory: string;
  /** Calls at a time: 32 by default. */
  readonly requestsMax?: number;
  /** Calls that may wait for that: 4,096 by default; above it they are refused (`store-busy`). */
  readonly requestsWaitingMax?: number;
}

/** Files that are being written; a listing passes over names that start with a dot. */
const NEW_DIRECTORY = '.new';
/** What a crash left there is removed after this time. */
const LEFT_OVER_MS = 3_600_000;
/** Records may be private: nobody but the server's user reads the files. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Folders known to be there; forgotten all at once above this. */
const KNOWN_DIRECTORIES_MAX = 1000;
const NO_SPACE: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Opens an object store in a folder.
 *
 * @throws MosaicError `unavailable` (`store-failed`) where the folder cannot be used
 */
export async function openFileObjectStore(options: FileObjectStoreOptions): Promise<ObjectStore> {
  const store = new FileObjectStore(options);
  await store.open();
  return store;
}

class FileObjectStore implements ObjectStore {
  readonly name: string;
  readonly #directory: string;
  readonly #turnstile: Turnstile;
  readonly #known = new Set<string>();
  #isClosed = false;

  constructor({ directory, requestsMax = 32, requestsWaitingMax = 4096 }: FileObjectStoreOptions) {
    this.#directory = directory;
    this.name = `folder ${directory}`;
    this.#turnstile = new Turnstile({
      insideMax: requestsMax,
      waitingMax: requestsWaitingMax,
      code: 'store-busy',
      what: `calls to ${this.name}`,
    });
  }

  open(): Promise<void> {
    return this.#call(undefined, async () => {
      const fresh = join(this.#directory, NEW_DIRECTORY);
      await mkdir(fresh, { recursive: true, mode: DIRECTORY_MODE });
      for (const name of await readdir(fresh)) {
        // Undefined: another process has just finished it.
        const info = await this.#info(`${NEW_DIRECTORY}/${name}`);
        const isOld = info !== undefined && info.modifiedAtMs < Date.now() - LEFT_OVER_MS;
        if (isOld) await rm(join(fresh, name), { force: true });
      }
    });
  }

  async put(key: string, bytes: Uint8Array, options?: ObjectCallOptions): Promise<void> {
    assertObjectKey(key);
    assertObjectBytes(key, bytes);
    await this.#call(options, async () => {
      const path = join(this.#directory, key);
      const directory = dirname(path);
      await this.#makeDirectory(directory);
      const fresh = join(this.#directory, NEW_DIRECTORY, randomBytes(12).toString('hex'));
      try {
        await writeDurably(fresh, bytes);
        // Unlike a rename, a link fails where the name is taken.
        await link(fresh, path);
      } catch (error) {
        throw errorCode(error) === 'EEXIST' ? objectExists(key, this.name) : error;
      } finally {
        await rm(fresh, { force: true });
      }
      await syncDirectory(directory);
    });
  }

  async get(key: string, range?: ByteRange, options?: ObjectCallOptions): Promise<Uint8Array> {
    assertObjectKey(key);
    return this.#call(options, async () => {
      const file = await open(join(this.#directory, key)).catch((error: unknown) => {
        throw isMissing(error) ? objectMissing(key, this.name) : error;
      });
      try {
        const { size } = await file.stat();
        const start = Math.min(range?.start ?? 0, size);
        const bytes = new Uint8Array(Math.max(0, Math.min(range?.end ?? size, size) - start));
        for (let at = 0; at < bytes.length; ) {
          const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
          if (bytesRead === 0) return bytes.slice(0, at);
          at += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    });
  }

  async head(key: string, options?: ObjectCallOptions): Promise<ObjectInfo | undefined> {
    assertObjectKey(key);
    return this.#call(options, () => this.#info(key));
  }

  async list(listing: ObjectListing, options?: ObjectCallOptions): Promise<ObjectPage> {
    const { prefix, after, limit } = settleListing(listing);
    return this.#call(options, async () => {
      const objects: ObjectInfo[] = [];
      for await (const key of keysBelow(this.#directory, prefix, after)) {
        const info = await this.#info(key);
        if (info === undefined) continue;
        if (objects.length === limit) return { objects, hasMore: true };
        objects.push(info);
      }
      return { objects, hasMore: false };
    });
  }

  async delete(keys: readonly string[], options?: ObjectCallOptions): Promise<void> {
    for (const key of keys) assertObjectKey(key);
    await this.#call(options, async () => {
      const directories = new Set<string>();
      for (const key of keys) {
        const path = join(this.#directory, key);
        try {
          await unlink(path);
          directories.add(dirname(path));
        } catch (error) {
          if (!isMissing(error)) throw error;
        }
      }
      for (const directory of directories) await syncDirectory(directory);
    });
  }

  selfTest(): Promise<void> {
    return selfTestObjectStore(this);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turnstile.drained();
  }

  async #info(key: string): Promise<ObjectInfo | undefined> {
    try {
      const found = await stat(join(this.#directory, key));
      if (!found.isFile()) return undefined;
      return { key, bytes: found.size, modifiedAtMs: found.mtimeMs };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #makeDirectory(directory: string): Promise<void> {
    if (this.#known.has(directory)) return;
    const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    if (first !== undefined) {
      for (let made = directory; made.length >= first.length; made = dirname(made)) {
        await syncDirectory(dirname(made));
      }
    }
    if (this.#known.size >= KNOWN_DIRECTORIES_MAX) this.#known.clear();
    this.#known.add(directory);
  }

  #call<T>(options: ObjectCallOptions | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(storeClosed(this.name));
    return this.#turnstile.pass(async () => {
      if (options?.signal?.aborted === true) throw storeAborted(this.name);
      try {
        return await work();
      } catch (error) {
        throw isMosaicError(error) ? error : this.#failure(error);
      }
    });
  }

  #failure(cause: unknown): MosaicError {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (NO_SPACE.has(errorCode(cause))) {
      const message = `there is no space left in ${this.name}; make room`;
      return new MosaicError('unavailable', 'store-full', message, { cause });
    }
    const message = `${this.name} cannot be used: ${why}`;
    return new MosaicError('unavailable', 'store-failed', message, { cause });
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open folders.
  if (process.platform === 'win32') return;
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
