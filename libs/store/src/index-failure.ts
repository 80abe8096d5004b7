/**
 * Says what went wrong in LMDB in terms that a caller can act on: damage, a full disk, or something
 * else.
 */
import { statfsSync } from 'node:fs';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';

/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID. */
const DAMAGE_CODES: ReadonlySet<unknown> = new Set([-30797, -30796, -30794, -30793]);
/** As numbers LMDB's, as names Node's. */
const FULL_CODES: ReadonlySet<unknown> = new Set([28, 122, 27, 'ENOSPC', 'EDQUOT', 'EFBIG']);
/** LMDB says EIO when a write fell short, which is how most file systems say that they are full. */
const EIO = 5;
/** Less room than this: a failed write is taken for a full disk, and an index is not begun. */
export const ROOM_BYTES_MIN: number = 1024 * 1024;
/** An index that had no room is written again from so much on: not for every byte that comes free. */
export const ROOM_BYTES_AGAIN: number = 4 * ROOM_BYTES_MIN;

/** Whether so much room is left on the file system of a folder. */
export function hasRoom(directory: string, bytes: number = ROOM_BYTES_MIN): boolean {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize >= bytes;
}

/** The error of an index that has no room. */
export function indexFull(directory: string, cause?: unknown): MosaicError {
  const message = `no room for the record index in ${directory}: free ${ROOM_BYTES_AGAIN >> 20} MiB`;
  return new MosaicError('unavailable', 'index-full', message, { cause });
}

/** The error to throw for one that LMDB, the file system or the index itself threw. */
export function indexFailure(error: unknown, directory: string): MosaicError {
  if (isDamage(error)) {
    const message = 'the record index is damaged: restart the server, it will be rebuilt';
    return new MosaicError('corrupt', 'index-corrupt', message, { cause: error });
  }
  if (isMosaicError(error)) return error;
  if (isFull(error, directory)) return indexFull(directory, error);
  const reason = error instanceof Error ? error.message : String(error);
  const message = `the record index in ${directory} failed: ${reason}`;
  return new MosaicError('unavailable', 'index-failed', message, { cause: error });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

function isDamage(error: unknown): boolean {
  return isMosaicError(error) ? error.kind === 'corrupt' : DAMAGE_CODES.has(codeOf(error));
}

function isFull(error: unknown, directory: string): boolean {
  const code = codeOf(error);
  if (code !== EIO) return FULL_CODES.has(code);
  try {
    return !hasRoom(directory);
  } catch {
    return false;
  }
}
