/** Keeps a bounded number of segment files open for reading. */
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { SegmentFile } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';

/** Where the files are and how many may be open. */
export interface ReadHandlesOptions {
  readonly directory: string;
  readonly fileSystem: SegmentFileSystem;
  /** Open files that nobody reads at the moment are closed above this; at least 1. */
  readonly openFilesMax: number;
}

interface Handle {
  readonly file: Promise<FileHandle>;
  users: number;
}

/** Open files, the longest unused first. */
export class ReadHandles {
  readonly #options: ReadHandlesOptions;
  readonly #handles = new Map<number, Handle>();
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: ReadHandlesOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` with the segment's file.
   *
   * @throws MosaicError `not-found` (`segment`) where the file is gone, `closed`
   */
  async use<T>(segment: SegmentFile, work: (file: FileHandle) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw logClosed();
    const handle = this.#handles.get(segment.number) ?? this.#open(segment);
    // Last in the map: the most recently used.
    this.#handles.delete(segment.number);
    this.#handles.set(segment.number, handle);
    handle.users += 1;
    try {
      return await work(await handle.file);
    } finally {
      handle.users -= 1;
      this.#trim(this.#isClosed ? 0 : this.#options.openFilesMax);
    }
  }

  /** Closes all files; those that are being read when their readers are done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#trim(0);
    await Promise.all(this.#closing);
  }

  #open(segment: SegmentFile): Handle {
    const { directory, fileSystem } = this.#options;
    const file = openSegmentFile(fileSystem, directory, segment.name);
    const handle: Handle = { file, users: 0 };
    file.catch(() => {
      if (this.#handles.get(segment.number) === handle) this.#handles.delete(segment.number);
    });
    return handle;
  }

  #trim(openMax: number): void {
    for (const [number, handle] of this.#handles) {
      if (this.#handles.size <= openMax) return;
      if (handle.users > 0) continue;
      this.#handles.delete(number);
      const closing = this.#close(handle).finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    }
  }

  // What cannot be closed after reading has lost nothing.
  async #close(handle: Handle): Promise<void> {
    try {
      await this.#options.fileSystem.close(await handle.file);
    } catch {
      return;
    }
  }
}

/**
 * Opens a segment for reading.
 *
 * @throws MosaicError `not-found` (`segment`), `unavailable` (`segment-read`)
 */
export async function openSegmentFile(
  fileSystem: SegmentFileSystem,
  directory: string,
  name: string,
): Promise<FileHandle> {
  try {
    return await fileSystem.open(join(directory, name), 'read');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new MosaicError('not-found', 'segment', `segment ${name} is gone`, { cause: error });
    }
    throw readFailure(name, error);
  }
}

/** The error for whatever is asked of a log that was closed. */
export function logClosed(): MosaicError {
  return new MosaicError('closed', 'log-closed', 'the segment log is closed');
}

/** The error for a file that cannot be read at the moment. */
export function readFailure(name: string, cause: unknown): MosaicError {
  const why = errorCode(cause) ?? String(cause);
  const message = `segment ${name} cannot be read: ${why}`;
  return new MosaicError('unavailable', 'segment-read', message, { cause });
}

/** The `code` of an error of the file system, such as `ENOSPC`. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
