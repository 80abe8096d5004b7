/**
 * Group commit: what is appended while a commit is under way goes into the next one. Within bounds;
 * and when the disk refuses, so does this, until it works again.
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { encodeLocation, encodePosition } from './segment-address.ts';
import { entryBytes } from './segment-frame.ts';
import type { FreeSpace } from './segment-free-space.ts';
import { errorCode, logClosed } from './segment-handles.ts';
import type { Appended, Location, LogEntry, LogPosition, LogState } from './segment-log.ts';
import type { SegmentWarning } from './segment-warning.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** How much waits, and how much goes into one commit. */
export interface CommitBounds {
  /** Bytes that may wait; above it appends are refused with `log-busy`. */
  readonly queueBytesMax: number;
  /** Entries that may wait. */
  readonly queueEntriesMax: number;
  /** Bytes of a commit; one entry always fits. */
  readonly commitBytesMax: number;
  /** Entries of a commit. */
  readonly commitEntriesMax: number;
}

/** What the queue works with. */
export interface CommitQueueOptions extends CommitBounds {
  readonly directory: string;
  readonly writer: SegmentWriter;
  readonly freeSpace: FreeSpace;
  readonly warn: (warning: SegmentWarning) => void;
  readonly monotonicMs: () => number;
  /** Behind what was there before. */
  readonly end: LogPosition | undefined;
}

/** Between two appends that try again after a failure. */
const RETRY_MS = 1000;
const NO_SPACE: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);
/** Before every position: what an append of nothing to an empty log returns. */
const BEGINNING: LogPosition = encodePosition(0, 0);

interface Pending {
  readonly entries: readonly LogEntry[];
  readonly bytes: number;
  /** One per entry that is durable. */
  readonly locations: Location[];
  /** Entries that were put into a commit. */
  taken: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: MosaicError) => void;
}

interface Batch {
  readonly entries: LogEntry[];
  /** The append that each entry is of. */
  readonly owners: Pending[];
  bytes: number;
}

