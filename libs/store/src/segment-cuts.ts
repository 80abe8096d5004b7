/**
 * What was cut out of a segment file that was written again without some of its entries. Locations and
 * positions go on saying where things were, so nobody who knows one has to be told:
 *
 *     [0:24)  head of a part, as of a frame: `43 75 74 73` ("Cuts"), entries: number of cuts
 *     [24:…)  cuts, ascending: where it began (4), bytes (4), both by the offsets of before
 *
 * It stands behind the header. So an entry lies before the place that it says, by what was cut out before it, and
 * behind it by the bytes of this table.
 */
import { readU32, writeU32 } from '@mosaic-cluster/protocol';
import {
  isPartWhole,
  PART_HEAD_BYTES,
  type PartPlace,
  readPartHead,
  sealPart,
  SEGMENT_HEADER_BYTES,
  segmentDamage,
} from './segment-format.ts';

/** Bytes of a cut. */
const CUT_BYTES = 8;

/** A stretch of a segment that is not there any more. */
export interface Cut {
  readonly start: number;
  readonly bytes: number;
}

/** The cuts of one segment. */
export class SegmentCuts {
  // Numbers side by side: they stay in memory as long as the log is open, and a segment may have a hundred thousand.
  /** Where each began, ascending; none touches another. */
  readonly #starts: Uint32Array;
  /** Per cut, the bytes that were cut out before it; one more than cuts. */
  readonly #before: Uint32Array;
  /** Of the table. */
  readonly tableBytes: number;

  /** @param cuts in any order, none over another */
  constructor(cuts: readonly Cut[]) {
    const joined: Cut[] = [];
    for (const cut of cuts.toSorted((a, b) => a.start - b.start)) {
      const last = joined.at(-1);
      if (last === undefined || last.start + last.bytes < cut.start) joined.push(cut);
      else joined[joined.length - 1] = { start: last.start, bytes: last.bytes + cut.bytes };
    }
    this.#starts = Uint32Array.from(joined, ({ start }) => start);
    this.#before = new Uint32Array(joined.length + 1);
    joined.forEach(({ bytes }, i) => {
      this.#before[i + 1] = this.#before[i]! + bytes;
    });
    this.tableBytes = PART_HEAD_BYTES + joined.length * CUT_BYTES;
  }

  /** By their starts. */
  get all(): Cut[] {
    return Array.from(this.#starts, (start, i) => ({ start, bytes: this.#bytesOf(i) }));
  }

  /** Where in the file an entry is; undefined: it was cut out. */
  physicalOf(offset: number): number | undefined {
    const i = this.#cutsBefore(offset);
    if (offset < this.#endOf(i - 1)) return undefined;
    return offset - this.#before[i]! + this.tableBytes;
  }

  /** Where in the file a place between commits is, also one in what was cut out. */
  placeOf(offset: number): number {
    if (offset <= SEGMENT_HEADER_BYTES) return offset;
    const i = this.#cutsBefore(offset);
    return Math.max(offset, this.#endOf(i - 1)) - this.#before[i]! + this.tableBytes;
  }

  /** Where something was that lies at a place in the file. */
  logicalOf(physical: number): number {
    if (physical <= SEGMENT_HEADER_BYTES) return physical;
    const place = physical - this.tableBytes;
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! - this.#before[middle]! <= place) low = middle + 1;
      else high = middle;
    }
    return place + this.#before[low]!;
  }

  /** The table, as it stands behind the header. */
  encode(headerChecksum: number): Uint8Array {
    const bytes = new Uint8Array(this.tableBytes);
    this.#starts.forEach((start, i) => {
      writeU32(bytes, PART_HEAD_BYTES + i * CUT_BYTES, start);
      writeU32(bytes, PART_HEAD_BYTES + i * CUT_BYTES + 4, this.#bytesOf(i));
    });
    const head = { kind: 'cuts', bytes: bytes.length, entries: this.#starts.length } as const;
    sealPart(bytes, head, { offset: SEGMENT_HEADER_BYTES, headerChecksum });
    return bytes;
  }

  #bytesOf(i: number): number {
    return this.#before[i + 1]! - this.#before[i]!;
  }

  /** Where a cut ended; 0 for one before the first. */
  #endOf(i: number): number {
    return i < 0 ? 0 : this.#starts[i]! + this.#bytesOf(i);
  }

  /** How many cuts begin at an offset or before it. */
  #cutsBefore(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * How many bytes the table has whose head these bytes begin with.
 *
 * @throws MosaicError `corrupt` (`segment`)
 */
export function cutTableBytes(bytes: Uint8Array, place: PartPlace, name: string): number {
  const head = readPartHead(bytes, 0, place);
  if (typeof head === 'string') throw segmentDamage(name, place.offset, head);
  const fits = head.kind === 'cuts' && head.bytes === PART_HEAD_BYTES + head.entries * CUT_BYTES;
  if (!fits) throw segmentDamage(name, place.offset, 'the table of what was cut out is missing');
  return head.bytes;
}

/**
 * Reads a table.
 *
 * @throws MosaicError `corrupt` (`segment`)
 */
export function decodeCuts(bytes: Uint8Array, place: PartPlace, name: string): SegmentCuts {
  const length = cutTableBytes(bytes, place, name);
  if (bytes.length !== length || !isPartWhole(bytes, 0, length)) {
    throw segmentDamage(name, place.offset, 'the table of what was cut out is damaged');
  }
  const cuts: Cut[] = [];
  for (let at = PART_HEAD_BYTES; at < length; at += CUT_BYTES) {
    cuts.push({ start: readU32(bytes, at), bytes: readU32(bytes, at + 4) });
  }
  return new SegmentCuts(cuts);
}
