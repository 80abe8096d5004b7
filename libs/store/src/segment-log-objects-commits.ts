/**
 * Group commit on an object store: what is appended goes together into one segment, several of which
 * may be on their way at a time. Results come in the order of the appends. Within bounds; and when the
 * store refuses, so does this, until it works again.
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { CommitBounds } from './segment-commit-queue.ts';
import { entryBytes } from './segment-frame.ts';
import { logClosed } from './segment-handles.ts';
import type { Appended, Location, LogEntry, LogState } from './segment-log.ts';
import { encodeSegmentKey, type SegmentKey } from './segment-log-objects-address.ts';
import type { ObjectWriter, WrittenSegment } from './segment-log-objects-writer.ts';
import type { SegmentWarning } from './segment-warning.ts';

/** How much goes into a commit, and how many may be on their way. */
export interface ObjectCommitBounds extends CommitBounds {
  /** Between the starts of two commits, unless one is full. The first one waits for nothing. */
  readonly commitIntervalMs: number;
  /** Segments that are being written at a time. */
  readonly putsMax: number;
}

/** What the queue works with. */
export interface ObjectCommitOptions extends ObjectCommitBounds {
  readonly writer: ObjectWriter;
  /** The store in words. */
  readonly place: string;
  readonly warn: (warning: SegmentWarning) => void;
  readonly monotonicMs: () => number;
  /** Told of every commit, in order, before those who wait for it. */
  readonly onCommit: (key: SegmentKey) => void;
  /** Behind the last commit; before everything where there was none. */
  readonly end: () => SegmentKey;
}

/** Between two appends that try again after a failure. */
const RETRY_MS = 1000;

interface Pending {
  readonly entries: readonly LogEntry[];
  readonly bytes: number;
  /** One per entry that is durable. */
  readonly locations: Location[];
  /** Entries that were put into a commit. */
  taken: number;
  /** Entries whose commit has ended, well or badly. */
  ended: number;
  error: MosaicError | undefined;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: MosaicError) => void;
}

interface Commit {
  readonly entries: LogEntry[];
  /** The append that each entry is of. */
  readonly owners: Pending[];
  bytes: number;
  /** Undefined: on its way. */
  outcome: WrittenSegment | MosaicError | undefined;
}

/** Appends that wait, and the commits that are on their way. */
export class ObjectCommits {
  readonly #options: ObjectCommitOptions;
  /** With entries that are in no commit yet, oldest first. */
  #waiting: Pending[] = [];
  /** Oldest first; those that ended wait for those before them. */
  readonly #commits: Commit[] = [];
  #waitingBytes = 0;
  #waitingEntries = 0;
  /** Waiting or in a commit. */
  #heldBytes = 0;
  #heldEntries = 0;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #idle: (() => void) | undefined;
  #state: LogState = { writable: true };
  #refusalCode = 'log-failed';
  #retryAtMs = 0;

  constructor(options: ObjectCommitOptions) {
    this.#options = options;
  }

  get state(): LogState {
    return this.#state;
  }