/** Appends that wait, and the commit that is under way. */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  /** Not settled yet, oldest first. Those before `#first` were settled. */
  #pending: Pending[] = [];
  #first = 0;
  #queuedBytes = 0;
  #queuedEntries = 0;
  #isRunning = false;
  #isClosed = false;
  #idle: (() => void) | undefined;
  #state: LogState = { writable: true };
  /** Of the error that made the log refuse. */
  #refusalCode = 'log-failed';
  #retryAtMs = 0;
  #end: LogPosition | undefined;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
    this.#end = options.end;
  }

  get state(): LogState {
    return this.#state;
  }

  get end(): LogPosition | undefined {
    return this.#end;
  }

  /** See `SegmentLog.append`. */
  async append(entries: readonly LogEntry[]): Promise<Appended> {
    if (this.#isClosed) throw logClosed();
    if (entries.length === 0) return { locations: [], end: this.#end ?? BEGINNING };
    let bytes = 0;
    for (const { record } of entries) bytes += entryBytes(record.bytes.length);
    this.#admit(entries.length, bytes);
    return new Promise((resolve, reject) => {
      this.#pending.push({ entries, bytes, locations: [], taken: 0, resolve, reject });
      this.#queuedBytes += bytes;
      this.#queuedEntries += entries.length;
      if (this.#isRunning) return;
      this.#isRunning = true;
      // Behind everything that arrived with the same turn of the event loop: what many connections
      // brought becomes one commit, and a lone record waits for nothing.
      setImmediate(() => void this.#run());
    });
  }

  /** Finishes what was accepted; accepts nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  #admit(entries: number, bytes: number): void {
    const { queueBytesMax, queueEntriesMax, monotonicMs, freeSpace } = this.#options;
    if (entries > queueEntriesMax || bytes > queueBytesMax) {
      const message = `${entries} entries of ${bytes} bytes are too much for one append; at most ${queueEntriesMax} entries of ${queueBytesMax} bytes`;
      throw new MosaicError('invalid', 'append-too-large', message);
    }
    const isFull =
      this.#queuedEntries + entries > queueEntriesMax || this.#queuedBytes + bytes > queueBytesMax;
    if (isFull) {
      const message = `${this.#queuedEntries} entries of ${this.#queuedBytes} bytes wait to be written already`;
      throw new MosaicError('limited', 'log-busy', message);
    }
    if (this.#state.writable) return;
    if (this.#isRunning || monotonicMs() < this.#retryAtMs) {
      throw new MosaicError('unavailable', this.#refusalCode, this.#state.why);
    }
    // This append tries whether it works again.
    this.#retryAtMs = monotonicMs() + RETRY_MS;
    freeSpace.doubt();
  }

  async #run(): Promise<void> {
    const { writer, freeSpace } = this.#options;
    while (this.#first < this.#pending.length) {
      const batch = this.#take();
      try {
        await freeSpace.check(batch.bytes);
        const { segment, offsets, end } = await writer.commit(batch.entries);
        this.#end = encodePosition(segment, end);
        this.#succeed();
        this.#settle(batch, segment, offsets, this.#end);
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#isRunning = false;
    this.#idle?.();
  }

  #take(): Batch {
    const { commitBytesMax, commitEntriesMax } = this.#options;
    const batch: Batch = { entries: [], owners: [], bytes: 0 };
    for (let i = this.#first; i < this.#pending.length; i++) {
      const pending = this.#pending[i]!;
      while (pending.taken < pending.entries.length) {
        const entry = pending.entries[pending.taken]!;
        const bytes = entryBytes(entry.record.bytes.length);
        const isFull =
          batch.entries.length >= commitEntriesMax || batch.bytes + bytes > commitBytesMax;
        if (isFull && batch.entries.length > 0) return batch;
        batch.entries.push(entry);
        batch.owners.push(pending);
        batch.bytes += bytes;
        pending.taken += 1;
      }
    }
    return batch;
  }

  #settle(batch: Batch, segment: number, offsets: Uint32Array, end: LogPosition): void {
    for (let i = 0; i < batch.entries.length; i++) {
      const owner = batch.owners[i]!;
      const recordBytes = batch.entries[i]!.record.bytes.length;
      owner.locations.push(encodeLocation(segment, offsets[i]!, recordBytes));
      if (owner.locations.length < owner.entries.length) continue;
      this.#first += 1;
      this.#queuedBytes -= owner.bytes;
      this.#queuedEntries -= owner.entries.length;
      owner.resolve({ locations: owner.locations, end });
    }
    if (this.#first === this.#pending.length) {
      this.#pending = [];
      this.#first = 0;
    } else if (this.#first >= 1024) {
      this.#pending = this.#pending.slice(this.#first);
      this.#first = 0;
    }
  }

  #succeed(): void {
    if (this.#state.writable) return;
    this.#state = { writable: true };
    this.#options.warn({ event: 'writable-again' });
  }

  /** Everything that waits fails with the commit: it would meet the same disk. */
  #fail(cause: unknown): void {
    const error = this.#failureOf(cause);
    const why = error.message;
    const wasWritable = this.#state.writable;
    this.#state = { writable: false, why };
    this.#refusalCode = error.code;
    this.#retryAtMs = this.#options.monotonicMs() + RETRY_MS;
    const failed = this.#pending.slice(this.#first);
    this.#pending = [];
    this.#first = 0;
    this.#queuedBytes = 0;
    this.#queuedEntries = 0;
    for (const { reject } of failed) reject(error);
    if (wasWritable) this.#options.warn({ event: 'not-writable', why });
  }

  #failureOf(cause: unknown): MosaicError {
    if (isMosaicError(cause) && cause.kind === 'unavailable') return cause;
    const { directory, freeSpace } = this.#options;
    if (NO_SPACE.has(errorCode(cause))) {
      freeSpace.ranOut();
      const message = `no records are taken: there is no space left for ${directory}; make room`;
      return new MosaicError('unavailable', 'log-full', message, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `no records are taken: writing to ${directory} failed (${why})`;
    return new MosaicError('unavailable', 'log-failed', message, { cause });
  }
}
