/**
 * Group commit: what many submissions bring goes to the log in one append and into the index in
 * one call. While one commit is being written the next one gathers; a lone record waits
 * for nothing.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import {
  type Appended,
  indexRowsOf,
  type LogEntry,
  type LogPosition,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { noTracer, type Tracer } from '@mosaic-cluster/runtime';
import { COMMIT_LIMIT_TABLE, type CommitBounds } from './commit-limits.ts';
import { CommitWatch } from './commit-watch.ts';
import type {
  Committed,
  IndexableEntry,
  IndexOutcome,
  IndexWriter,
  Standing,
} from './index-writer.ts';
import { nextTurn } from './next-turn.ts';
import type { RequestWatch } from './request-watch.ts';
import type { WorkerEvents } from './role-worker-deps.ts';

/** An entry to commit. */
export interface CommitEntry extends LogEntry {
  /** What a replaceable record met at its address a moment ago. */
  readonly standing?: Standing | undefined;
}

/** What a pipeline works with. */
export interface CommitPipelineOptions {
  readonly log: SegmentLog;
  readonly writer: IndexWriter;
  readonly bounds: CommitBounds;
  /** Called after each commit, before its submissions are answered. */
  readonly onCommit: (committed: Committed) => void | Promise<void>;
  /** Told what `onCommit` throws: it changes nothing for the submissions, which are stored. */
  readonly onCommitFailed: (error: unknown) => void;
  /** Told how commits go. */
  readonly events?: Pick<WorkerEvents, 'appended' | 'indexed' | 'commitFailed'>;
  readonly tracer?: Tracer;
}

/** A commit that is in the log but not in the index. */
interface Unindexed {
  readonly entries: readonly IndexableEntry[];
  readonly end: LogPosition;
}

