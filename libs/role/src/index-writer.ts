/**
 * Brings what the log holds into the index: the one place that decides which of the records that
 * share a replaceable address is found. Live commits and the replay at start both go through it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  compareBytes,
  equalBytes,
  isMosaicError,
  MosaicError,
  type RecordView,
  type Reference,
} from '@mosaic-cluster/protocol';
import {
  type IndexAddition,
  type IndexedRecord,
  isLogStart,
  type LogPosition,
  type RecordIndex,
  type ScannedEntry,
  type SegmentLog,
} from '@mosaic-cluster/store';
import type { KeyDirectory } from './key-directory.ts';
import type { RemovalLookup } from './removed-records.ts';
import { isNotWhole } from './schedule-sources.ts';

/** Tries to settle who holds an address before giving up; each loss means somebody else won. */
const ATTEMPTS_MAX = 16;
/** Tries between which nobody waits. */
const HASTY_ATTEMPTS = 4;
/** The longest pause before another try. */
const PAUSE_MS_MAX = 250;

/**
 * What became of a record.
 * - `added`: it is found from now on.
 * - `replayed`: it was found already, from this very place in the log: a replay, a rebuild or an
 *   attempt whose answer was lost has been here.
 * - `duplicate`, `outdated`: the log has it, the index needs it not.
 * - `removed`: an operator took it out for everybody.
 */
export type IndexOutcome = 'added' | 'replayed' | 'duplicate' | 'outdated' | 'removed';

/** What a replaceable record meets at its address. */
export interface Standing {
  /**
   * Whether a record that may be served holds the address and is at least as new, or one that is newer
   * did until an operator removed it.
   */
  readonly isOutdated: boolean;
  /** What holds the address; undefined: nothing. */
  readonly holder: IndexedRecord | undefined;
}

/** An entry to add. */
export interface IndexableEntry extends ScannedEntry {
  /** What a replaceable record met a moment ago, where somebody has looked. */
  readonly standing?: Standing | undefined;
}

/** What was brought into the index together. */
export interface Committed {
  readonly entries: readonly ScannedEntry[];
  /** One per entry, in order. */
  readonly outcomes: readonly IndexOutcome[];
}

/** What a writer works on. */
export interface IndexWriterOptions {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  readonly directory: KeyDirectory;
  readonly removed: RemovalLookup;
}

/** Adds log entries to an index. */
export class IndexWriter {
  readonly #index: RecordIndex;
  readonly #log: SegmentLog;
  readonly #directory: KeyDirectory;
  readonly #removed: RemovalLookup;

  constructor({ index, log, directory, removed }: IndexWriterOptions) {
    this.#index = index;
    this.#log = log;
    this.#directory = directory;
    this.#removed = removed;
  }

  /**
   * Adds entries in order but for those that were removed, and has the directory know of the key schedules among them.
   *
   * @param appliedTo everything that this process put in the log before it is in the index afterwards
   * @returns one outcome per entry, in order
   * @throws MosaicError `unavailable` where the index cannot be written; `conflict` (`address`) where
   *   an address changed hands at every attempt: the others are added
   */
  async add(entries: readonly IndexableEntry[], appliedTo: LogPosition): Promise<IndexOutcome[]> {
    const outcomes = new Array<IndexOutcome>(entries.length);
    let open = await this.#wanted(entries, outcomes);
    // Once at least: with nothing to add, too, the index follows the log.
    for (let attempt = 0; attempt === 0 || open.length > 0; attempt++) {
      if (attempt === ATTEMPTS_MAX) throw contended();
      if (attempt >= HASTY_ATTEMPTS) await delay(pauseMs(attempt - HASTY_ATTEMPTS));
      const additions = await this.#additions(entries, open, attempt === 0);
      const results = await this.#index.add(additions, appliedTo);
      open = open.filter((at, i) => {
        const result = results[i]!;
        if (result === 'conflict') return true;
        outcomes[at] = result;
        return false;
      });
    }
    if (outcomes.includes('duplicate')) await this.#findReplayed(entries, outcomes);
    for (let i = 0; i < entries.length; i++) {
      const { record } = entries[i]!;
      const isFound = outcomes[i] === 'added' || outcomes[i] === 'replayed';
      if (isFound && record.isKeySchedule) this.#directory.take(record);
    }
    return outcomes;
  }

  /**
   * Adds every commit that the log holds beyond what the index knows of. Doing it again is harmless.
   * An index of one process that was not whole is, afterwards.
   *
   * @param onCommit called after each commit
   * @returns the records read
   * @throws MosaicError `corrupt` where the log is damaged or shorter than the index
   *   (`index-ahead`), `conflict` (`address`), `unavailable`
   */
  async replay(onCommit: (committed: Committed) => unknown): Promise<number> {
    let records = 0;
    const from = await this.#index.appliedTo();
    this.#assertWithinLog(from);
    try {
      for await (const { entries, end } of this.#log.scan(from)) {
        const outcomes = await this.add(entries, end);
        records += entries.length;
        await onCommit({ entries, outcomes });
      }
    } catch (error) {
      throw isMosaicError(error) && error.code === 'log-position' ? indexAhead(error) : error;
    }
    const isWhole = this.#index.isShared || (await this.#index.appliedTo()) !== undefined;
    if (!isWhole) await this.#index.markWhole(this.#log.end);
    return records;
  }

