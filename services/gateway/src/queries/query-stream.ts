/**
 * Answers one query from what the roles have stored: asks them page by page, writes what can be
 * written, and waits while the client does not read. It holds at most one page of each role. Where
 * one role fails, the others' records still come, and after them word that the answer is incomplete.
 */
import type { Cursor, Page, PageBudget, ServedRecord } from '@mosaic-cluster/bus';
import type { GatewayLimits } from '../limits.ts';
import { PageMerge } from './page-merge.ts';

/** One role, asked for one page of one query. */
export type PageSource = (cursor: Cursor | undefined, budget: PageBudget) => Promise<Page>;

/** Where a stream's records go. */
export interface StreamSink {
  /** Whether the client has so much unread that the stream waits for `resume`. */
  isClogged(): boolean;
  /** Takes records in their order; `ended`: there are no more, and none is missing. */
  write(records: readonly ServedRecord[], ended: boolean): void;
  /** A role failed, so that records may be missing. Nothing follows. */
  failed(error: unknown): void;
}

/** What a stream needs to know. */
export interface QueryStreamOptions {
  readonly sources: readonly PageSource[];
  readonly sink: StreamSink;
  /** Most records to answer with; 0: no limit. */
  readonly limit: number;
  /** Records asked for with the first page where no limit says so. */
  readonly pageRecordsFirst: number;
  readonly limits: GatewayLimits;
}

/** Pages grow by this factor, so that a short answer is cheap and a long one asks rarely. */
const PAGE_GROWTH = 4;

/** One query's answer on its way. */
export class QueryStream {
  readonly #options: QueryStreamOptions;
  readonly #merge: PageMerge;
  readonly #isLoading: boolean[];
  #pageRecords: number;
  #sent = 0;
  #loads = 0;
  #idle: (() => void) | undefined;
  /** What a role failed with first. */
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;

  constructor(options: QueryStreamOptions) {
    this.#options = options;
    this.#merge = new PageMerge(options.sources.length);
    this.#isLoading = options.sources.map(() => false);
    this.#pageRecords = options.pageRecordsFirst;
  }

  /** Whether everything was written, a role failed, or it was cancelled. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Starts, or goes on after the client has read. */
  resume(): void {
    const { sink, limit } = this.#options;
    while (!this.#isOver && !sink.isClogged()) {
      const records = this.#collect();
      const ended = this.#merge.isFinished || (limit > 0 && this.#sent >= limit);
      if (records.length === 0 && !ended) {
        this.#askForPages();
        return;
      }
      if (ended) {
        this.#end(records);
        return;
      }
      // Asked before written: the role works while the client reads.
      this.#askForPages();
      sink.write(records, false);
    }
  }

  /** Ends it; nothing is written from now on. */
  cancel(): void {
    this.#isOver = true;
  }

  /** Calls back when no role works for it: a page that was asked for cannot be taken back. */
  whenIdle(idle: () => void): void {
    if (this.#loads === 0) idle();
    else this.#idle = idle;
  }

  #end(records: readonly ServedRecord[]): void {
    const { sink } = this.#options;
    this.#isOver = true;
    sink.write(records, this.#failure === undefined);
    if (this.#failure !== undefined) sink.failed(this.#failure.error);
  }

  #collect(): ServedRecord[] {
    const { limit, limits } = this.#options;
    const countMax = limit === 0 ? Infinity : limit - this.#sent;
    const records: ServedRecord[] = [];
    let bytes = 0;
    while (bytes < limits.streamWriteBytes && records.length < countMax) {
      const record = this.#merge.take();
      if (record === undefined) break;
      records.push(record);
      bytes += record.record.bytes.length;
    }
    this.#sent += records.length;
    return records;
  }

  #askForPages(): void {
    const budget = this.#nextBudget();
    let asked = false;
    for (let source = 0; source < this.#isLoading.length; source++) {
      if (this.#isLoading[source] || !this.#merge.wantsPage(source)) continue;
      asked = true;
      this.#loads += 1;
      void this.#load(source, budget).finally(() => {
        this.#loads -= 1;
        if (this.#loads === 0) this.#idle?.();
      });
    }
    if (asked) this.#pageRecords *= PAGE_GROWTH;
  }

  async #load(source: number, budget: PageBudget): Promise<void> {
    this.#isLoading[source] = true;
    try {
      const page = await this.#options.sources[source]!(this.#merge.cursorOf(source), budget);
      this.#merge.accept(source, page);
    } catch (error) {
      this.#failure ??= { error };
      this.#merge.drop(source);
    }
    this.#isLoading[source] = false;
    this.resume();
  }

  #nextBudget(): PageBudget {
    const { limit, limits } = this.#options;
    const { pageRecordsMax, pageBytesMax, pageScannedMax } = limits;
    const wanted = limit > 0 ? limit - this.#sent : this.#pageRecords;
    const records = Math.min(wanted, pageRecordsMax);
    return { records, bytes: pageBytesMax, scanned: pageScannedMax };
  }
}
