/**
 * The registry: what a server knows that no segment says, as who is registered and what a moderator
 * decided. It consists of facts in named collections; the truth are control objects (docs/storage.md).
 */
import { MosaicError } from '@mosaic-cluster/protocol';

/** Most bytes of a fact's key. */
export const FACT_KEY_BYTES_MAX = 256;
/** Most bytes of a fact's value. */
export const FACT_VALUE_BYTES_MAX = 4096;
/** Most changes of one call. */
export const FACT_CHANGES_MAX = 10_000;
/** Most facts of a page, and most keys of a lookup. */
export const FACT_PAGE_MAX = 1000;

/** Something that is known. The bytes stay valid and must not be changed. */
export interface Fact {
  /** 1 to 32 lower-case letters, digits and hyphens, a letter first. */
  readonly collection: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** When it was last changed, in milliseconds since 1970; never before a change that it followed. */
  readonly changedAtMs: number;
}

/** A fact to set or to remove. */
export interface FactChange {
  readonly collection: string;
  /** 1 to 256 bytes. */
  readonly key: Uint8Array;
  /** Up to 4,096 bytes; undefined removes the fact. */
  readonly value: Uint8Array | undefined;
}

/** What became of a change. */
export interface Changed {
  readonly changedAtMs: number;
  /**
   * Whether every process sees it within a second. If not, the object store has it, but Redis could
   * not be told: it takes effect some seconds after Redis is back.
   */
  readonly isInEffect: boolean;
}

/** What to list. */
export interface FactListing {
  readonly collection: string;
  /** Only keys behind this one. */
  readonly after?: Uint8Array | undefined;
  /** 1 to 1,000; 1,000 by default. */
  readonly limit?: number | undefined;
}

/** A part of a collection, in the order of the keys' bytes. */
export interface FactPage {
  readonly facts: readonly Fact[];
  /** Whether something may follow: go on after the last key. */
  readonly hasMore: boolean;
}

/** What a compaction did. */
export interface Compacted {
  readonly objectsBefore: number;
  readonly objectsAfter: number;
}

/**
 * Facts that are shared by all processes of a server. Of two changes to one fact the later one wins,
 * everywhere: one that was made by somebody who could see the other, else the one with the later time.
 *
 * Calls throw `invalid` (`registry-fact`) for what cannot be a fact, `closed`, and what is said below.
 */
export interface Registry {
  /**
   * Sets and removes facts, all of a call together; they are durable when it resolves and seen by
   * this process. Later changes of the same call win.
   *
   * @throws MosaicError `limited` (`registry-busy`) where too much waits; what the object store throws:
   *   after `unavailable` the change may have been made or be made later, and making it again is safe
   */
  change(changes: readonly FactChange[]): Promise<Changed>;
  /**
   * The facts of a collection by their keys, in order; undefined for those that are not there.
   *
   * @throws MosaicError `unavailable` (`registry-away`, `registry-incomplete`) where nothing that is
   *   recent enough is known
   */
  get(collection: string, keys: readonly Uint8Array[]): Promise<readonly (Fact | undefined)[]>;
  /** What is known of a fact without asking anybody: null: there is none; undefined: use `get`. */
  peek(collection: string, key: Uint8Array): Fact | null | undefined;
  /** A page of a collection. Throws as `get` does. */
  list(listing: FactListing): Promise<FactPage>;
  /**
   * Joins all control objects to one and forgets removals of 30 days ago. Happens by itself, in
   * parts, when there are many; may be done by anybody at any time.
   *
   * @throws MosaicError of the object store: then nothing is lost, and doing it again is safe
   */
  compact(): Promise<Compacted>;
  /** Why lookups fail now or will soon, for people; undefined: all is well. */
  fault(): string | undefined;
  close(): Promise<void>;
}

/** What those may do with a registry who only read it. */
export type RegistryView = Pick<Registry, 'get' | 'peek' | 'list' | 'fault' | 'close'>;

/**
 * Checks a collection's name.
 *
 * @throws MosaicError `invalid` (`registry-fact`)
 */
export function assertCollection(collection: string): void {
  if (/^[a-z][a-z0-9-]{0,31}$/.test(collection)) return;
  throw factFault(
    `a collection is named by up to 32 lower-case letters, digits and hyphens, not ${JSON.stringify(collection.slice(0, 40))}`,
  );
}

/**
 * Checks a fact's key.
 *
 * @throws MosaicError `invalid` (`registry-fact`)
 */
export function assertFactKey({ length }: Uint8Array): void {
  if (length >= 1 && length <= FACT_KEY_BYTES_MAX) return;
  throw factFault(`the key of a fact has 1 to ${FACT_KEY_BYTES_MAX} bytes, not ${length}`);
}

/**
 * Checks the changes of a call.
 *
 * @throws MosaicError `invalid` (`registry-fact`)
 */
export function assertChanges(changes: readonly FactChange[]): void {
  if (changes.length > FACT_CHANGES_MAX) {
    throw factFault(`at most ${FACT_CHANGES_MAX} facts are changed at once, not ${changes.length}`);
  }
  for (const { collection, key, value } of changes) {
    assertCollection(collection);
    assertFactKey(key);
    if (value === undefined || value.length <= FACT_VALUE_BYTES_MAX) continue;
    throw factFault(`a fact has at most ${FACT_VALUE_BYTES_MAX} bytes, not ${value.length}`);
  }
}

/**
 * Checks what to look up.
 *
 * @throws MosaicError `invalid` (`registry-fact`)
 */
export function assertLookup(collection: string, keys: readonly Uint8Array[]): void {
  assertCollection(collection);
  if (keys.length > FACT_PAGE_MAX) {
    throw factFault(`at most ${FACT_PAGE_MAX} facts are looked up at once, not ${keys.length}`);
  }
  for (const key of keys) assertFactKey(key);
}

/**
 * Checks what to list and returns the limit.
 *
 * @throws MosaicError `invalid` (`registry-fact`)
 */
export function listingLimit({ collection, after, limit = FACT_PAGE_MAX }: FactListing): number {
  assertCollection(collection);
  if (after !== undefined) assertFactKey(after);
  if (Number.isInteger(limit) && limit >= 1 && limit <= FACT_PAGE_MAX) return limit;
  throw factFault(`a page has 1 to ${FACT_PAGE_MAX} facts, not ${limit}`);
}

/** The error for calls after `close`. */
export function registryClosed(): MosaicError {
  return new MosaicError('closed', 'registry-closed', 'the registry was closed');
}

function factFault(message: string): MosaicError {
  return new MosaicError('invalid', 'registry-fact', message);
}
