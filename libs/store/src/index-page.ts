/**
 * Pages of the index: the bytes in which entries of one path value are packed, so that reading the
 * newest twenty of an author is one read and a batch of a kind is one write.
 *
 *     [0]       1 where older pages follow, else 0
 *     [1:1+p)   where they do: the lower bound, a position; the next older page holds what is below
 *     …         entries, newest first:
 *               [position p] [1 bit held, 7 bits n] [location n]
 *
 * The pages of a path value cover all positions without a gap: the head from its lower bound
 * upwards, every older page from its own lower bound up to its key's position, exclusive.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { IndexEntry } from './record-index.ts';
import type { Location } from './segment-log.ts';

/**
 * Most bytes of a page. LMDB keeps values in its own 4,096-byte pages only while key and value take
 * less than half of one.
 */
export const PAGE_BYTES_MAX = 1_900;
/** Most bytes of a location. */
export const LOCATION_BYTES_MAX = 0x7f;

const HELD = 0x80;

/** Refuses locations that do not fit into an entry. */
export function assertLocation(location: Location): void {
  if (location.length <= LOCATION_BYTES_MAX) return;
  const message = `a location has at most ${LOCATION_BYTES_MAX} bytes, not ${location.length}`;
  throw new MosaicError('invalid', 'index-location', message);
}

/** Flag byte of an entry. */
export function entryFlags(location: Location, held: boolean): number {
  assertLocation(location);
  return location.length | (held ? HELD : 0);
}

/** Whether a flag byte says held. */
export function flagsHeld(flags: number): boolean {
  return (flags & HELD) !== 0;
}

/** Bytes of the location behind a flag byte. */
export function flagsLocationBytes(flags: number): number {
  return flags & LOCATION_BYTES_MAX;
}

/** Offset of the first entry. */
export function entriesStart(page: Uint8Array, positionBytes: number): number {
  return page[0] === 0 ? 1 : 1 + positionBytes;
}

/** The lower bound, a copy; undefined: no older page. */
export function lowerBound(page: Uint8Array, positionBytes: number): Uint8Array | undefined {
  if (page[0] === 0) return undefined;
  const lower = new Uint8Array(positionBytes);
  for (let i = 0; i < positionBytes; i++) lower[i] = page[1 + i]!;
  return lower;
}

/** Offset behind the entry at `at`. */
export function entryEnd(page: Uint8Array, at: number, positionBytes: number): number {
  return at + positionBytes + 1 + flagsLocationBytes(page[at + positionBytes]!);
}

/** Compares `length` bytes of two arrays: negative, zero or positive. */
export function compareAt(
  a: Uint8Array,
  aAt: number,
  b: Uint8Array,
  bAt: number,
  length: number,
): number {
  for (let i = 0; i < length; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * An entry over a copy of page bytes. Its fields are made when they are read: a merge of many paths
 * asks for the positions of few entries, and for the locations of fewer.
 */
export class PageEntry implements IndexEntry {
  readonly #bytes: Buffer;
  readonly #at: number;
  readonly #positionBytes: number;

  /** @param bytes holds an entry at `at`, and never changes */
  constructor(bytes: Buffer, at: number, positionBytes: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#positionBytes = positionBytes;
  }

  get position(): Uint8Array {
    return this.#view(this.#at, this.#positionBytes);
  }

  get location(): Location {
    const flagsAt = this.#at + this.#positionBytes;
    return this.#view(flagsAt + 1, flagsLocationBytes(this.#bytes[flagsAt]!));
  }

  get held(): boolean {
    return flagsHeld(this.#bytes[this.#at + this.#positionBytes]!);
  }

  #view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }
}
