/**
 * Which segments are worth joining: runs of small neighbours that together are much larger than each of
 * them. So every byte is written again a few times at most, however many small segments come. Pure.
 */
import type { SegmentKey } from '../segment-log-objects-address.ts';
import { compareKeys, type ListedSegment } from '../segment-log-objects-scan.ts';

/** How large runs get. */
export interface RunBounds {
  /** Bytes of the sources of one joined segment. */
  readonly bytesMax: number;
  /** Fewer segments are left alone. */
  readonly sourcesMin: number;
  readonly sourcesMax: number;
}

/** Segments to join, in order. */
export interface PlannedRun {
  readonly sources: readonly ListedSegment[];
  /** Of the joined segment: behind all of its sources and before everything else. */
  readonly key: SegmentKey;
}

const WRITER_MAX = 0xffff_ffff;

/** Takes segments in order and says what to join. */
export class RunPlanner {
  readonly #bounds: RunBounds;
  #stretch: ListedSegment[] = [];
  #bytes = 0;

  constructor(bounds: RunBounds) {
    this.#bounds = bounds;
  }

  /** Whether a segment is as large as joining makes them. */
  isLarge({ bytes }: ListedSegment): boolean {
    return bytes * 2 > this.#bounds.bytesMax;
  }

  /** Whether what was taken so far ends before a segment. */
  endsBefore(segment: ListedSegment): boolean {
    const { bytesMax, sourcesMax } = this.#bounds;
    const isFull = this.#bytes + segment.bytes > bytesMax || this.#stretch.length >= sourcesMax;
    return isFull || this.isLarge(segment);
  }

  /** Takes the next segment, where it is not large: those stay as they are. */
  take(segment: ListedSegment): void {
    if (this.isLarge(segment)) return;
    this.#stretch.push(segment);
    this.#bytes += segment.bytes;
  }

  /** Takes no more before this key; returns the runs that end there. */
  end(next: SegmentKey | undefined): PlannedRun[] {
    const runs = runsIn(this.#stretch, next, this.#bounds.sourcesMin);
    this.#stretch = [];
    this.#bytes = 0;
    return runs;
  }
}

/**
 * The key of what stands for some segments: right behind the last of them. Undefined: there is no room
 * before what comes next.
 */
export function joinedKey(last: SegmentKey, next: SegmentKey | undefined): SegmentKey | undefined {
  if (last.writer === WRITER_MAX) return undefined;
  const key = { timeMs: last.timeMs, writer: last.writer + 1 };
  return next === undefined || compareKeys(key, next) < 0 ? key : undefined;
}

/** Where one segment outweighs all the others together, those on its two sides are joined without it. */
function runsIn(
  stretch: readonly ListedSegment[],
  next: SegmentKey | undefined,
  sourcesMin: number,
): PlannedRun[] {
  if (stretch.length < sourcesMin) return [];
  let bytes = 0;
  let largest = 0;
  stretch.forEach((each, i) => {
    bytes += each.bytes;
    if (each.bytes > stretch[largest]!.bytes) largest = i;
  });
  const { key, bytes: largestBytes } = stretch[largest]!;
  if (largestBytes * 2 > bytes) {
    return [
      ...runsIn(stretch.slice(0, largest), key, sourcesMin),
      ...runsIn(stretch.slice(largest + 1), next, sourcesMin),
    ];
  }
  const last = stretch.at(-1)!.key;
  const own = joinedKey(last, next);
  return own === undefined
    ? runsIn(stretch.slice(0, -1), last, sourcesMin)
    : [{ sources: stretch, key: own }];
}
