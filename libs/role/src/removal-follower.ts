/**
 * Takes removed records out of the index of a role, as soon as somebody removes them and again a
 * little later: a record that was being stored at that moment may have come in behind it. Brings back
 * what is put back. Looks through all of both now and then, for news can get lost with the process that
 * was told. What cannot be read is passed over and tried again with the next look.
 */
import { equalBytes, hexEncode, isMosaicError, type Reference } from '@mosaic-cluster/protocol';
import type { Location, LogEntry, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import type { KeyDirectory } from './key-directory.ts';
import { RebuildContests } from './rebuild-contests.ts';
import { EntryRestorer } from './rebuild-restorer.ts';
import type { Restoration } from './removal-facts.ts';
import type { RemovedRecords } from './removed-records.ts';
import type { RestoredRecords } from './restored-records.ts';

/** What a follower works on. */
export interface RemovalFollowerOptions {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  /** Forgets what it remembers where a key schedule is removed or put back. */
  readonly directory: KeyDirectory;
  readonly removed: Pick<RemovedRecords, 'list' | 'areRemoved' | 'areReplaced'>;
  /** Undefined: nothing is ever put back. */
  readonly restored?: Pick<RestoredRecords, 'list' | 'done'> | undefined;
  /**
   * Between news and the second look, and between attempts after a failure; longer than a record
   * takes from judgement into the index: 10 seconds by default.
   */
  readonly settleMs?: number;
  /** Between looks without news: 10 minutes by default. */
  readonly restMs?: number;
  /** Told of the first of several failures; it is tried again. */
  readonly onError?: (error: unknown) => void;
  /** Told once of a record, by its ID in hexadecimal, whose bytes cannot be read, and why. */
  readonly onUnreadable?: (id: string, error: unknown) => void;
}

const SETTLE_MS = 10_000;
const REST_MS = 600_000;
/** Records read at once: each has up to a mebibyte. */
const READ_RECORDS = 64;
/** Unreadable records that are known apart, so that each is told of once. */
const UNREADABLE_MAX = 10_000;

/** A record and where it lies. */
interface Found {
  readonly id: Reference;
  readonly location: Location;
}

/** Follows what is removed and put back, for one role. */
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
  /** Of the last look that came to its end, and those met since. */
  #unreadable: ReadonlySet<string> = new Set();
  #met = new Set<string>();

  constructor(options: RemovalFollowerOptions) {
    this.#options = options;
  }

  /** Records that could not be taken out or put back because their bytes cannot be read. */
  get unreadable(): number {
    return Math.max(this.#unreadable.size, this.#met.size);
  }

  /** Does all that was asked for so far, and goes on looking. Never rejects. */
  start(): Promise<void> {
    return this.#look();
  }

  /** Takes out records that were removed just now. Never rejects: where it fails, it is tried again. */
  async followUp(ids: readonly Reference[]): Promise<void> {
    this.#hasNews = true;
    this.#wakeIn(this.#options.settleMs ?? SETTLE_MS);
    await this.#attempt(() => this.#takeOut(ids));
  }

  /** Brings back records that were put back just now. Never rejects: where it fails, it is tried again. */
  async putBack(restorations: readonly Restoration[]): Promise<void> {
    this.#hasNews = true;
    this.#wakeIn(this.#options.settleMs ?? SETTLE_MS);
    await this.#attempt(() => this.#bringBack(restorations));
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
    const isDone = await this.#attempt(async () => {
      this.#met = new Set();
      await this.#takeOutAll();
      await this.#bringBackAll();
      this.#unreadable = this.#met;
    });
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

  async #bringBackAll(): Promise<void> {
    const { restored } = this.#options;
    if (restored === undefined) return;
    for (let after: Reference | undefined; !this.#isClosed; ) {
      const { restorations, hasMore } = await restored.list(after);
      await this.#bringBack(restorations);
      after = restorations.at(-1)?.id;
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
      const read = await this.#read(some);
      // A shared index compares a part of the ID.
      const stored = read.flatMap((entry, i) =>
        entry !== undefined && equalBytes(entry.record.id, some[i]!.id) ? [entry] : [],
      );
      await index.remove(stored);
      if (stored.some(isKeySchedule)) directory.forgetAll();
    }
  }

  async #bringBack(restorations: readonly Restoration[]): Promise<void> {
    const { index, removed, restored } = this.#options;
    if (restorations.length === 0) return;
    const ids = restorations.map(({ id }) => id);
    const [entries, areRemoved] = await Promise.all([index.lookup(ids), removed.areRemoved(ids)]);
    // Somebody removed it once more, or sent it; or an index was made anew.
    const isOpen = (i: number): boolean => areRemoved[i] !== true && entries[i] === undefined;
    const settled = ids.filter((_, i) => !isOpen(i));
    const open = restorations.filter((_, i) => isOpen(i));
    for (let at = 0; at < open.length; at += READ_RECORDS) {
      settled.push(...(await this.#bringIn(open.slice(at, at + READ_RECORDS))));
    }
    if (settled.length > 0) await restored?.done(settled);
  }

  /** @returns those that are where they belong now */
  async #bringIn(some: readonly Found[]): Promise<Reference[]> {
    const { index, log, directory, removed } = this.#options;
    const read = await this.#read(some);
    const stored = read.flatMap((entry, i) => {
      const { id, location } = some[i]!;
      if (entry === undefined) return [];
      if (equalBytes(entry.record.id, id)) return [{ ...entry, location }];
      this.#meet(id, new Error('another record lies where it was'));
      return [];
    });
    const areReplaced = await removed.areReplaced(stored.map(({ record }) => record));
    const wanted = stored.filter((_, i) => areReplaced[i] !== true);
    const { contests } = await new EntryRestorer({ index, log }).restore(wanted);
    const disputed = new RebuildContests({ index, log, directory, removed });
    await disputed.add(contests);
    await disputed.settle();
    if (wanted.some(isKeySchedule)) directory.forgetAll();
    return stored.map(({ record }) => record.id);
  }

  /** Entries, in order; undefined for those that nobody can read. @throws what passes by itself */
  async #read(found: readonly Found[]): Promise<(LogEntry | undefined)[]> {
    const { log } = this.#options;
    try {
      return [...(await log.read(found.map(({ location }) => location)))];
    } catch (error) {
      if (!isLasting(error)) throw error;
    }
    const entries: (LogEntry | undefined)[] = [];
    for (const { id, location } of found) {
      try {
        entries.push((await log.read([location]))[0]);
      } catch (error) {
        if (!isLasting(error)) throw error;
        this.#meet(id, error);
        entries.push(undefined);
      }
    }
    return entries;
  }

  #meet(id: Reference, error: unknown): void {
    const name = hexEncode(id);
    if (this.#met.size >= UNREADABLE_MAX || this.#met.has(name)) return;
    this.#met.add(name);
    if (!this.#unreadable.has(name)) this.#options.onUnreadable?.(name, error);
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

/** Whether an error is about one record, now and later: others can be read. */
function isLasting(error: unknown): boolean {
  return isMosaicError(error) && ['corrupt', 'not-found', 'invalid'].includes(error.kind);
}

function isKeySchedule({ record }: LogEntry): boolean {
  return record.isKeySchedule;
}
