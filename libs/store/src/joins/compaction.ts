/** What compaction is told, what it says, and what its parts share. */
import { MosaicError, type RecordView } from '@mosaic-cluster/protocol';
import type { ObjectStore } from '../object-store.ts';
import type { RedisRecordIndex } from '../record-index-redis.ts';
import type { LogPosition } from '../segment-log.ts';
import type { LeftOutReason } from './join-format.ts';
import type { SegmentJoins } from './segment-joins.ts';

/** A record that may be left out. */
export type LeavingRecord = Pick<RecordView, 'id' | 'address' | 'duplicateHandling'>;

/** Says of records why they are not wanted any more, in order; undefined: they stay. */
export type LeavingJudge = (
  records: readonly LeavingRecord[],
) => Promise<readonly (LeftOutReason | undefined)[]>;

/** The index of the records that are joined. */
export type CompactedIndex = Pick<RedisRecordIndex, 'appliedTo' | 'relocate'>;

/** How compaction is done. All have defaults. */
export interface CompactionBounds {
  /** Younger segments are left alone: something may still be on its way into the index. */
  readonly ageMs: number;
  /**
   * Segments that are not older than the index's position by this are left alone: a replay must never
   * meet a joined one.
   */
  readonly behindMs: number;
  /** From when segments were joined until they are deleted. */
  readonly keepMs: number;
  /** Bytes of the sources of one joined segment; twice as many are in memory meanwhile. */
  readonly bytesMax: number;
  /** Fewer segments are not joined. */
  readonly sourcesMin: number;
  readonly sourcesMax: number;
  /** Segments read at the same time. */
  readonly readsMax: number;
  /** Segments read in a second, at most. */
  readonly readsPerSecond: number;
}

/** What to compact. */
export interface CompactionOptions extends Partial<CompactionBounds> {
  readonly store: ObjectStore;
  readonly role: string;
  /** What the keys of all segments start with: `segments/` by default. */
  readonly prefix?: string;
  /** What the keys of all joins start with: `joins/` by default. */
  readonly joinsPrefix?: string;
  readonly index: CompactedIndex;
  readonly mayGo: LeavingJudge;
  /** Reads large segments too, and writes those again that hold what was removed. */
  readonly isSweep?: boolean;
  /** Reads nothing but listings and joins, changes nothing, and says what it would do. */
  readonly isDryRun?: boolean;
  /** No run is begun from then on, in milliseconds since 1970; the next one goes on. */
  readonly endsAtMs?: number | undefined;
  /** Ends it between two steps; the next one goes on. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((now: CompactionResult) => void) | undefined;
  /** Milliseconds since 1970. */
  readonly clock?: { now(): number };
}

/** Segments by their size: up to 64 KiB, up to 1 MiB, up to half of what joining makes, larger. */
export interface SizeClasses {
  tiny: number;
  small: number;
  medium: number;
  large: number;
}

/** What was done; of a dry run, what would be. It grows while it goes on. */
export interface CompactionResult {
  /** Segments that there were, those included that wait to be deleted. */
  segments: number;
  bytes: number;
  readonly sizes: SizeClasses;
  /** Joined segments that were written. */
  runs: number;
  /** Segments that went into them, and their bytes. */
  joined: number;
  joinedBytes: number;
  writtenBytes: number;
  /** The time was up: there is more to join. */
  isCutShort: boolean;
  /** Records that were left out of them, and their bytes. */
  readonly leftOut: Record<LeftOutReason, number>;
  leftOutBytes: number;
  /** Segments that were deleted. */
  deleted: number;
  deletedBytes: number;
  /** Segments that were joined and wait to be deleted. */
  waiting: number;
  /** When the oldest joins were written of which segments waited before: milliseconds since 1970. */
  waitingSinceMs: number | undefined;
  /** Segments that stay because a record that was left out is wanted again. */
  wanted: number;
  /** Runs that somebody else joins at the same time. */
  contended: number;
  /** Joins that a crash left without their joined segment. */
  abandoned: number;
  /** Index entries that were told where their record is. */
  relocated: number;
  /** Segments and joins that cannot be read, and why. At most 100. */
  readonly damaged: string[];
  damages: number;
  /** Calls of the store. */
  readonly requests: { list: number; get: number; put: number };
}

/** What the parts of a compaction work with. */
export interface Compaction extends CompactionBounds {
  readonly store: ObjectStore;
  readonly role: string;
  /** What stands before a segment's name. */
  readonly prefix: string;
  readonly joins: SegmentJoins;
  readonly index: CompactedIndex;
  readonly mayGo: LeavingJudge;
  readonly isDryRun: boolean;
  readonly isSweep: boolean;
  readonly clock: { now(): number };
  /** @throws MosaicError `closed` (`compaction-stopped`) */
  readonly assertGoingOn: () => void;
  readonly result: CompactionResult;
}

/** Damages that are kept as sentences. */
const DAMAGES_KEPT = 100;

/** Nothing was done yet. */
export function newResult(): CompactionResult {
  return {
    segments: 0,
    bytes: 0,
    sizes: { tiny: 0, small: 0, medium: 0, large: 0 },
    runs: 0,
    joined: 0,
    joinedBytes: 0,
    writtenBytes: 0,
    isCutShort: false,
    leftOut: { removed: 0, replaced: 0 },
    leftOutBytes: 0,
    deleted: 0,
    deletedBytes: 0,
    waiting: 0,
    waitingSinceMs: undefined,
    wanted: 0,
    contended: 0,
    abandoned: 0,
    relocated: 0,
    damaged: [],
    damages: 0,
    requests: { list: 0, get: 0, put: 0 },
  };
}

/** Takes note of what cannot be read: it stays as it is. */
export function noteDamage(result: CompactionResult, why: string): void {
  result.damages += 1;
  if (result.damaged.length < DAMAGES_KEPT) result.damaged.push(why);
}

/**
 * Nothing is joined or deleted while an index is made anew: it reads the log as it was when it began.
 *
 * @throws MosaicError `conflict` (`index-not-whole`), and what the index throws
 */
export async function assertWhole({
  index,
  role,
}: Pick<Compaction, 'index' | 'role'>): Promise<LogPosition> {
  const appliedTo = await index.appliedTo();
  if (appliedTo !== undefined) return appliedTo;
  const message = `the index of ${role} is not whole: nothing is joined before it was made anew`;
  throw new MosaicError('conflict', 'index-not-whole', message);
}
