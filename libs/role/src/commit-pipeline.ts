/**
 * Group commit: what many submissions bring goes to the log in one append and into the index in
 * one transaction. While one commit is being written the next one gathers; a lone record waits
 * for nothing.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { LogEntry, ScannedEntry, SegmentLog } from '@mosaic-cluster/store';
import type { IndexOutcome, IndexWriter } from './index-writer.ts';

/** Bounds of what waits for a commit. */
export interface CommitBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** What the pipeline tells of each commit; for metrics and live delivery. */
export interface Committed {
  readonly entries: readonly ScannedEntry[];
  readonly outcomes: readonly IndexOutcome[];
}

interface Waiting {
  readonly entries: readonly LogEntry[];
  readonly resolve: (outcomes: readonly IndexOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Entries of one commit; more wait for the next. */
const COMMIT_ENTRIES_MAX = 4096;

/** Commits entries to log and index. */
export class CommitPipeline {
  readonly #log: SegmentLog;
  readonly #writer: IndexWriter;
  readonly #bounds: CommitBounds;
  readonly #onCommit: (committed: Committed) => void;
  readonly #waiting: Waiting[] = [];
  #waitingEntries = 0;
  #waitingBytes = 0;
  /** The indexing of the commit before: it overlaps with the writing of the next. */
  #indexed: Promise<void> = Promise.resolve();
  /** Set once a commit is in the log but could not be indexed: only a replay heals that. */
  #behind = false;
  #running: Promise<void> | undefined;
  #closed = false;

  /** @param onCommit called after each commit, before its submissions are answered */
  constructor(
    log: SegmentLog,
    writer: IndexWriter,
    bounds: CommitBounds,
    onCommit: (committed: Committed) => void,
  ) {
    this.#log = log;
    this.#writer = writer;
    this.#bounds = bounds;
    this.#onCommit = onCommit;
  }

  /** Entries that wait for a commit. */
  get waiting(): number {
    return this.#waitingEntries;
  }

  /**
   * Stores entries durably and makes them found.
   *
   * @returns one outcome per entry, in order
   * @throws MosaicError `limited` (`commit-busy`), `closed`, or what log and index throw
   */
  commit(entries: readonly LogEntry[]): Promise<readonly IndexOutcome[]> {
    if (this.#closed) {
      return Promise.reject(new MosaicError('closed', 'commit-closed', 'the store is closing'));
    }
    const bytes = sumBytes(entries);
    const isFull =
      this.#waitingEntries + entries.length > this.#bounds.entriesMax ||
      this.#waitingBytes + bytes > this.#bounds.bytesMax;
    if (isFull && this.#waiting.length > 0) {
      return Promise.reject(
        new MosaicError('limited', 'commit-busy', 'too many records wait to be stored'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, resolve, reject });
      this.#waitingEntries += entries.length;
      this.#waitingBytes += bytes;
      this.#running ??= this.#run();
    });
  }

  /** Finishes what was accepted. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#indexed;
  }

  async #run(): Promise<void> {
    // Let everything that this turn of the event loop brings join the first commit.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      const entries = group.flatMap((waiting) => waiting.entries);
      try {
        const appended = await this.#log.append(entries);
        const scanned = entries.map((entry, i) => ({
          ...entry,
          location: appended.locations[i]!,
        }));
        await this.#indexed;
        this.#indexed = this.#index(group, scanned, appended.end);
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
      }
    }
    await this.#indexed;
    this.#running = undefined;
    if (this.#waiting.length > 0) this.#running = this.#run();
  }

  #takeGroup(): Waiting[] {
    let entries = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && entries + waiting.entries.length > COMMIT_ENTRIES_MAX) break;
      entries += waiting.entries.length;
      count += 1;
      this.#waitingBytes -= sumBytes(waiting.entries);
    }
    this.#waitingEntries -= entries;
    return this.#waiting.splice(0, count);
  }

  /** Never rejects: a failure is told to those who wait. */
  async #index(
    group: readonly Waiting[],
    entries: readonly ScannedEntry[],
    end: Uint8Array,
  ): Promise<void> {
    try {
      if (this.#behind) await this.#catchUp();
      const outcomes = await this.#writer.add(entries, end);
      this.#onCommit({ entries, outcomes });
      let at = 0;
      for (const waiting of group) {
        waiting.resolve(outcomes.slice(at, at + waiting.entries.length));
        at += waiting.entries.length;
      }
    } catch (error) {
      this.#behind = true;
      for (const waiting of group) waiting.reject(error);
    }
  }

  /** Brings commits into the index that an earlier failure left out. */
  async #catchUp(): Promise<void> {
    await this.#writer.replay();
    this.#behind = false;
  }
}

function sumBytes(entries: readonly LogEntry[]): number {
  let bytes = 0;
  for (const { record } of entries) bytes += record.bytes.length;
  return bytes;
}
