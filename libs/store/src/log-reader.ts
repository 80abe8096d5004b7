/**
 * A segment log as tools see it that look after a server's data: it is read while others write to it,
 * nothing in it is changed, and damage is told instead of ending everything.
 */
import type { Location, LogPart, LogPosition, ScannedCommit, SegmentLog } from './segment-log.ts';

/** Bytes of a segment that are not what was written. */
export interface SegmentDamage {
  /** The segment's name. */
  readonly segment: string;
  /** Where it begins, in bytes from the start of the segment. */
  readonly offset: number;
  /** Where what is whole goes on; the same as `offset` where something is missing. */
  readonly end: number;
  readonly what: string;
}

/** The `end` of damage behind which nothing can be read. */
export const UNREADABLE: number = Number.MAX_SAFE_INTEGER;

/** Is told of damage. What it throws ends the walk. */
export type OnDamage = (damage: SegmentDamage) => void;

/** What follows the last whole commit of a segment that is not closed. */
export interface TornTail {
  readonly segment: string;
  readonly offset: number;
  readonly bytes: number;
}

/** How much a log holds. */
export interface LogTotals {
  readonly segments: number;
  readonly bytes: number;
  /** Undefined where only reading everything could tell. */
  readonly entries: number | undefined;
}

/** Where an entry lies, for people. */
export interface EntryPlace {
  readonly segment: string;
  /** In bytes from the start of the segment. */
  readonly offset: number;
  /** Of the record. */
  readonly bytes: number;
}

/** A segment log that is only read. Appending to it is refused. */
export interface LogReader extends SegmentLog {
  /** What follows the last whole commit, as it was when the log was opened or looked at again. */
  readonly tornTail: TornTail | undefined;
  /** How much there is, as it was when the log was opened or looked at again. */
  totals(): Promise<LogTotals>;
  /** Like `scan`, exactly from the position on; damage is told and passed over. */
  walk(from: LogPosition | undefined, onDamage: OnDamage): AsyncIterable<ScannedCommit>;
  /** Like `parts` from the beginning on, but damage is told and passed over. */
  wholeParts(onDamage: OnDamage): AsyncIterable<LogPart>;
  /** Where a location points to, for people: it need not be there. */
  place(location: Location): EntryPlace;
  /** Whether a location lies behind the end, so that {@link refresh} may find something there. */
  isBeyond(location: Location): boolean;
  /**
   * Whether an index has to have what was committed up to a place.
   *
   * @param applied what the index says of how far it has followed the log
   */
  isDue(end: LogPosition, applied: LogPosition): boolean;
  /** Looks for what was written since. */
  refresh(): Promise<void>;
}
