/**
 * Takes removed records out of the index of a role, as soon as somebody removes them and again a
 * little later: a record that was being stored at that moment may have come in behind it. Looks through
 * all that was removed now and then, for news can get lost with the process that was told.
 */
import { equalBytes, type Reference } from '@mosaic-cluster/protocol';
import type { LogEntry, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import type { KeyDirectory } from './key-directory.ts';
import type { RemovedRecords } from './removed-records.ts';

/** What a follower works on. */
export interface RemovalFollowerOptions {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  /** Forgets what it remembers where a key schedule is removed. */
  readonly directory: Pick<KeyDirectory, 'forgetAll'>;
  readonly removed: Pick<RemovedRecords, 'list'>;
  /**
   * Between news and the second look, and between attempts after a failure; longer than a record
   * takes from judgement into the index: 10 seconds by default.
   */
  readonly settleMs?: number;
  /** Between looks without news: 10 minutes by default. */
  readonly restMs?: number;
  /** Told of the first of several failures; it is tried again. */
  readonly onError?: (error: unknown) => void;
}

const SETTLE_MS = 10_000;
const REST_MS = 600_000;
/** Records read at once: each has up to a mebibyte. */
const READ_RECORDS = 64;

/** Follows what is removed, for one role. */
export class RemovalFollower {
  readonly #options: RemovalFollowerOptions;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires, on the monotone clock. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** News came since the look that is under way began. */
  #hasNews = false;
  #running: Promise<void> = Promise.resolve();
  #isFailing = false;
  #isClosed = false;

  constructor(options: RemovalFollowerOptions) {
    this.#options = options;
  }

  /** Takes out all that was removed so far, and goes on looking. Never rejects. */
  start(): Promise<void> {
    return this.#look();
  }

  /** Takes out records that were removed just now. Never rejects: where it fails, it is tried again. */
  async followUp(ids: readonly Reference[]): Promise<void> {
    this.#hasNews = true;
    this.#wakeIn(this.#options.settleMs ?? SETTLE_MS);
    await this.#attempt(() => this.#takeOut(ids));
  }

  /** Stops looking; waits for what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #wakeIn(ms: number): void {
    const dueMs = performance.now() + ms;
    if (this.#isClosed || dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => {
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#running = this.#look();
    }, ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { settleMs = SETTLE_MS, restMs = REST_MS } = this.#options;
    this.#hasNews = false;
    const isDone = await this.#attempt(() => this.#takeOutAll());
    this.#wakeIn(isDone && !this.#hasNews ? restMs : settleMs);
  }

  async #takeOutAll(): Promise<void> {
    for (let after: Reference | undefined; !this.#isClosed; ) {
      const { removals, hasMore } = await this.#options.removed.list(after);
      await this.#takeOut(removals.map(({ id }) => id));
      after = removals.at(-1)?.id;
      if (!hasMore || after === undefined) return;
    }
  }

  async #takeOut(ids: readonly Reference[]): Promise<void> {
    const { index, directory } = this.#options;
    if (ids.length === 0) return;
    const entries = await index.lookup(ids);
    const found = ids.flatMap((id, i) => {
      const location = entries[i]?.location;
      return location === undefined ? [] : [{ id, location }];
    });
    for (let at = 0; at < found.length; at += READ_RECORDS) {
      const some = found.slice(at, at + READ_RECORDS);
      const read = await this.#options.log.read(some.map(({ location }) => location));
      // A shared index compares a part of the ID.
      const stored = read.filter(({ record }, i) => equalBytes(record.id, some[i]!.id));
      await index.remove(stored);
      if (stored.some(isKeySchedule)) directory.forgetAll();
    }
  }

  /** @returns whether it worked */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.#isFailing = false;
      return true;
    } catch (error) {
      if (!this.#isFailing && !this.#isClosed) this.#options.onError?.(error);
      this.#isFailing = true;
      return false;
    }
  }
}

function isKeySchedule({ record }: LogEntry): boolean {
  return record.isKeySchedule;
}
