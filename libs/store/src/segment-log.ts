/**
 * The segment log: where records are kept. What was appended is durable when the promise resolves;
 * everything else in the system can be rebuilt from it.
 */
import type { RecordView, Timestamp } from '@mosaic-cluster/protocol';

/** Where an entry lies: short bytes that only the log that made them understands. */
export type Location = Uint8Array;
/** A place between entries: short bytes that sort by `compareBytes`; only the log understands them. */
export type LogPosition = Uint8Array;

/** The place before everything: sorts below all other positions, and every log takes it. */
export const LOG_START: LogPosition = Uint8Array.of(0);

/** Whether a scan from a position is one from the beginning. */
export function isLogStart(position: LogPosition | undefined): position is undefined {
  return position === undefined || (position.length === 1 && position[0] === 0);
}

/** What is kept with a record. */
export interface LogEntry {
  readonly record: RecordView;
  /** When this server received it. */
  readonly receivedAt: Timestamp;
  /** It waits for a moderator: only its recipients may see it. */
  readonly held: boolean;
}

/** An entry as a scan meets it. */
export interface ScannedEntry extends LogEntry {
  readonly location: Location;
}

/** What one commit wrote, as a scan meets it. */
export interface ScannedCommit {
  readonly entries: readonly ScannedEntry[];
  /** Behind the commit: where a scan that has dealt with it goes on. */
  readonly end: LogPosition;
}

/** A stretch of the log that can be read by itself, so that many can be at the same time. */
export interface LogPart {
  /** The same for the same commits, also after a restart; another one where there are more. */
  readonly name: string;
  /** Of the segments in it. */
  readonly bytes: number;
  /** Behind its last commit. */
  readonly end: LogPosition;
  /** Its commits, in order; see {@link SegmentLog.scan}. */
  scan(): AsyncIterable<ScannedCommit>;
}

/**
 * What a log can do at the moment. It becomes writable again through an append that succeeds; so do
 * not stop appending because of it.
 */
export type LogState =
  | { readonly writable: true }
  | { readonly writable: false; readonly why: string };

/** How often records were in memory. Both only grow. */
export interface CacheFigures {
  /** Looks for an entry that found it in memory; whoever looks twice is counted twice. */
  readonly hits: number;
  /** Entries that had to be fetched. */
  readonly misses: number;
}

/** What one append wrote. */
export interface Appended {
  /** One per entry, in order. */
  readonly locations: readonly Location[];
  /** Behind the commit that holds them, or behind a later one that was made here. */
  readonly end: LogPosition;
}

/** An append-only log of records. */
export interface SegmentLog {
  /**
   * Appends entries; those of several calls become durable together (group commit). Resolves when
   * they would survive a crash. Record bytes must not change until then.
   *
   * @throws MosaicError `limited` (`log-busy`: the bounded queue is full), `unavailable`
   *   (`log-full`: no space; `log-failed`), `closed`, `invalid` (`append-too-large`: more than the
   *   whole queue holds; or an entry that could not be read back). Some of the call's entries may be
   *   kept all the same; appending the same entries again is always safe.
   */
  append(entries: readonly LogEntry[]): Promise<Appended>;
  /**
   * The entry at a location where its bytes are in memory; undefined: use {@link read}. The views
   * stay valid: cached bytes are never overwritten. They are views into larger buffers and keep
   * those in memory; copy what is kept for long or sent to another thread.
   */
  peek(location: Location): LogEntry | undefined;
  /**
   * The entries at locations, in that order.
   *
   * @throws MosaicError `corrupt` (`segment`) where the bytes are not what was written,
   *   `not-found` (`segment`) where the segment is gone, `unavailable`,
   *   `limited` (`log-busy`), `invalid` (`location`), `closed`
   */
  read(locations: readonly Location[]): Promise<readonly LogEntry[]>;
  /**
   * Every commit from a position on, in order, up to what was durable at the call. Checksums are
   * verified. A log that several processes write to begins a while before the position, so that commits
   * are met that others began earlier and ended later: the same commit may be met again.
   *
   * @param from undefined: from the beginning
   * @throws MosaicError `corrupt` naming segment and offset, `invalid` (`log-position`) for a position
   *   that the log has not reached, `unavailable`, `closed`
   */
  scan(from: LogPosition | undefined): AsyncIterable<ScannedCommit>;
  /**
   * The whole log in parts of some 64 MiB, oldest first, as it is at the call: with everything that
   * was durable by then, whoever wrote it.
   *
   * @param from as for {@link scan}
   * @throws MosaicError as {@link scan}
   */
  parts(from: LogPosition | undefined): AsyncIterable<LogPart>;
  /** Behind the last durable commit that is known of here; undefined: the log was empty. */
  readonly end: LogPosition | undefined;
  readonly state: LogState;
  /** Finishes what was accepted, then lets go of all files. */
  close(): Promise<void>;
}
