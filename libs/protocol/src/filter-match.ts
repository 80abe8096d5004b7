/**
 * Applying a filter to records. A filter is compiled once; matching allocates nothing, so that a
 * server can ask it for every record and every subscription.
 *
 * Source: Mosaic specification 0.8.0, "Filter".
 */
import { equalAt, readU32BE } from './bytes.ts';
import type { FilterElementView, FilterView } from './filter.ts';
import { TagMatcher } from './filter-tags.ts';
import { RECORD_AT, type RecordView } from './record.ts';
import { compareTimestampAt, readTimestamp, type Timestamp } from './timestamp.ts';

/** A limit on a record's timestamp, as the two halves that comparing bytes needs. */
interface TimeBound {
  readonly high: number;
  readonly low: number;
}

function timeBound(element: FilterElementView | undefined): TimeBound | undefined {
  if (element === undefined) return undefined;
  const { source, start } = element;
  return { high: readU32BE(source, start), low: readU32BE(source, start + 4) };
}

function receivedBound(element: FilterElementView | undefined): Timestamp | undefined {
  return element && readTimestamp(element.source, element.start);
}

/** Whether `length` bytes at `at` are one of the element's entries of `stride` bytes. */
function isEntry(
  element: FilterElementView,
  stride: number,
  bytes: Uint8Array,
  at: number,
): boolean {
  const { source, start, end } = element;
  const first = bytes[at];
  for (let entry = start; entry < end; entry += stride) {
    if (source[entry] === first && equalAt(source, entry, bytes, at, stride)) return true;
  }
  return false;
}

function tagMatcher(filter: FilterView): TagMatcher | undefined {
  const included = filter.elements.filter((element) => element.name === 'includedTags');
  const excluded = filter.elements.filter((element) => element.name === 'excludedTags');
  if (included.length === 0 && excluded.length === 0) return undefined;
  return new TagMatcher(included, excluded);
}

/** A compiled filter. */
export class FilterMatcher {
  readonly filter: FilterView;
  readonly #authors: FilterElementView | undefined;
  readonly #signingKeys: FilterElementView | undefined;
  readonly #kinds: FilterElementView | undefined;
  readonly #timestamps: FilterElementView | undefined;
  readonly #exclude: FilterElementView | undefined;
  readonly #since: TimeBound | undefined;
  readonly #until: TimeBound | undefined;
  readonly #receivedSince: Timestamp | undefined;
  readonly #receivedUntil: Timestamp | undefined;
  readonly #tags: TagMatcher | undefined;

  /** Keeps the filter's bytes, which must not change. */
  constructor(filter: FilterView) {
    this.filter = filter;
    this.#authors = filter.element('authors');
    this.#signingKeys = filter.element('signingKeys');
    this.#kinds = filter.element('kinds');
    this.#timestamps = filter.element('timestamps');
    this.#exclude = filter.element('exclude');
    this.#since = timeBound(filter.element('since'));
    this.#until = timeBound(filter.element('until'));
    this.#receivedSince = receivedBound(filter.element('receivedSince'));
    this.#receivedUntil = receivedBound(filter.element('receivedUntil'));
    this.#tags = tagMatcher(filter);
  }

  /**
   * Whether a validated record matches every element.
   *
   * @param receivedAt when this server received the record
   */
  matches(record: RecordView, receivedAt: Timestamp): boolean {
    const { bytes } = record;
    if (!this.#matchesFixed(bytes)) return false;
    if (this.#receivedSince !== undefined && receivedAt < this.#receivedSince) return false;
    if (this.#receivedUntil !== undefined && receivedAt > this.#receivedUntil) return false;
    return this.#tags === undefined || this.#tags.matches(bytes, RECORD_AT.tags, record.tagsEnd);
  }

  #matchesFixed(bytes: Uint8Array): boolean {
    const at = RECORD_AT.timestamp;
    const { high: sinceHigh, low: sinceLow } = this.#since ?? BOUND_LOWEST;
    if (compareTimestampAt(bytes, at, sinceHigh, sinceLow) < 0) return false;
    const { high: untilHigh, low: untilLow } = this.#until ?? BOUND_HIGHEST;
    if (compareTimestampAt(bytes, at, untilHigh, untilLow) > 0) return false;
    if (this.#kinds && !isEntry(this.#kinds, 8, bytes, RECORD_AT.kind)) return false;
    if (this.#authors && !isEntry(this.#authors, 32, bytes, RECORD_AT.author)) return false;
    if (this.#signingKeys && !isEntry(this.#signingKeys, 32, bytes, RECORD_AT.signingKey)) {
      return false;
    }
    if (this.#timestamps && !isEntry(this.#timestamps, 8, bytes, at)) return false;
    return !(this.#exclude && isEntry(this.#exclude, 32, bytes, RECORD_AT.id));
  }
}

const BOUND_LOWEST: TimeBound = { high: 0, low: 0 };
const BOUND_HIGHEST: TimeBound = { high: 0xffff_ffff, low: 0xffff_ffff };

/** Compiles a filter; see {@link FilterMatcher.matches}. */
export function compileFilter(filter: FilterView): FilterMatcher {
  return new FilterMatcher(filter);
}