  /** See `SegmentLog.append`. */
  async append(entries: readonly LogEntry[]): Promise<Appended> {
    if (this.#isClosed) throw logClosed();
    if (entries.length === 0) return { locations: [], end: encodeSegmentKey(this.#options.end()) };
    let bytes = 0;
    for (const { record } of entries) bytes += entryBytes(record.bytes.length);
    this.#admit(entries.length, bytes);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        entries,
        bytes,
        locations: [],
        taken: 0,
        ended: 0,
        error: undefined,
        resolve,
        reject,
      });
      this.#waitingBytes += bytes;
      this.#waitingEntries += entries.length;
      this.#heldBytes += bytes;
      this.#heldEntries += entries.length;
      this.#schedule();
    });
  }

  /** Finishes what was accepted; accepts nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#schedule();
    if (this.#heldEntries === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  #admit(entries: number, bytes: number): void {
    const { queueBytesMax, queueEntriesMax, monotonicMs } = this.#options;
    if (entries > queueEntriesMax || bytes > queueBytesMax) {
      const message = `${entries} entries of ${bytes} bytes are too much for one append; at most ${queueEntriesMax} entries of ${queueBytesMax} bytes`;
      throw new MosaicError('invalid', 'append-too-large', message);
    }
    const isFull =
      this.#heldEntries + entries > queueEntriesMax || this.#heldBytes + bytes > queueBytesMax;
    if (isFull) {
      const message = `${this.#heldEntries} entries of ${this.#heldBytes} bytes wait to be written already`;
      throw new MosaicError('limited', 'log-busy', message);
    }
    if (this.#state.writable) return;
    if (this.#heldEntries > 0 || monotonicMs() < this.#retryAtMs) {
      throw new MosaicError('unavailable', this.#refusalCode, this.#state.why);
    }
    // This append tries whether it works again.
    this.#retryAtMs = monotonicMs() + RETRY_MS;
  }

  // Not at once: what arrives with the same turn of the event loop becomes one commit.
  #schedule(): void {
    if (this.#immediate !== undefined || !this.#hasRoom()) return;
    const dueMs = this.#startedAtMs + this.#options.commitIntervalMs;
    const waitMs = dueMs - this.#options.monotonicMs();
    if (waitMs <= 0 || this.#isFull() || this.#isClosed) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#immediate = setImmediate(() => {
        this.#immediate = undefined;
        this.#start();
      });
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, waitMs);
  }

  #hasRoom(): boolean {
    return this.#waiting.length > 0 && this.#commits.length < this.#options.putsMax;
  }

  /** Whether a commit could not take more than what waits. */
  #isFull(): boolean {
    const { commitBytesMax, commitEntriesMax } = this.#options;
    return this.#waitingBytes >= commitBytesMax || this.#waitingEntries >= commitEntriesMax;
  }

  #start(): void {
    if (!this.#hasRoom()) return;
    this.#startedAtMs = this.#options.monotonicMs();
    const commit = this.#take();
    this.#commits.push(commit);
    void this.#write(commit);
    this.#schedule();
  }

  async #write(commit: Commit): Promise<void> {
    try {
      commit.outcome = await this.#options.writer.write(commit.entries);
      this.#succeed();
    } catch (error) {
      const failure = this.#failureOf(error);
      commit.outcome = failure;
      this.#refuse(failure);
    }
    while (this.#commits[0]?.outcome !== undefined) this.#settle(this.#commits.shift()!);
    this.#schedule();
  }

  #take(): Commit {
    const { commitBytesMax, commitEntriesMax } = this.#options;
    const commit: Commit = { entries: [], owners: [], bytes: 0, outcome: undefined };
    let done = 0;
    take: for (const pending of this.#waiting) {
      while (pending.taken < pending.entries.length) {
        const entry = pending.entries[pending.taken]!;
        const bytes = entryBytes(entry.record.bytes.length);
        const isFull =
          commit.entries.length >= commitEntriesMax || commit.bytes + bytes > commitBytesMax;
        if (isFull && commit.entries.length > 0) break take;
        commit.entries.push(entry);
        commit.owners.push(pending);
        commit.bytes += bytes;
        pending.taken += 1;
      }
      done += 1;
    }
    this.#waiting.splice(0, done);
    this.#waitingBytes -= commit.bytes;
    this.#waitingEntries -= commit.entries.length;
    return commit;
  }

  #settle({ owners, outcome }: Commit): void {
    const error = isMosaicError(outcome) ? outcome : undefined;
    const written = isMosaicError(outcome) ? undefined : outcome;
    if (written !== undefined) this.#options.onCommit(written.key);
    for (let i = 0; i < owners.length; i++) {
      const owner = owners[i]!;
      owner.ended += 1;
      owner.error ??= error;
      if (written !== undefined) owner.locations.push(written.locations[i]!);
      if (owner.ended === owner.entries.length) this.#finish(owner);
    }
  }

  #finish({ entries, bytes, locations, error, resolve, reject }: Pending): void {
    this.#heldBytes -= bytes;
    this.#heldEntries -= entries.length;
    if (error === undefined) resolve({ locations, end: encodeSegmentKey(this.#options.end()) });
    else reject(error);
    if (this.#heldEntries === 0) this.#idle?.();
  }

  #succeed(): void {
    if (this.#state.writable) return;
    this.#state = { writable: true };
    this.#options.warn({ event: 'writable-again' });
  }

  /** Everything that waits fails with the commit: it would meet the same store. */
  #refuse(error: MosaicError): void {
    const why = error.message;
    const wasWritable = this.#state.writable;
    this.#state = { writable: false, why };
    this.#refusalCode = error.code;
    this.#retryAtMs = this.#options.monotonicMs() + RETRY_MS;
    if (wasWritable) this.#options.warn({ event: 'not-writable', why });
    const failed = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#waitingEntries = 0;
    for (const pending of failed) {
      pending.error = error;
      pending.ended += pending.entries.length - pending.taken;
      // Otherwise the rest of it is in a commit, and ends with that.
      if (pending.ended === pending.entries.length) this.#finish(pending);
    }
  }

  #failureOf(cause: unknown): MosaicError {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `no records are taken: writing to ${this.#options.place} failed (${why})`;
    const code = isMosaicError(cause) && cause.code === 'store-full' ? 'log-full' : 'log-failed';
    return new MosaicError('unavailable', code, message, { cause });
  }
}
