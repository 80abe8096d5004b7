/**
 * Keeps recently used pieces of segments in memory, within a bound of bytes, and decides which to let
 * go (CLOCK: a piece that was read since the hand came by gets another round).
 */
import type { Block } from './segment-cache.ts';

/**
 * Bytes of a piece. A request costs as much CPU as moving some hundred KiB; so small segments come
 * as a whole, and of large ones what lies around the entry that was asked for.
 */
export const PIECE_BYTES: number = 256 * 1024;
/** What JavaScript needs for a piece besides its bytes: buffer, views, map entries. */
const PIECE_OVERHEAD_BYTES = 768;

interface Slot {
  readonly block: Block;
  readonly segment: string;
  readonly index: number;
  readonly bytes: number;
  wasRead: boolean;
}

/** Pieces of all segments of a log. */
export class PieceCache {
  readonly #bytesMax: number;
  /** By segment, then by number: offset / {@link PIECE_BYTES}. */
  readonly #segments = new Map<string, Map<number, Slot>>();
  readonly #slots: Slot[] = [];
  #hand = 0;
  #bytes = 0;

  /** @param bytesMax most memory, overhead included */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Memory in use, overhead included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A piece of a segment. */
  get(segment: string, index: number): Block | undefined {
    const slot = this.#segments.get(segment)?.get(index);
    if (slot === undefined) return undefined;
    slot.wasRead = true;
    return slot.block;
  }

  /** Keeps a piece, in the place of others where the cache is full. Its bytes must not change. */
  put(segment: string, index: number, block: Block): void {
    const bytes = block.bytes.buffer.byteLength + PIECE_OVERHEAD_BYTES;
    if (bytes > this.#bytesMax) return;
    const known = this.#segments.get(segment);
    if (known?.has(index) === true) return;
    while (this.#bytes + bytes > this.#bytesMax) this.#evict();
    const slot: Slot = { block, segment, index, bytes, wasRead: false };
    // Evicting may have dropped the segment's last piece, and its map.
    const pieces = this.#segments.get(segment) ?? new Map<number, Slot>();
    pieces.set(index, slot);
    this.#segments.set(segment, pieces);
    this.#slots.push(slot);
    this.#bytes += bytes;
  }

  // Ends after at most one round: it resets what it passes.
  #evict(): void {
    for (;;) {
      if (this.#hand >= this.#slots.length) this.#hand = 0;
      const slot = this.#slots[this.#hand]!;
      if (!slot.wasRead) return this.#drop(slot);
      slot.wasRead = false;
      this.#hand += 1;
    }
  }

  #drop(slot: Slot): void {
    const last = this.#slots.pop()!;
    if (last !== slot) this.#slots[this.#hand] = last;
    this.#bytes -= slot.bytes;
    const pieces = this.#segments.get(slot.segment)!;
    pieces.delete(slot.index);
    if (pieces.size === 0) this.#segments.delete(slot.segment);
  }
}
