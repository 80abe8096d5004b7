/**
 * Merges what several roles answer to one query: newest first, each record once. A record may
 * only go out when no role can still come with a newer one.
 */
import type { Cursor, Page, ServedRecord } from '@mosaic-cluster/bus';

const ID_BYTES = 48;

/**
 * Order of two records by ID, or of a record and a bound: negative, zero or positive. A bound may
 * be a piece of an ID; an ID that starts with it is greater.
 */
export function compareIds(a: Uint8Array, b: Uint8Array): number {
  const lengthA = Math.min(a.length, ID_BYTES);
  const lengthB = Math.min(b.length, ID_BYTES);
  const shared = Math.min(lengthA, lengthB);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

class MergeSource {
  records: readonly ServedRecord[] = [];
  position = 0;
  cursor: Cursor | undefined;
  /** Every record to come is smaller; undefined: nothing is known. */
  bound: Uint8Array | undefined;
  hasMore = true;

  get head(): ServedRecord | undefined {
    return this.records[this.position];
  }

  accept(page: Page): void {
    this.records = page.records;
    this.position = 0;
    this.cursor = page.next;
    this.hasMore = page.next !== undefined;
    this.#lower(page.records.at(-1)?.record.bytes);
    this.#lower(page.below);
  }

  #lower(bound: Uint8Array | undefined): void {
    if (bound === undefined) return;
    if (this.bound === undefined || compareIds(bound, this.bound) < 0) this.bound = bound;
  }
}

/** The merge of a fixed number of sources, each of which descends. */
export class PageMerge {
  readonly #sources: readonly MergeSource[];
  #last: Uint8Array | undefined;

  constructor(sourceCount: number) {
    this.#sources = Array.from({ length: sourceCount }, () => new MergeSource());
  }

  /** Whether every record of every source was taken. */
  get isFinished(): boolean {
    return this.#sources.every((source) => source.head === undefined && !source.hasMore);
  }

  /** Whether a source's next page is needed before the merge can go on for long. */
  wantsPage(source: number): boolean {
    const { head, hasMore } = this.#sources[source]!;
    return head === undefined && hasMore;
  }

  /** Where a source's next page starts. */
  cursorOf(source: number): Cursor | undefined {
    return this.#sources[source]!.cursor;
  }

  /** Takes the page that a source was asked for. */
  accept(source: number, page: Page): void {
    this.#sources[source]!.accept(page);
  }

  /** Does without a source's further pages. */
  drop(source: number): void {
    this.#sources[source]!.hasMore = false;
  }

  /** The next record; undefined where a page must come first, or none is left. */
  take(): ServedRecord | undefined {
    for (;;) {
      const newest = this.#newestHead();
      if (newest === undefined || !this.#isSafe(newest)) return undefined;
      this.#advancePast(newest);
      const { bytes } = newest.record;
      const isRepeated = this.#last !== undefined && compareIds(this.#last, bytes) === 0;
      this.#last = bytes;
      if (!isRepeated) return newest;
    }
  }

  #newestHead(): ServedRecord | undefined {
    let newest: ServedRecord | undefined;
    for (const { head } of this.#sources) {
      if (head === undefined) continue;
      if (newest === undefined || compareIds(head.record.bytes, newest.record.bytes) > 0) {
        newest = head;
      }
    }
    return newest;
  }

  /** Whether no source without a record at hand can still come with this one or a newer one. */
  #isSafe(candidate: ServedRecord): boolean {
    for (const source of this.#sources) {
      if (source.head !== undefined || !source.hasMore) continue;
      if (source.bound === undefined) return false;
      if (compareIds(candidate.record.bytes, source.bound) < 0) return false;
    }
    return true;
  }

  #advancePast(record: ServedRecord): void {
    for (const source of this.#sources) {
      const { head } = source;
      if (head !== undefined && compareIds(head.record.bytes, record.record.bytes) === 0) {
        source.position += 1;
      }
    }
  }
}
