/**
 * What a command looks after, wherever it lies: per role a log that is the truth and an index that
 * must answer what the log says.
 */
import type { ScheduleSource } from '@mosaic-cluster/role';
import type { LogPosition, NoIndex, RecordIndex, SegmentLogReader } from '@mosaic-cluster/store';

/** What is kept for one role. */
export interface RoleHolding {
  readonly role: string;
  readonly log: SegmentLogReader;
  /** Opened for reading. Undefined: there is none, see {@link Holding.noIndex}. */
  readonly index: RecordIndex | undefined;
  /**
   * Up to where the index had followed the log just before that was opened: so far at least the log
   * must reach.
   */
  readonly appliedBefore: LogPosition | undefined;
}

/** All that is kept in one place. */
export interface Holding {
  /** For people: a path. */
  readonly name: string;
  /** The process that serves it at the moment; undefined: none does. */
  readonly servedBy: string | undefined;
  readonly roles: readonly RoleHolding[];
  /** Where key schedules are: the public roles, whether they are among `roles` or not. */
  readonly scheduleSources: readonly ScheduleSource[];
  /** Why there is no index at all; undefined: there is. */
  readonly noIndex: NoIndex | undefined;
  /** Of all roles' indexes, on disk. */
  indexBytes(): Promise<number | undefined>;
  /** Whether the index is still the one that was opened. */
  isIndexCurrent(): Promise<boolean>;
  close(): Promise<void>;
}
