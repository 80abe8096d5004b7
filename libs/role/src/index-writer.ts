/**
 * Brings what the log holds into the index: the one place that decides which of the records that
 * share a replaceable address is found. Live commits and the replay at start both go through it.
 */
import { compareBytes, type RecordView, type Reference } from '@mosaic-cluster/protocol';
import {
  type AddOutcome,
  type IndexAddition,
  type IndexedRecord,
  type IndexEntry,
  type LogPosition,
  type RecordIndex,
  type ScannedEntry,
  type SegmentLog,
} from '@mosaic-cluster/store';
import type { KeyDirectory } from './key-directory.ts';

/** Tries to settle who holds an address before giving up; each loss means somebody else won. */
const ATTEMPTS_MAX = 8;

/** What became of a record: `outdated` and `duplicate` are in the log but not in the index. */
export type IndexOutcome = 'added' | 'duplicate' | 'outdated';

/** Adds log entries to an index. */
export class IndexWriter {
  readonly #index: RecordIndex;
  readonly #log: SegmentLog;
  readonly #directory: KeyDirectory;

  constructor(index: RecordIndex, log: SegmentLog, directory: KeyDirectory) {
    this.#index = index;
    this.#log = log;
    this.#directory = directory;
  }

  /**
   * Adds entries in order.
   *
   * @param appliedTo everything in the log before it is in the index afterwards
   * @throws MosaicError `unavailable` where the index cannot be written
   */
  async add(entries: readonly ScannedEntry[], appliedTo: LogPosition): Promise<IndexOutcome[]> {
    const outcomes = new Array<IndexOutcome>(entries.length).fill('outdated');
    let open = entries.map((_, i) => i);
    for (let attempt = 0; open.length > 0 && attempt < ATTEMPTS_MAX; attempt++) {
      const additions = await Promise.all(open.map((i) => this.#addition(entries[i]!)));
      const results: readonly AddOutcome[] = await this.#index.add(additions, appliedTo);
      const conflicts: number[] = [];
      results.forEach((result, i) => {
        if (result === 'conflict') conflicts.push(open[i]!);
        else outcomes[open[i]!] = result;
      });
      open = conflicts;
    }
    return outcomes;
  }

  /**
   * Adds every commit that the log holds beyond what the index knows of. Doing it again is harmless.
   *
   * @param onProgress called after each commit with the records so far
   * @returns the records read
   * @throws MosaicError `corrupt` where the log is damaged, `unavailable`
   */
  async replay(onProgress: (records: number) => void = () => {}): Promise<number> {
    let records = 0;
    for await (const commit of this.#log.scan(await this.#index.appliedTo())) {
      await this.add(commit.entries, commit.end);
      records += commit.entries.length;
      onProgress(records);
    }
    return records;
  }

  /**
   * The record that holds a replaceable address and may be served. One that a revocation made
   * invalid is taken out: it must not stand in the way of its author.
   */
  async holder(address: Reference): Promise<IndexedRecord | undefined> {
    const entries = await this.#index.scan({ path: 'address', address }, { limit: 1 });
    const [entry] = entries;
    return entry && this.#servable(entry);
  }

  async #servable(entry: IndexEntry): Promise<IndexedRecord | undefined> {
    const [held] = await this.#log.read([entry.location]);
    if (held === undefined) return undefined;
    if (await this.#directory.admits(held.record, held.receivedAt)) return held;
    await this.#index.remove([held]);
    return undefined;
  }

  async #addition(entry: ScannedEntry): Promise<IndexAddition> {
    const { record } = entry;
    if (!isReplaceable(record)) return entry;
    const replaces = await this.holder(record.address);
    return replaces === undefined ? entry : { ...entry, replaces };
  }
}

function isReplaceable(record: RecordView): boolean {
  return record.duplicateHandling === 'replaceable';
}

/** Whether `a` is served instead of `b` where both have one replaceable address. */
export function isNewer(a: IndexedRecord, b: IndexedRecord): boolean {
  return compareBytes(a.record.id, b.record.id) > 0;
}
