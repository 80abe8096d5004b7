/**
 * Walks candidates until a page is full: fetches their bytes, holds each against the filter and the
 * rules on who may read it, and keeps to the budget, whatever the candidates are.
 */
import type { Page, PageBudget, ServedRecord } from '@mosaic-cluster/bus';
import { type FilterMatcher, type PublicKey, REFERENCE_BYTES } from '@mosaic-cluster/protocol';
import type { IndexEntry, LogEntry, Position, SegmentLog } from '@mosaic-cluster/store';
import { writeCursor } from './cursor.ts';
import type { EntryMerge } from './entry-merge.ts';
import type { KeyDirectory } from './key-directory.ts';
import { isNotWhole } from './schedule-sources.ts';
import type { ReadingTurns } from './reading-turns.ts';
import type { RequestWatch } from './request-watch.ts';
import type { RolePolicy } from './role-policy.ts';

/** What a walk works with. */
export interface PageWalkOptions {
  readonly policy: RolePolicy;
  readonly log: SegmentLog;
  readonly directory: KeyDirectory;
  readonly merge: EntryMerge;
  readonly turns: ReadingTurns;
  readonly budget: PageBudget;
  /** Index entries read before to choose the way. */
  readonly probed: number;
  /** Stands in the cursor. */
  readonly choice: number;
  /** Undefined: every candidate is wanted. */
  readonly matcher: Pick<FilterMatcher, 'matches'> | undefined;
  /** The master keys that the reader acts for. */
  readonly identities: readonly PublicKey[];
  /** Told where the time goes. */
  readonly watch: RequestWatch;
}

/** Entries looked at in one turn, and at most taken from the merge at once. */
const ENTRIES_PER_TURN = 256;
/** Records read from files at once before it is known how large they are. */
const READ_FIRST = 16;
const READ_RECORDS_MAX = 256;
/** Bytes that one read from files aims at. */
const READ_BYTES = 512 * 1024;

/** One page being filled. */
export class PageWalk {
  readonly #options: PageWalkOptions;
  readonly #records: ServedRecord[] = [];
  #bytes = 0;
  #scanned = 0;
  #readRecords = READ_FIRST;

  constructor(options: PageWalkOptions) {
    this.#options = options;
  }

  /** Fills the page. @throws MosaicError as the storage */
  async fill(): Promise<Page> {
    const { merge, turns, watch } = this.#options;
    for (;;) {
      const wanted = this.#wanted();
      const entries = await watch.adding('find', () => merge.take(wanted));
      const isEnd = entries.length < wanted || merge.isExhausted;
      const stopped = await this.#look(entries);
      if (stopped >= 0) {
        const isLast = isEnd && stopped === entries.length - 1;
        return this.#page(isLast ? undefined : entries[stopped]!.position);
      }
      if (isEnd) return this.#page(undefined);
      await watch.adding('wait', () => turns.next());
    }
  }

  /** Entries to look at next: what is missing at first, and more as fewer turn out to match. */
  #wanted(): number {
    const { records, scanned } = this.#options.budget;
    const missing = Math.max(records - this.#records.length, this.#scanned, 1);
    return Math.min(missing, Math.max(scanned - this.#scanned, 1), ENTRIES_PER_TURN);
  }

  /** Looks at entries. Returns the index of the one at which the budget was spent; −1: none. */
  async #look(entries: readonly IndexEntry[]): Promise<number> {
    const { budget, log, watch } = this.#options;
    const fetched: (LogEntry | undefined)[] = [];
    for (let i = 0; i < entries.length; i++) {
      const { location, held } = entries[i]!;
      let entry = fetched[i] ?? log.peek(location);
      if (entry === undefined) {
        await this.#read(entries, i, fetched);
        entry = fetched[i]!;
      }
      this.#scanned += 1;
      const served = this.#isServed(entry, held);
      if (typeof served === 'boolean' ? served : await watch.adding('judge', () => served)) {
        this.#records.push(entry);
        this.#bytes += entry.record.bytes.length;
      }
      const isSpent =
        this.#records.length >= budget.records ||
        this.#bytes >= budget.bytes ||
        this.#scanned >= budget.scanned;
      if (isSpent) return i;
    }
    return -1;
  }

  /** Reads some of the entries from `start` on, no more of them than make a page. */
  async #read(
    entries: readonly IndexEntry[],
    start: number,
    fetched: (LogEntry | undefined)[],
  ): Promise<void> {
    const { log, watch } = this.#options;
    const missing: number[] = [];
    for (let i = start; i < entries.length && missing.length < this.#readRecords; i++) {
      if (log.peek(entries[i]!.location) === undefined) missing.push(i);
    }
    const locations = missing.map((i) => entries[i]!.location);
    const read = await watch.adding('read', () => log.read(locations));
    let bytes = 0;
    missing.forEach((at, i) => {
      fetched[at] = read[i];
      bytes += read[i]!.record.bytes.length;
    });
    const fitting = Math.ceil((READ_BYTES * missing.length) / bytes);
    this.#readRecords = Math.min(fitting, READ_RECORDS_MAX);
  }

  #isServed(entry: LogEntry, held: boolean): boolean | Promise<boolean> {
    const { policy, directory, matcher, identities } = this.#options;
    const { record, receivedAt } = entry;
    if (matcher !== undefined && !matcher.matches(record, receivedAt)) return false;
    const mayRead = policy.mayRead({ record, held }, identities, directory);
    if (mayRead === false) return false;
    const isAdmitted = directory.admitsNow(record, receivedAt);
    if (mayRead === true && isAdmitted !== undefined) return isAdmitted;
    return this.#isServedLater(entry, mayRead);
  }

  async #isServedLater(entry: LogEntry, mayRead: boolean | Promise<boolean>): Promise<boolean> {
    const { directory } = this.#options;
    try {
      return (await mayRead) && (await directory.admits(entry.record, entry.receivedAt));
    } catch (error) {
      // As long as the index is being made anew, what nobody can vouch for is not there.
      if (isNotWhole(error)) return false;
      throw error;
    }
  }

  #page(last: Position | undefined): Page {
    const records = this.#records;
    const { merge, probed, choice } = this.#options;
    const scanned = probed + merge.read;
    if (last === undefined) return { records, next: undefined, below: undefined, scanned };
    // Filled up with zeros it is an ID: what follows is smaller in the bytes of its position.
    const below = new Uint8Array(REFERENCE_BYTES);
    below.set(last);
    return { records, next: writeCursor(choice, last), below, scanned };
  }
}
