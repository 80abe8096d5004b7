/**
 * What gateways and role workers say to each other. The in-process bus passes these values on as
 * they are; a bus between processes encodes them.
 */
import type {
  FilterView,
  PublicKey,
  RecordView,
  Reference,
  ResultCode,
  Timestamp,
} from '@mosaic-cluster/protocol';

/** The roles a server can play. */
export type RoleName = 'outbox' | 'inbox' | 'encryption';
/** Every role, in the order in which a gateway asks them. */
export const ROLE_NAMES: readonly RoleName[] = ['outbox', 'inbox', 'encryption'];

/** A record that somebody wants stored. */
export interface Submission {
  readonly record: RecordView;
  /** The key that the submitting connection proved; undefined: anonymous. */
  readonly submitter: PublicKey | undefined;
}

/** Where a query goes on; opaque to everybody but the role that made it. */
export type Cursor = Uint8Array;

/** How much one page may cost. A page always makes progress, even where one record exceeds it. */
export interface PageBudget {
  readonly records: number;
  readonly bytes: number;
  /** Index entries looked at. */
  readonly scanned: number;
}

/** Asks for records by filter. */
export interface QueryRequest {
  readonly filter: FilterView;
  /** The key that the reading connection proved; undefined: anonymous. */
  readonly reader: PublicKey | undefined;
  /** From the reply before; undefined: from the newest on. */
  readonly cursor: Cursor | undefined;
  readonly budget: PageBudget;
}

/** Asks for records by reference. */
export interface GetRequest {
  readonly references: readonly Reference[];
  readonly reader: PublicKey | undefined;
  readonly cursor: Cursor | undefined;
  readonly budget: PageBudget;
}

/** A record that may be served to the reader who asked. */
export interface ServedRecord {
  readonly record: RecordView;
  readonly receivedAt: Timestamp;
}

/** Part of a query's answer. */
export interface Page {
  /** Newest first (descending ID) over all pages of a query. */
  readonly records: readonly ServedRecord[];
  /** Where the next page starts; undefined: this was the last. */
  readonly next: Cursor | undefined;
  /**
   * Every record of later pages has a smaller ID than this (for merging a page that found
   * nothing yet); undefined: nothing is known.
   */
  readonly below: Uint8Array | undefined;
  /**
   * What finding it took: index entries read, and one for each place where some were looked for.
   * Undefined: nothing, or a worker of an older release does not tell.
   */
  readonly scanned?: number | undefined;
}