  /**
   * What a replaceable record meets at its address. A newer record that a revocation made invalid is
   * taken out: it must not stand in the way of its author. One that an operator removed does so as if
   * it were there, so that nothing comes back that its author had replaced.
   *
   * @throws MosaicError where the storage cannot be read or written, or the index is not whole and so
   *   nobody knows whether the newer one is valid
   */
  async standing(record: RecordView): Promise<Standing> {
    const [isReplaced] = await this.#removed.areReplaced([record]);
    if (isReplaced === true) return { isOutdated: true, holder: undefined };
    const holder = await this.#holder(record.address);
    if (holder === undefined) return { isOutdated: false, holder };
    const isNewer = compareBytes(record.id, holder.record.id) > 0;
    if (isNewer) return { isOutdated: false, holder };
    if (await this.#directory.admits(holder.record, holder.receivedAt)) {
      return { isOutdated: true, holder };
    }
    await this.#index.remove([holder]);
    return { isOutdated: false, holder: undefined };
  }

  /** Where the entries are that may be in the index; the outcome of the others is that. */
  async #wanted(entries: readonly IndexableEntry[], outcomes: IndexOutcome[]): Promise<number[]> {
    const records = entries.map(({ record }) => record);
    const [areRemoved, areReplaced] = await Promise.all([
      this.#removed.areRemoved(records.map(({ id }) => id)),
      this.#removed.areReplaced(records),
    ]);
    return records.flatMap((_, i) => {
      if (areRemoved[i] !== true && areReplaced[i] !== true) return [i];
      outcomes[i] = areRemoved[i] === true ? 'removed' : 'outdated';
      return [];
    });
  }

  /** Of a record that the log has: while nobody knows, a rebuild will judge the two. */
  async #standingInLog(record: RecordView): Promise<Standing> {
    try {
      return await this.standing(record);
    } catch (error) {
      if (!isNotWhole(error)) throw error;
      return { isOutdated: true, holder: await this.#holder(record.address) };
    }
  }

  // The log of many writers knows its end only by looking: a scan does.
  #assertWithinLog(from: LogPosition | undefined): void {
    const { end } = this.#log;
    if (isLogStart(from) || this.#index.isShared) return;
    if (end === undefined || compareBytes(from, end) > 0) throw indexAhead();
  }

  async #holder(address: Reference): Promise<IndexedRecord | undefined> {
    const entries = await this.#index.scan({ path: 'address', address }, { limit: 1 });
    const [entry] = entries;
    if (entry === undefined) return undefined;
    const inMemory = this.#log.peek(entry.location);
    if (inMemory !== undefined) return inMemory;
    const [held] = await this.#log.read([entry.location]);
    return held;
  }

  async #additions(
    entries: readonly IndexableEntry[],
    open: readonly number[],
    isFirst: boolean,
  ): Promise<IndexAddition[]> {
    const standings: (Standing | undefined)[] = [];
    const lookups: Promise<void>[] = [];
    for (const at of open) {
      const { record, standing } = entries[at]!;
      if (record.duplicateHandling !== 'replaceable') continue;
      if (isFirst && standing !== undefined) standings[at] = standing;
      else {
        lookups.push(
          this.#standingInLog(record).then((found) => {
            standings[at] = found;
          }),
        );
      }
    }
    if (lookups.length > 0) await Promise.all(lookups);
    return open.map((at) => additionOf(entries[at]!, standings[at]?.holder));
  }

  async #findReplayed(entries: readonly IndexableEntry[], outcomes: IndexOutcome[]): Promise<void> {
    const duplicates = entries.flatMap((_, i) => (outcomes[i] === 'duplicate' ? [i] : []));
    const found = await this.#index.lookup(duplicates.map((i) => entries[i]!.record.id));
    duplicates.forEach((at, i) => {
      const location = found[i]?.location;
      const isSame = location !== undefined && equalBytes(location, entries[at]!.location);
      if (isSame) outcomes[at] = 'replayed';
    });
  }
}

function additionOf(
  { record, receivedAt, location, held }: ScannedEntry,
  holder: IndexedRecord | undefined,
): IndexAddition {
  if (holder === undefined) return { record, receivedAt, location, held };
  return { record, receivedAt, location, held, replaces: holder };
}

/** Longer and longer, and never the same for two. */
function pauseMs(attempt: number): number {
  return Math.min(2 ** attempt, PAUSE_MS_MAX) * (0.5 + Math.random());
}

/** Somebody else took an address at every attempt. */
export function contended(): MosaicError {
  const message = 'an address changed hands at every attempt to store a record: try again';
  return new MosaicError('conflict', 'address', message);
}

/** The log does not reach where the index is. */
export function indexAhead(cause?: unknown): MosaicError {
  const message =
    'the index knows of more than the segments hold: segments are missing. Restore them from a ' +
    'backup; or, to go on with what is left, delete the index, it will be made anew';
  return new MosaicError('corrupt', 'index-ahead', message, { cause });
}
