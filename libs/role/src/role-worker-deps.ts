/** What a role worker is made of: its policy, its storage, and the parts it shares with others. */
import type { Limiter } from '@mosaic-cluster/abuse';
import type { Bus } from '@mosaic-cluster/bus';
import type { RecordView, ResultCode, ScheduleTools, Timestamp } from '@mosaic-cluster/protocol';
import type { RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import type { CommitBounds } from './commit-limits.ts';
import type { KeyDirectory } from './key-directory.ts';
import type { PolicyHook } from './hook/policy-hook.ts';
import type { AcceptRule, AcceptRules } from './rules/accept-rules.ts';
import type { RemovalLookup } from './removed-records.ts';
import type { RequestWatcher } from './request-watch.ts';
import type { RolePolicy, ServedUsers } from './role-policy.ts';

/** Checks keys, ID and signature of records: validation steps 3 to 9. */
export interface RecordVerifier {
  /** One fault per record, in order; undefined: the record is valid. */
  verify(records: readonly RecordView[]): Promise<readonly (Error | undefined)[]>;
}

/** What a record was refused by that is otherwise in order: a rule, its author's budget, or the hook. */
export type RefusedBy = AcceptRule | 'rate' | 'hook';

/** Where a group commit can fail. */
export type CommitStep = 'append' | 'index';

/** What a worker tells those who watch it. */
export interface WorkerEvents {
  submitted?(result: ResultCode): void;
  refused?(by: RefusedBy): void;
  committed?(records: number, bytes: number): void;
  /** A group commit is durable, this long after its append began. */
  appended?(records: number, seconds: number): void;
  /** What was durable is found, this long after its indexing began. */
  indexed?(seconds: number): void;
  /** A group commit failed: its submitters were told to try again. */
  commitFailed?(step: CommitStep): void;
  /** Something failed that its caller only sees as a result code, or not at all; for which request. */
  failed?(what: 'submission' | 'live delivery', error: unknown, requestId?: string): void;
}

/** What a worker is made of. */
export interface RoleWorkerDeps {
  readonly policy: RolePolicy;
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  /** Shared by all workers of a process. */
  readonly directory: KeyDirectory;
  readonly users: ServedUsers;
  /** What an operator took out for everybody; undefined: nothing. */
  readonly removed?: RemovalLookup;
  readonly verifier: RecordVerifier;
  readonly bus: Bus;
  /** The time as a Mosaic timestamp. */
  readonly now: () => Timestamp;
  /** For the attestations in key schedules. */
  readonly scheduleTools?: ScheduleTools;
  /** Records dated further ahead are refused; nanoseconds. */
  readonly futureNanosMax: bigint;
  /** Records with more tags are refused with TOO_LARGE; 2,048 where nothing is said. */
  readonly tagsMax?: number;
  /** What the operator accepts; undefined: everything that the role does. */
  readonly rules?: AcceptRules | undefined;
  /** Keeps authors' budgets; undefined: they have none. */
  readonly limiter?: Pick<Limiter, 'charge' | 'refund'> | undefined;
  /** The operator's own program; undefined: there is none. */
  readonly hook?: PolicyHook | undefined;
  readonly commitBounds: CommitBounds;
  readonly events?: WorkerEvents;
  /** Follows its requests; undefined: nobody does. */
  readonly watcher?: RequestWatcher;
}