/** Names a span of a trace in every process: the ids of W3C Trace Context, in lower-case hex. */
export interface CallTrace {
  /** 32 digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
}

/**
 * The steps in which workers say where their time went, in the order in which they cross the bus.
 * - `judge`: the role's rules, and for whom a reader acts; `lookup`: whether it is held already, `verify`: the signatures,
 *   `admit`: budgets, quotas and the policy hook; what does not come up takes no time.
 * - `wait`: for the commit before, `append`: until the log has it durably, `index`: until it is found.
 * - `find`: candidates in the index, `read`: their bytes.
 */
export const CALL_STEPS = [
  'judge',
  'lookup',
  'verify',
  'admit',
  'wait',
  'append',
  'index',
  'find',
  'read',
] as const;

/** One of them. */
export type CallStep = (typeof CALL_STEPS)[number];

/** What a worker says of its work on a request. Times are in milliseconds. */
export interface CallReport {
  /** Which process it was. */
  readonly worker: string;
  /** From taking the request to its answer. */
  readonly tookMs: number;
  /** Where that went. Steps of one request may overlap: then they are more together. */
  readonly steps: Readonly<Partial<Record<CallStep, number>>>;
}

/** What goes with a request besides what it asks; it changes nothing in the answer. */
export interface CallContext {
  /**
   * Names the request in the logs of all processes that have to do with it: up to 64 visible ASCII
   * characters.
   */
  readonly requestId: string;
  /** The span that asks; undefined: the request is not traced. */
  readonly trace: CallTrace | undefined;
  /** Told how the work went, before the answer; not where the worker is of an older release. */
  answered(report: CallReport): void;
}

/** A role, as a gateway uses it. Without a context, nobody tells where the time goes. */
export interface RoleService {
  /**
   * Judges and stores records.
   *
   * @returns one result code per submission, in order; never rejects for a single record's fault
   * @throws MosaicError `limited` or `unavailable` where the whole batch could not be taken
   */
  submit(submissions: readonly Submission[], call?: CallContext): Promise<readonly ResultCode[]>;
  /** One page of what the reader may see of the stored records that match. */
  query(request: QueryRequest, call?: CallContext): Promise<Page>;
  /** One page of what the reader may see of the records that references name. */
  get(request: GetRequest, call?: CallContext): Promise<Page>;
  /**
   * The master keys that a proven key acts for, itself first: those whose key schedule lists it
   * as in use.
   */
  identities(key: PublicKey): Promise<readonly PublicKey[]>;
}

/** A record on its way to live subscribers. */
export interface LiveRecord {
  readonly role: RoleName;
  readonly record: RecordView;
  readonly receivedAt: Timestamp;
  /** The master keys that may read it; undefined: everybody. */
  readonly readers: readonly PublicKey[] | undefined;
}

/** Takes live records; what it returns says how many subscribers each one reached, in order. */
export type LiveHandler = (records: readonly LiveRecord[]) => readonly number[];

/**
 * What a gateway's subscribers can match at all. Without anything: every public record. Only an
 * interest with a reader brings private records; the other fields do not narrow it.
 */
export interface LiveInterest {
  readonly author?: PublicKey;
  readonly signingKey?: PublicKey;
  readonly kind?: Uint8Array;
  /** A whole tag: length, type and value. */
  readonly tag?: Uint8Array;
  /** A master key: private records that it may read. */
  readonly reader?: PublicKey;
}

/**
 * Told that records received from a time on may not have arrived, after everything received from
 * now on arrives again: storage has them. Never called by a bus within one process.
 */
export type LiveGapHandler = (since: Timestamp) => void;

/** How far the promise of {@link LiveListener.add} can be doubted. */
export interface LiveDoubt {
  /** After so long, an interest is known wherever records are published. */
  readonly settleMs: number;
  /**
   * A record may have been received so long before it is published, by the clock of this process: that
   * of who received it may be behind. It changes as their clocks do; ask each time.
   */
  readonly marginMs: number;
}

/** A gateway's ear. */
export interface LiveListener {
  /**
   * What has to be looked for in storage after {@link add}; undefined within one process, where
   * nothing can be missed.
   */
  readonly doubt: LiveDoubt | undefined;
  /**
   * Asks for records; resolves once those committed from now on will arrive (between processes:
   * as far as docs/bus.md says).
   *
   * @throws MosaicError `unavailable` or `unauthorized`; then nothing was added
   */
  add(interest: LiveInterest): Promise<void>;
  /** Takes back one earlier {@link add} of the same interest. */
  remove(interest: LiveInterest): void;
  close(): void;
}

/** Connects gateways and roles. */
export interface Bus {
  /** A role to call; calling one that nobody serves fails with `unavailable` (`no-responders`). */
  role(name: RoleName): RoleService;
  /** Whether anybody serves a role, as far as is known; a bus between processes learns by asking. */
  serves(name: RoleName): boolean;
  /** Serves a role until the returned function is called. */
  serve(name: RoleName, service: RoleService): () => void;
  /** Hands committed records to every gateway that is interested, in order. */
  publish(records: readonly LiveRecord[]): void;
  /**
   * Hands an ephemeral record to every gateway that is interested; resolves with the subscribers
   * it reached (between processes: 0 where none was found in time, else a lower bound).
   */
  offer(record: LiveRecord): Promise<number>;
  /** Starts listening for live records. */
  listen(handler: LiveHandler, onGap?: LiveGapHandler): LiveListener;
  /** Stops serving, lets what is being served be answered, and leaves. */
  close(): Promise<void>;
}
