/**
 * Filters: what a client asks for. A filter is a view over the bytes it came in, whose whole
 * structure was checked once; `filter-match.ts` applies it to records.
 *
 *     header   [0:2) byte length u16 LE, a multiple of 8   [2:8) reserved
 *     element  [0] type   [1] length in 8-byte words, this one included   [2:8) reserved   data
 *
 * A record must match every element. Of an element type that may stand once, only the first
 * occurrence counts; later ones must still be well formed.
 *
 * Source: Mosaic specification 0.8.0, "Filter".
 */
import { readU16 } from './bytes.ts';
import { invalid, type MosaicError } from './error.ts';
import { TAG_HEAD_BYTES, TagView } from './tag.ts';
import { isTimestampAt } from './timestamp.ts';

/** Element types. Those below 0x80 are narrow: they name what is wanted. */
export const FILTER_ELEMENT = {
  authors: 0x01,
  signingKeys: 0x02,
  kinds: 0x03,
  timestamps: 0x04,
  includedTags: 0x05,
  since: 0x80,
  until: 0x81,
  receivedSince: 0x82,
  receivedUntil: 0x83,
  exclude: 0x84,
  excludedTags: 0x85,
} as const;

/** The names of the element types. */
export type FilterElementName = keyof typeof FILTER_ELEMENT;

/** Bytes of a filter's header, and of an element's. */
export const FILTER_HEAD_BYTES = 8;
/** Most bytes of a filter: its length is a u16 and a multiple of 8. */
export const FILTER_BYTES_MAX = 65_528;
/** Most bytes of an element's data: its length byte counts 255 words, one of them the head. */
export const ELEMENT_DATA_BYTES_MAX = 2032;

const NAMES: ReadonlyMap<number, FilterElementName> = new Map(
  Object.entries(FILTER_ELEMENT).map(([name, type]) => [type, name as FilterElementName]),
);

/** Bytes of one entry; absent for tags, whose lengths vary. */
const ENTRY_BYTES: Readonly<Partial<Record<FilterElementName, number>>> = {
  authors: 32,
  signingKeys: 32,
  kinds: 8,
  timestamps: 8,
  since: 8,
  until: 8,
  receivedSince: 8,
  receivedUntil: 8,
  exclude: 32,
};

/** One element: where its entries lie in the filter's bytes. */
export class FilterElementView {
  readonly name: FilterElementName;
  /** The filter's bytes. */
  readonly source: Uint8Array;
  /** Offset of the first entry. */
  readonly start: number;
  /** Offset behind the last entry; tag padding lies behind it. */
  readonly end: number;

  constructor(name: FilterElementName, source: Uint8Array, start: number, end: number) {
    this.name = name;
    this.source = source;
    this.start = start;
    this.end = end;
  }

  /** Whether the element names what is wanted instead of only cutting it down. */
  get isNarrow(): boolean {
    return FILTER_ELEMENT[this.name] < 0x80;
  }

  /** Whether the type may stand more than once, each element counting on its own. */
  get isRepeatable(): boolean {
    return this.name === 'includedTags' || this.name === 'excludedTags';
  }

  /** Views of the entries (keys, kinds, timestamps, ID prefixes); whole tags for tag elements. */
  get entries(): Uint8Array[] {
    const bytes = ENTRY_BYTES[this.name];
    if (bytes === undefined) return this.tags.map((tag) => tag.bytes);
    const entries: Uint8Array[] = [];
    for (let at = this.start; at < this.end; at += bytes) {
      entries.push(this.source.subarray(at, at + bytes));
    }
    return entries;
  }

  /** The tags of a tag element; empty for the others. */
  get tags(): TagView[] {
    const tags: TagView[] = [];
    if (!this.isRepeatable) return tags;
    for (let at = this.start; at < this.end; at += readU16(this.source, at)) {
      tags.push(new TagView(this.source, at));
    }
    return tags;
  }
}

/** A filter, over bytes that were checked whole. Made by {@link parseFilter}. */
export class FilterView {
  /** The whole filter. Not copied: it must not change while the view is used. */
  readonly bytes: Uint8Array;
  /** Every element as it came, those that do not count included. */
  readonly elements: readonly FilterElementView[];

