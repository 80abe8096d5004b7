/**
 * What a command looks after, wherever it lies: per role a log that is the truth and an index that
 * must answer what the log says.
 */
import type { CompactionRuns, RemovalLookup, RemovedRecords } from '@mosaic-cluster/role';
import type {
  LogPosition,
  LogReader,
  NoIndex,
  ObjectStore,
  RecordIndex,
  RedisRecordIndex,
} from '@mosaic-cluster/store';

/** What is kept for one role. */
export interface RoleHolding {
  readonly role: string;
  readonly log: LogReader;
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
  /** Who serves it at the moment; undefined: nobody does, and nothing in it changes. */
  readonly servedBy: string | undefined;
  readonly roles: readonly RoleHolding[];
  /** Where key schedules are: the public roles, whether they are among `roles` or not. */
  readonly scheduleSources: readonly Pick<IndexedHolding, 'log' | 'index'>[];
  /** What is not in the index of a role because an operator removed it. */
  removedIn(role: string): RemovalLookup;
  /** Why there is no index at all; undefined: there is. */
  readonly noIndex: NoIndex | undefined;
  /** Of all roles' indexes, on disk. */
  indexBytes(): Promise<number | undefined>;
  /** Whether the index is still the one that was opened. */
  isIndexCurrent(): Promise<boolean>;
  close(): Promise<void>;
}

/** What is kept for a role that has an index. */
export interface IndexedHolding extends RoleHolding {
  readonly index: RecordIndex;
}

/** What a role of a cluster keeps. */
export interface SharedHolding extends RoleHolding {
  readonly index: RedisRecordIndex;
}

/** What is kept in a cluster, whose indexes may be written to while it serves. */
export interface ClusterHolding extends Holding {
  readonly roles: readonly SharedHolding[];
  readonly objects: ObjectStore;
  readonly compactions: CompactionRuns;
  removedIn(role: string): RemovedRecords;
}
