/**
 * The record index: finds records newest first on every path that a filter can name. It holds
 * locations, not records, and can be rebuilt from the segment log at any time.
 */
import type { PublicKey, RecordView, Reference, Timestamp } from '@mosaic-cluster/protocol';
import type { Location, LogPosition } from './segment-log.ts';

/**
 * Where an entry stands in the order of a path: the first 24 bytes of the record's ID, so
 * timestamp first. On the path `received` the 8 bytes of the reception time stand before them.
 */
export type Position = Uint8Array;

/** Bytes of an ID that order entries and tell them apart. */
export const POSITION_BYTES = 24;

/** A way to the records: all those that share something. */
export type IndexPath =
  | { readonly path: 'all' }
  | { readonly path: 'author'; readonly author: PublicKey }
  | { readonly path: 'author-kind'; readonly author: PublicKey; readonly kind: Uint8Array }
  /** Records signed by a key that is not their author's own; the others are on path `author`. */
  | { readonly path: 'signing-key'; readonly signingKey: PublicKey }
  | { readonly path: 'kind'; readonly kind: Uint8Array }
  /** `tag` is the tag's type (2 bytes) and whole value. */
  | { readonly path: 'tag'; readonly tag: Uint8Array }
  /**
   * Records with a Notify tag for a key whose reserved bytes are not zero: it notifies like any
   * other, but is not the tag that path `tag` would be asked for.
   */
  | { readonly path: 'odd-notify'; readonly notified: PublicKey }
  /** Key schedules with an attestation made by a subkey: a claim that nobody else can make. */
  | { readonly path: 'subkey'; readonly subkey: PublicKey }
  | { readonly path: 'address'; readonly address: Reference }
  | { readonly path: 'received' }
  /** Records that wait for a moderator, until they are released. */
  | { readonly path: 'held' };

/**
 * An entry that a scan or lookup finds. It stays valid. Its fields may be made when they are read:
 * take them by name, not by spreading.
 */
export interface IndexEntry {
  readonly position: Position;
  readonly location: Location;
  /** It waits for a moderator. */
  readonly held: boolean;
}

/** A record to add. */
export interface IndexAddition {
  readonly record: RecordView;
  readonly receivedAt: Timestamp;
  readonly location: Location;
  readonly held: boolean;
  /**
   * For a replaceable record: the record that holds its address now, as the caller read it where a
   * scan of the path `address` said; undefined where nothing does. An address that nothing holds, or
   * an earlier addition of the same call, is free whatever this says.
   */
  readonly replaces?: IndexedRecord;
}

/** What removing an entry needs to know of it. */
export interface IndexedRecord {
  readonly record: RecordView;
  readonly receivedAt: Timestamp;
}

/**
 * What became of an addition.
 * - `added`: it is found from now on, and what it replaces no longer is.
 * - `duplicate`: the ID was there.
 * - `outdated`: a replaceable record with this address and a newer timestamp (tie: greater ID) is
 *   there; nothing was changed.
 * - `conflict`: the address is held by another record than `replaces` says, or, where there are many
 *   writers, the record is being removed by one of them; look up and try again.
 */
export type AddOutcome = 'added' | 'duplicate' | 'outdated' | 'conflict';

/** The part of a path to walk, newest first. */
export interface ScanRange {
  /** Only entries below this position; undefined: from the newest on. */
  readonly below?: Position | undefined;
  /** Only entries at or above this position; undefined: to the oldest. */
  readonly from?: Position | undefined;
  /** Most entries to return. */
  readonly limit: number;
}

/** Who wants to rebuild an index. */
export interface RebuildClaimOptions {
  /** Names whoever claims: no two at a time have the same. */
  readonly owner: string;
  /** How long the claim holds if it is not renewed: it ends with its owner. */
  readonly leaseMs: number;
  /** Begins anew, whatever an interrupted rebuild has done. */
  readonly isFresh?: boolean;
}

