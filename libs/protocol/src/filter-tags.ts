/**
 * The tag part of a compiled filter. A filter and a record may each hold 16,000 tags, so comparing
 * each with each would let one client stop a server: the filter's tags are sorted once, and a
 * record costs one look-up per tag of its own.
 *
 * Source: Mosaic specification 0.8.0, "Filter", included and excluded tags.
 */
import { readU16 } from './bytes.ts';
import type { FilterElementView } from './filter.ts';
import { tagEnd } from './tag.ts';

/** Matches until the marks start anew: small enough to stay an unboxed integer. */
const MATCHES_PER_ROUND = 2 ** 30 - 1;

/** A tag that a filter names, once, with everything that it decides. */
interface Needle {
  readonly source: Uint8Array;
  readonly at: number;
  readonly length: number;
  /** Which included-tags elements name it. */
  readonly included: number[];
  isExcluded: boolean;
}

/** Order of two tags: by length, then by bytes; the length is compared with the first two. */
function compareTags(
  a: Uint8Array,
  atA: number,
  lengthA: number,
  b: Uint8Array,
  atB: number,
  lengthB: number,
): number {
  if (lengthA !== lengthB) return lengthA - lengthB;
  for (let i = 2; i < lengthA; i++) {
    const difference = a[atA + i]! - b[atB + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareNeedles(a: Needle, b: Needle): number {
  return compareTags(a.source, a.at, a.length, b.source, b.at, b.length);
}

function sortedNeedles(
  included: readonly FilterElementView[],
  excluded: readonly FilterElementView[],
): Needle[] {
  const needles: Needle[] = [];
  const collect = (element: FilterElementView, index: number | undefined): void => {
    for (const { source, start: at, length } of element.tags) {
      const isExcluded = index === undefined;
      needles.push({ source, at, length, included: isExcluded ? [] : [index], isExcluded });
    }
  };
  for (const [index, element] of included.entries()) collect(element, index);
  for (const element of excluded) collect(element, undefined);
  needles.sort(compareNeedles);
  const unique: Needle[] = [];
  for (const needle of needles) {
    const last = unique.at(-1);
    if (last === undefined || compareNeedles(last, needle) !== 0) {
      unique.push(needle);
      continue;
    }
    last.included.push(...needle.included);
    last.isExcluded ||= needle.isExcluded;
  }
  return unique;
}

/** Asks of a record's tags: at least one of every included element, and none of the excluded. */
export class TagMatcher {
  readonly #needles: readonly Needle[];
  readonly #elementCount: number;
  readonly #excludesAny: boolean;
  /** The match in which an element or a needle was last met: no clearing between records. */
  readonly #elementMetIn: Uint32Array;
  readonly #needleMetIn: Uint32Array;
  #match = 0;

  /** Keeps the elements' bytes, which must not change. */
  constructor(included: readonly FilterElementView[], excluded: readonly FilterElementView[]) {
    this.#needles = sortedNeedles(included, excluded);
    this.#elementCount = included.length;
    this.#excludesAny = this.#needles.some((needle) => needle.isExcluded);
    this.#elementMetIn = new Uint32Array(included.length);
    this.#needleMetIn = new Uint32Array(this.#needles.length);
  }

  /** Whether the tags in `[start:end)` satisfy every element. Allocates nothing. */
  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const match = this.#nextMatch();
    let missing = this.#elementCount;
    if (missing === 0 && !this.#excludesAny) return true;
    for (let at = start; at < end; ) {
      const next = tagEnd(bytes, at, end);
      const index = this.#find(bytes, at, next - at);
      at = next;
      if (index < 0 || this.#needleMetIn[index] === match) continue;
      this.#needleMetIn[index] = match;
      const needle = this.#needles[index]!;
      if (needle.isExcluded) return false;
      missing -= this.#meet(needle.included, match);
      if (missing === 0 && !this.#excludesAny) return true;
    }
    return missing === 0;
  }

  /** How many elements were not met before in this match. */
  #meet(elements: readonly number[], match: number): number {
    let count = 0;
    for (let i = 0; i < elements.length; i++) {
      const element = elements[i]!;
      if (this.#elementMetIn[element] === match) continue;
      this.#elementMetIn[element] = match;
      count += 1;
    }
    return count;
  }

  /** Index of the needle that is the tag of `length` bytes at `at`; −1 where none is. */
  #find(bytes: Uint8Array, at: number, length: number): number {
    if (readU16(bytes, at) !== length) return -1;
    let low = 0;
    let high = this.#needles.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const needle = this.#needles[middle]!;
      const order = compareTags(bytes, at, length, needle.source, needle.at, needle.length);
      if (order === 0) return middle;
      if (order < 0) high = middle - 1;
      else low = middle + 1;
    }
    return -1;
  }

  #nextMatch(): number {
    if (this.#match === MATCHES_PER_ROUND) {
      this.#elementMetIn.fill(0);
      this.#needleMetIn.fill(0);
      this.#match = 0;
    }
    this.#match += 1;
    return this.#match;
  }
}
