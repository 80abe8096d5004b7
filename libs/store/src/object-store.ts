/**
 * The object store: named bytes that are written once and never change. It is the truth of a
 * cluster; everything else can be made again from it.
 */
import { type ByteRange, MosaicError } from '@mosaic-cluster/protocol';

/** Most characters of a key. */
export const OBJECT_KEY_CHARACTERS_MAX = 512;
/** Most objects of one page of a listing. */
export const OBJECT_PAGE_MAX = 1000;
/** Most bytes of an object: more would need an upload in parts. */
export const OBJECT_BYTES_MAX: number = 1024 * 1024 * 1024;

/** What a listing says of an object. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** When the store says it was written, in milliseconds since 1970; some round to seconds. */
  readonly modifiedAtMs: number;
}

/** What to list. */
export interface ObjectListing {
  /** Keys start with it; it need not end at a slash. */
  readonly prefix: string;
  /** Only keys behind this one; it need not exist. */
  readonly after?: string | undefined;
  /** 1 to 1,000; 1,000 by default. */
  readonly limit?: number | undefined;
}

/** A part of a listing, in the order of the keys' bytes. */
export interface ObjectPage {
  readonly objects: readonly ObjectInfo[];
  /** Whether something may follow: go on after the last key. */
  readonly hasMore: boolean;
}

/** What can be said to a single call. */
export interface ObjectCallOptions {
  /** Ends the call early, with `unavailable` (`store-aborted`). A write may happen all the same. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Named bytes. Keys are 1 to 512 characters `A–Z a–z 0–9 . _ - /`. What stands between slashes is not
 * empty and does not start with a dot, and no key continues another one behind a slash (`a`, `a/b`).
 *
 * Every call throws `invalid` (`object-key`) for other keys, `limited` (`store-busy`) where too many
 * calls wait, `unavailable` (`store-…`) where the store cannot be reached, refuses or does not
 * answer in time, `unauthorized` (`store-denied`) and `closed`.
 */
export interface ObjectStore {
  /** The store in words, for messages: `bucket mosaic at https://…`. Without credentials. */
  readonly name: string;
  /**
   * Writes a new object; durable when it resolves, and never visible in part. The bytes must not
   * change until then. After `unavailable` the object may be there, or appear later.
   *
   * @throws MosaicError `conflict` (`object-exists`): there is one with this key, and it stays as it
   *   is. A call that had to repeat its request may find what its own first request wrote: who has to
   *   know puts something unique into the bytes.
   */
  put(key: string, bytes: Uint8Array, options?: ObjectCallOptions): Promise<void>;
  /**
   * The bytes of an object, or of a range `[start:end)` of it; fewer where the object ends before,
   * none where it ends before `start`. They are the caller's.
   *
   * @throws MosaicError `not-found` (`object`)
   */
  get(key: string, range?: ByteRange, options?: ObjectCallOptions): Promise<Uint8Array>;
  /** What is known of an object; undefined: it is not there. */
  head(key: string, options?: ObjectCallOptions): Promise<ObjectInfo | undefined>;
  /** A page of the objects whose keys start with a prefix. */
  list(listing: ObjectListing, options?: ObjectCallOptions): Promise<ObjectPage>;
  /** Removes objects; those that are not there are passed over. After a failure some may be gone. */
  delete(keys: readonly string[], options?: ObjectCallOptions): Promise<void>;
  /**
   * Tries everything that the server needs of the store, for its start.
   *
   * @throws MosaicError whose message names the store, what does not work and the remedy
   */
  selfTest(): Promise<void>;
  /** Finishes the calls that were accepted, then lets go of everything. */
  close(): Promise<void>;
}

/**
 * Checks a key.
 *
 * @throws MosaicError `invalid` (`object-key`)
 */
export function assertObjectKey(key: string): void {
  if (isPlain(key) && key.split('/').every(isName)) return;
  const message = `${JSON.stringify(key.slice(0, 80))} is no key of an object: 1 to ${OBJECT_KEY_CHARACTERS_MAX} letters, digits and "._-", in parts between slashes`;
  throw new MosaicError('invalid', 'object-key', message);
}

/**
 * Checks the bytes of an object.
 *
 * @throws MosaicError `invalid` (`object-bytes`)
 */
export function assertObjectBytes(key: string, bytes: Uint8Array): void {
  if (bytes.length <= OBJECT_BYTES_MAX) return;
  const message = `object ${key} has ${bytes.length} bytes; at most ${OBJECT_BYTES_MAX} fit into one`;
  throw new MosaicError('invalid', 'object-bytes', message);
}

/**
 * Checks what to list and fills in the limit.
 *
 * @throws MosaicError `invalid` (`object-listing`)
 */
export function settleListing(listing: ObjectListing): Required<ObjectListing> {
  const { prefix, after, limit = OBJECT_PAGE_MAX } = listing;
  const fits =
    (prefix === '' || isPlain(prefix)) &&
    (after === undefined || isPlain(after)) &&
    Number.isInteger(limit) &&
    limit >= 1 &&
    limit <= OBJECT_PAGE_MAX;
  if (fits) return { prefix, after, limit };
  const message = `no listing of 1 to ${OBJECT_PAGE_MAX} keys: ${JSON.stringify(listing)}`;
  throw new MosaicError('invalid', 'object-listing', message);
}

/** The error for an object that is not there. */
export function objectMissing(key: string, store: string): MosaicError {
  return new MosaicError('not-found', 'object', `there is no object ${key} in ${store}`);
}

/** The error for an object that is there already. */
export function objectExists(key: string, store: string): MosaicError {
  const message = `there is an object ${key} in ${store} already`;
  return new MosaicError('conflict', 'object-exists', message);
}

/** The error for calls after `close`. */
export function storeClosed(store: string): MosaicError {
  return new MosaicError('closed', 'store-closed', `${store} was closed`);
}

/** The error for calls whose caller gave up. */
export function storeAborted(store: string): MosaicError {
  const message = `the call to ${store} was given up before it had an answer`;
  return new MosaicError('unavailable', 'store-aborted', message);
}

function isPlain(text: string): boolean {
  return text.length <= OBJECT_KEY_CHARACTERS_MAX && /^[A-Za-z0-9._/-]+$/.test(text);
}

function isName(part: string): boolean {
  return part !== '' && !part.startsWith('.');
}
