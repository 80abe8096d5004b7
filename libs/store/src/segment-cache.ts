/**
 * Keeps recently used bytes of segments in memory, in blocks of one size, and decides which to let
 * go (CLOCK: a block that was read since the hand came by gets another round).
 */

/** Bytes of a block: a compromise between the cost of a miss and what a lone hit wastes. */
export const BLOCK_BYTES = 32_768;
/** log₂ of {@link BLOCK_BYTES}. */
export const BLOCK_SHIFT = 15;
/** What JavaScript needs for a block besides its bytes: buffer, views, map entry. */
const BLOCK_OVERHEAD_BYTES = 512;

/** Bytes of a segment from a multiple of {@link BLOCK_BYTES} on. Never overwritten. */
export interface Block {
  /** Up to {@link BLOCK_BYTES}; only those before the segment's end mean something. */
  readonly bytes: Uint8Array;
  /** Of the same bytes. */
  readonly view: DataView;
}

/** Makes a block of its own memory, so that dropping it frees it. */
export function allocateBlock(bytes: number): Block {
  const { buffer, byteLength } = Buffer.allocUnsafeSlow(bytes);
  return {
    bytes: new Uint8Array(buffer, 0, byteLength),
    view: new DataView(buffer, 0, byteLength),
  };
}

/** A place in the cache. */
export interface CacheSlot {
  readonly block: Block;
  readonly index: number;
  readonly owner: Map<number, CacheSlot>;
  wasRead: boolean;
}

/** The cached blocks of one segment by number: offset / {@link BLOCK_BYTES}. */
export type SegmentBlocks = Map<number, CacheSlot>;

/** The blocks of all segments of a log, within a bound. */
export class BlockCache {
  /** Most blocks. */
  readonly #slotsMax: number;
  readonly #slots: CacheSlot[] = [];
  #hand = 0;

  /** @param bytesMax most memory, overhead included; less than a block: nothing is kept */
  constructor(bytesMax: number) {
    this.#slotsMax = Math.floor(bytesMax / (BLOCK_BYTES + BLOCK_OVERHEAD_BYTES));
  }

  /** Memory in use, overhead included. */
  get bytes(): number {
    return this.#slots.length * (BLOCK_BYTES + BLOCK_OVERHEAD_BYTES);
  }

  /** Keeps a block, in the place of another where the cache is full. */
  put(owner: SegmentBlocks, index: number, block: Block): void {
    if (this.#slotsMax === 0 || owner.has(index)) return;
    const slot: CacheSlot = { block, index, owner, wasRead: false };
    if (this.#slots.length < this.#slotsMax) this.#slots.push(slot);
    else this.#replace(slot);
    owner.set(index, slot);
  }

  // Ends after at most one round: it resets what it passes.
  #replace(slot: CacheSlot): void {
    let victim = this.#slots[this.#hand]!;
    while (victim.wasRead) {
      victim.wasRead = false;
      this.#hand = (this.#hand + 1) % this.#slots.length;
      victim = this.#slots[this.#hand]!;
    }
    victim.owner.delete(victim.index);
    this.#slots[this.#hand] = slot;
    this.#hand = (this.#hand + 1) % this.#slots.length;
  }
}