/**
 * The right to rebuild an index. What an interrupted rebuild noted is there for the next one, unless
 * the index has lost anything since; then all calls fail with `conflict` (`rebuild-lost`), as they do
 * once somebody else has the claim.
 */
export interface RebuildClaim {
  /** All that the log holds before is in the index; undefined: read it from the beginning. */
  readonly from: LogPosition | undefined;
  /** What was noted, by name. */
  readonly notes: ReadonlyMap<string, Uint8Array>;
  /** Prolongs the claim. */
  renew(): Promise<void>;
  /** Keeps something for whoever goes on with the rebuild, and prolongs the claim. */
  note(name: string, value: Uint8Array): Promise<void>;
  /** Makes the index whole, forgets all notes, and ends the claim; see `RecordIndex.markWhole`. */
  finish(appliedTo: LogPosition | undefined): Promise<void>;
  /** Ends the claim; the notes stay. Never fails because the claim was lost. */
  release(): Promise<void>;
}

/** Finds records. One index per role. */
export interface RecordIndex {
  /**
   * Whether several processes write to it. Then it may lose what it held at any moment, and
   * `appliedTo` only moves on from a position that is there.
   */
  readonly isShared: boolean;
  /**
   * Adds records; all of one call become visible together, with `appliedTo`. On Redis, where they are on
   * many servers, each becomes visible by itself and `appliedTo` moves last.
   *
   * @param appliedTo what this writer put in the log up to here is in the index after this call; one
   *   that lies before what was said earlier changes nothing, nor does one where an addition is a
   *   `conflict`, or where a shared index is not whole
   * @returns one outcome per addition, in order; two additions with one ID or one replaceable
   *   address in the same call are handled one after the other
   * @throws MosaicError `invalid` (`index-location`): nothing was added; `unavailable` (`index-full`,
   *   `index-failed`), `corrupt` (`index-corrupt`: the next start rebuilds it), `closed`, on Redis also
   *   `limited` (`redis-busy`) and `unavailable` (`redis-…`): some may have been added, and adding
   *   them again is always safe
   */
  add(additions: readonly IndexAddition[], appliedTo?: LogPosition): Promise<readonly AddOutcome[]>;
  /**
   * Adds records as {@link add} does, for a rebuild: of records that are there already, it writes
   * again what a loss in the middle of their addition may have left out.
   */
  restore(additions: readonly IndexAddition[]): Promise<readonly AddOutcome[]>;
  /** Takes records out, one after the other; those that are not there are passed over. */
  remove(records: readonly IndexedRecord[]): Promise<void>;
  /**
   * Takes records off the path `held` that were decided on; they stay on all others, and held. A
   * rebuild brings them back to it. What is not there is passed over.
   */
  release(ids: readonly Reference[]): Promise<void>;
  /**
   * The entries of whole IDs, undefined for those that are not there. An index with `isShared` compares
   * 28 of the 48 bytes: whoever asks for IDs that no record may have compares the record's own.
   */
  lookup(ids: readonly Reference[]): Promise<readonly (IndexEntry | undefined)[]>;
  /** Entries of a path, newest first. Fewer than `limit`: the range is at its end. */
  scan(path: IndexPath, range: ScanRange): Promise<readonly IndexEntry[]>;
  /** Up to where the log is in the index; undefined: the index is not whole, or new. */
  appliedTo(): Promise<LogPosition | undefined>;
  /**
   * Declares that the index holds all that the log does.
   *
   * @param appliedTo up to where; undefined: the log is empty
   */
  markWhole(appliedTo: LogPosition | undefined): Promise<void>;
  /**
   * Claims the right to rebuild the index, which one at a time has.
   *
   * @returns undefined: somebody else has it
   */
  claimRebuild(options: RebuildClaimOptions): Promise<RebuildClaim | undefined>;
  /** Records in the index. */
  count(): Promise<number>;
  close(): Promise<void>;
}
