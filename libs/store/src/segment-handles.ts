/** Keeps a bounded number of segment files open for reading. */
import { join } from 'node:path';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { SegmentFile } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-format.ts';

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
  /** Another file is in the place of this one: who reads it reads on, and nobody begins. */
  isDropped: boolean;
}

/** Open files, the longest unused first. */
export class ReadHandles {
  readonly #options: ReadHandlesOptions;
  readonly #handles = new Map<SegmentFile, Handle>();
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
    const handle = this.#handles.get(segment) ?? this.#open(segment);
    // Last in the map: the most recently used.
    this.#handles.delete(segment);
    this.#handles.set(segment, handle);
    handle.users += 1;
    try {
      return await work(await handle.file);
    } finally {
      handle.users -= 1;
      if (handle.isDropped && handle.users === 0) this.#closeLater(handle);
      this.#trim(this.#isClosed ? 0 : this.#options.openFilesMax);
    }
  }

  /** Closes a segment's file, which is gone from the folder, once nobody reads it: it takes room until then. */
  drop(segment: SegmentFile): void {
    const handle = this.#handles.get(segment);
    if (handle === undefined) return;
    this.#handles.delete(segment);
    handle.isDropped = true;
    if (handle.users === 0) this.#closeLater(handle);
  }

  /** Closes all files; those that are being read when their readers are done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#trim(0);
    await Promise.all(this.#closing);
  }

  #open(segment: SegmentFile): Handle {
    const { directory, fileSystem } = this.#options;
    const file = openSegmentFile(fileSystem, directory, segment);
    const handle: Handle = { file, users: 0, isDropped: false };
    file.catch(() => {
      if (this.#handles.get(segment) === handle) this.#handles.delete(segment);
    });
    return handle;
  }

  #trim(openMax: number): void {
    for (const [segment, handle] of this.#handles) {
      if (this.#handles.size <= openMax) return;
      if (handle.users > 0) continue;
      this.#handles.delete(segment);
      this.#closeLater(handle);
    }
  }

  #closeLater(handle: Handle): void {
    const closing = this.#close(handle).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
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
 * Opens a segment for reading. Its file may have been written again since it was looked at: then everything
 * lies elsewhere in it.
 *
 * @throws MosaicError `not-found` (`segment`; `segment-rewritten`), `unavailable` (`segment-read`)
 */
export async function openSegmentFile(
  fileSystem: SegmentFileSystem,
  directory: string,
  { name, header }: SegmentFile,
): Promise<FileHandle> {
  try {
    const file = await fileSystem.open(join(directory, name), 'read');
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    const read = await fileSystem.read(file, bytes, 0).catch(async (error: unknown) => {
      await fileSystem.close(file).catch(() => undefined);
      throw error;
    });
    // What is damaged is told of where it is read.
    const isOther = read === bytes.length && isOtherSegment(bytes, header.checksum);
    if (!isOther) return file;
    await fileSystem.close(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new MosaicError('not-found', 'segment', `segment ${name} is gone`, { cause: error });
    }
    throw readFailure(name, error);
  }
  const message = `segment ${name} was written again meanwhile`;
  throw new MosaicError('not-found', 'segment-rewritten', message);
}

/** Whether a segment was written again meanwhile: whoever looks at it anew can read it. */
export function isRewritten(error: unknown): boolean {
  return isMosaicError(error) && error.code === 'segment-rewritten';
}

function isOtherSegment(bytes: Uint8Array, checksum: number): boolean {
  try {
    return decodeSegmentHeader(bytes, '').checksum !== checksum;
  } catch {
    return false;
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