interface Waiting {
  readonly entries: readonly CommitEntry[];
  readonly bytes: number;
  readonly rows: number;
  readonly watch: RequestWatch | undefined;
  /** When it came, by `performance.now()`. */
  readonly since: number;
  readonly resolve: (outcomes: readonly IndexOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Between two attempts to index what an earlier one left out, where nothing else asks for one. */
const RETRY_MS = 1000;

/** Commits entries to log and index. */
export class CommitPipeline {
  readonly #options: CommitPipelineOptions;
  readonly #waiting: Waiting[] = [];
  #waitingEntries = 0;
  #waitingBytes = 0;
  #waitingRows = 0;
  /** The indexing of the commit before: it overlaps with the writing of the next. Never rejects. */
  #indexed: Promise<void> = Promise.resolve();
  /**
   * Commits that could not be indexed, oldest first; nothing later is indexed before them. At most
   * two: nothing is appended meanwhile. What others put in the log is theirs to index.
   */
  readonly #unindexed: Unindexed[] = [];
  /** Set where the start could not index all that the log held. */
  #needsReplay = false;
  #retry: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: CommitPipelineOptions) {
    this.#options = options;
  }

  /** Entries that wait for a commit. */
  get waiting(): number {
    return this.#waitingEntries;
  }

  /**
   * Stores entries durably and makes them found.
   *
   * @param watch follows the request that brought them
   * @returns one outcome per entry, in order
   * @throws MosaicError `limited` (`commit-busy`), `closed`, or what log and index throw: then the
   *   entries may be in the log, and committing them again is safe
   */
  commit(entries: readonly CommitEntry[], watch?: RequestWatch): Promise<readonly IndexOutcome[]> {
    if (this.#isClosed) {
      return Promise.reject(new MosaicError('closed', 'commit-closed', 'the store is closing'));
    }
    let bytes = 0;
    let rows = 0;
    for (const { record } of entries) {
      bytes += record.bytes.length;
      rows += indexRowsOf(record);
    }
    const { entriesMax, bytesMax, rowsMax } = this.#options.bounds;
    const isFull =
      this.#waitingEntries + entries.length > entriesMax ||
      this.#waitingBytes + bytes > bytesMax ||
      this.#waitingRows + rows > rowsMax;
    if (isFull && this.#waiting.length > 0) {
      const message = 'too many records wait to be stored';
      return Promise.reject(new MosaicError('limited', 'commit-busy', message));
    }
    return new Promise((resolve, reject) => {
      const since = performance.now();
      this.#waiting.push({ entries, bytes, rows, watch, since, resolve, reject });
      this.#waitingEntries += entries.length;
      this.#waitingBytes += bytes;
      this.#waitingRows += rows;
      this.#running ??= this.#run();
    });
  }

  /** Whether something is in the log that could not be indexed yet. */
  get isBehind(): boolean {
    return this.#needsReplay || this.#unindexed.length > 0;
  }

  /** Says that a replay could not bring the index up to the log: it is tried again from now on. */
  fallBehind(): void {
    this.#needsReplay = true;
    this.#retryLater();
  }

  /** Finishes what was accepted; accepts nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    clearTimeout(this.#retry);
    // One last time. Nobody was told that these are stored.
    await this.#catchUpIdle().catch(() => undefined);
  }

  async #run(): Promise<void> {
    // Let everything that this turn of the event loop brings join the first commit.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      const entries =
        group.length === 1 ? group[0]!.entries : group.flatMap((each) => each.entries);
      const watch = this.#watch(group, entries.length);
      try {
        if (this.isBehind) await this.#catchUpIdle();
        const { locations, end } = await watch.during('append', () => this.#append(entries));
        const located = entries.map(({ record, receivedAt, held, standing }, i) => ({
          record,
          receivedAt,
          held,
          standing,
          location: locations[i]!,
        }));
        await this.#indexed;
        this.#indexed = this.#index(group, located, end, watch);
      } catch (error) {
        watch.end(error);
        for (const waiting of group) waiting.reject(error);
      }
    }
    this.#running = undefined;
  }

  #watch(group: readonly Waiting[], records: number): CommitWatch {
    const now = performance.now();
    for (const { watch, since } of group) watch?.took('wait', now - since);
    const { tracer = noTracer } = this.#options;
    return new CommitWatch(
      tracer,
      group.map(({ watch }) => watch),
      records,
    );
  }

  async #append(entries: readonly CommitEntry[]): Promise<Appended> {
    const { log, events } = this.#options;
    const since = performance.now();
    try {
      const appended = await log.append(entries);
      events?.appended?.(entries.length, (performance.now() - since) / 1000);
      return appended;
    } catch (error) {
      events?.commitFailed?.('append');
      throw error;
    }
  }

  #takeGroup(): Waiting[] {
    const { commitEntriesMax, commitBytesMax, commitRowsMax } = COMMIT_LIMIT_TABLE;
    let entries = 0;
    let bytes = 0;
    let rows = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      const isFull =
        entries + waiting.entries.length > commitEntriesMax.value ||
        bytes + waiting.bytes > commitBytesMax.value ||
        rows + waiting.rows > commitRowsMax.value;
      if (isFull && count > 0) break;
      entries += waiting.entries.length;
      bytes += waiting.bytes;
      rows += waiting.rows;
      count += 1;
    }
    this.#waitingEntries -= entries;
    this.#waitingBytes -= bytes;
    this.#waitingRows -= rows;
    return this.#waiting.splice(0, count);
  }

  async #index(
    group: readonly Waiting[],
    entries: readonly IndexableEntry[],
    end: LogPosition,
    watch: CommitWatch,
  ): Promise<void> {
    const { events } = this.#options;
    const since = performance.now();
    try {
      const outcomes = await watch.during('index', async () => {
        await this.#catchUp();
        return this.#write({ entries, end });
      });
      watch.end();
      events?.indexed?.((performance.now() - since) / 1000);
      let at = 0;
      for (const waiting of group) {
        waiting.resolve(outcomes.slice(at, at + waiting.entries.length));
        at += waiting.entries.length;
      }
    } catch (error) {
      watch.end(error);
      events?.commitFailed?.('index');
      this.#unindexed.push({ entries, end });
      this.#retryLater();
      for (const waiting of group) waiting.reject(error);
    }
  }

  /** Nothing is appended while the index cannot follow: the log would fill with what nobody finds. */
  async #catchUpIdle(): Promise<void> {
    const done = this.#indexed.then(() => this.#catchUp());
    this.#indexed = done.catch(() => this.#retryLater());
    try {
      await done;
    } catch (error) {
      this.#options.events?.commitFailed?.('index');
      throw error;
    }
  }

  /** Brings commits into the index that an earlier failure left out. */
  async #catchUp(): Promise<void> {
    if (this.#needsReplay) {
      await this.#options.writer.replay((committed) => this.#announce(committed));
      this.#needsReplay = false;
    }
    for (let next = this.#unindexed[0]; next !== undefined; next = this.#unindexed[0]) {
      await this.#write(next);
      this.#unindexed.shift();
    }
  }

  /** Their submitters were told to try again; but some will not. */
  #retryLater(): void {
    if (this.#isClosed || this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#catchUpIdle().catch(() => undefined);
    }, RETRY_MS);
    this.#retry.unref();
  }

  async #write({ entries, end }: Unindexed): Promise<readonly IndexOutcome[]> {
    const outcomes = await this.#options.writer.add(entries, end);
    await this.#announce({ entries, outcomes });
    return outcomes;
  }

  async #announce(committed: Committed): Promise<void> {
    try {
      await this.#options.onCommit(committed);
    } catch (error) {
      this.#options.onCommitFailed(error);
    }
  }
}