  /** Use {@link parseFilter}, which checks what this trusts. */
  constructor(bytes: Uint8Array, elements: readonly FilterElementView[]) {
    this.bytes = bytes;
    this.elements = elements;
  }

  /** Whether an element names what is wanted; servers refuse a filter without one. */
  get isNarrow(): boolean {
    return this.elements.some((element) => element.isNarrow);
  }

  /** The element of a type that counts: the first; undefined where there is none. */
  element(name: FilterElementName): FilterElementView | undefined {
    return this.elements.find((element) => element.name === name);
  }

  /** The elements that count. */
  get effectiveElements(): FilterElementView[] {
    const seen = new Set<FilterElementName>();
    return this.elements.filter((element) => {
      if (element.isRepeatable) return true;
      const isFirst = !seen.has(element.name);
      seen.add(element.name);
      return isFirst;
    });
  }

  /** A filter over a copy of the bytes, for keeping what came in a buffer that will be reused. */
  copy(): FilterView {
    return parseFilter(new Uint8Array(this.bytes));
  }
}

/**
 * Reads a filter and checks all of its structure.
 *
 * @param bytes exactly one filter; the view keeps it
 * @throws MosaicError `invalid` with code `filter` and the range of the element at fault
 */
export function parseFilter(bytes: Uint8Array): FilterView {
  const { length } = bytes;
  if (length < FILTER_HEAD_BYTES) throw fault('shorter than its 8-byte header', 0, length);
  if (readU16(bytes, 0) !== length) {
    throw fault(`it says ${readU16(bytes, 0)} bytes, there are ${length}`, 0, 2);
  }
  if (length % 8 !== 0) throw fault('its length is no multiple of 8', 0, 2);
  const elements: FilterElementView[] = [];
  for (let at = FILTER_HEAD_BYTES; at < length; ) {
    const end = at + 8 * bytes[at + 1]!;
    if (end === at) throw fault('an element has length 0', at, at + 2);
    if (end > length) throw fault('an element overruns the filter', at, length);
    elements.push(parseElement(bytes, at, end));
    at = end;
  }
  return new FilterView(bytes, elements);
}

function parseElement(bytes: Uint8Array, at: number, end: number): FilterElementView {
  const name = NAMES.get(bytes[at]!);
  if (name === undefined) throw fault(`unknown element type 0x${bytes[at]!.toString(16)}`, at, end);
  const start = at + FILTER_HEAD_BYTES;
  const entryBytes = ENTRY_BYTES[name];
  if (entryBytes === undefined) {
    return new FilterElementView(name, bytes, start, tagEntriesEnd(bytes, start, end));
  }
  if ((end - start) % entryBytes !== 0) {
    throw fault(`${name}: the data is no sequence of ${entryBytes}-byte entries`, at, end);
  }
  if (FILTER_ELEMENT[name] >= 0x80 && name !== 'exclude' && end - start !== 8) {
    throw fault(`${name}: the data is not one timestamp`, at, end);
  }
  if (entryBytes === 8 && name !== 'kinds') {
    for (let entry = start; entry < end; entry += 8) {
      if (!isTimestampAt(bytes, entry)) {
        throw fault(`${name}: a timestamp's first bit is 1`, entry, entry + 8);
      }
    }
  }
  if (name === 'exclude') {
    for (let entry = start; entry < end; entry += 32) {
      if (!isTimestampAt(bytes, entry)) {
        throw fault('exclude: an ID prefix starts with a 1 bit', entry, entry + 32);
      }
    }
  }
  return new FilterElementView(name, bytes, start, end);
}

/** Offset behind the last tag of an element; what follows is zero padding, or it throws. */
function tagEntriesEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (end - at >= 2) {
    const length = readU16(bytes, at);
    if (length === 0) break;
    if (length < TAG_HEAD_BYTES) throw fault(`a tag has length ${length}`, at, at + 2);
    if (at + length > end) throw fault('a tag overruns its element', at, end);
    at += length;
  }
  for (let i = at; i < end; i++) {
    if (bytes[i] !== 0) throw fault('padding behind the tags is not zero', at, end);
  }
  return at;
}

function fault(message: string, start: number, end: number): MosaicError {
  return invalid('filter', `filter: ${message}`, start, end);
}
