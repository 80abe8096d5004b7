/**
 * Reads single entries of segments: from memory where their blocks are there, else from the file,
 * each block once however many ask for it.
 */
import {
  MosaicError,
  readU32BE,
  RECORD_BYTES_MAX,
  RECORD_HEAD_BYTES,
} from '@mosaic-cluster/protocol';
import { decodeLocation, type EntryAddress, LOCATION_BYTES } from './segment-address.ts';
import {
  allocateBlock,
  type Block,
  BLOCK_BYTES,
  BLOCK_SHIFT,
  type BlockCache,
} from './segment-cache.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentFileSystem } from './segment-file-system.ts';
import { SEGMENT_HEADER_BYTES, segmentDamage } from './segment-format.ts';
import { ENTRY_HEAD_BYTES, entryAt } from './segment-frame.ts';
import { isRewritten, type ReadHandles, readFailure } from './segment-handles.ts';
import type { Location, LogEntry } from './segment-log.ts';

const BLOCK_MASK = BLOCK_BYTES - 1;
/** Entries of one call that are fetched from the file at the same time. */
const FETCH_ENTRIES_MAX = 128;
/** Attempts to read from a segment that is being written again. */
const ATTEMPTS_MAX = 8;

/** What the reader works on. */
export interface SegmentReaderOptions {
  readonly segments: ReadonlyMap<number, SegmentFile>;
  readonly cache: BlockCache;
  readonly handles: ReadHandles;
  /** A segment that was written again since it was looked at, as it is now; from then on it is in `segments`. */
  readonly lookAgain: (segment: SegmentFile) => Promise<SegmentFile>;
  readonly fileSystem: SegmentFileSystem;
  /** Blocks that are read from files at the same time. */
  readonly loadsMax: number;
  /** Blocks that may wait for that; above it reads are refused. */
  readonly loadsWaitingMax: number;
}

/** Reads entries at locations. */
export class SegmentReader {
  readonly #options: SegmentReaderOptions;
  readonly #loading = new Map<SegmentFile, Map<number, Promise<Block>>>();
  readonly #waiting: (() => void)[] = [];
  #loads = 0;
  readonly figures: { hits: number; misses: number } = { hits: 0, misses: 0 };

  constructor(options: SegmentReaderOptions) {
    this.#options = options;
  }

  /** The entry where all of its bytes are in memory. */
  peek(location: Location): LogEntry | undefined {
    const entry = this.#inMemory(location);
    if (entry !== undefined) this.figures.hits += 1;
    return entry;
  }

  #inMemory(location: Location): LogEntry | undefined {
    if (location.length !== LOCATION_BYTES) return undefined;
    const segment = this.#options.segments.get(readU32BE(location, 0));
    if (segment === undefined) return undefined;
    const offset = segment.physicalOf(readU32BE(location, 4));
    if (offset === undefined) return undefined;
    const recordBytes = readU32BE(location, 8);
    const end = offset + ENTRY_HEAD_BYTES + recordBytes;
    if (end > segment.framesEnd || recordBytes > RECORD_BYTES_MAX) return undefined;
    const block = segment.blockAt(offset);
    if (block === undefined) return undefined;
    const at = offset & BLOCK_MASK;
    if (at + ENTRY_HEAD_BYTES + recordBytes <= block.bytes.length) {
      return entryAt(block.bytes, block.view, at, recordBytes);
    }
    const blocks = blocksInMemory(segment, offset, end);
    return blocks === undefined ? undefined : joinedEntry(blocks, at, recordBytes);
  }

  /**
   * The entries at locations, in that order.
   *
   * @throws MosaicError `invalid` (`location`), `corrupt` (`segment`), `not-found` (`segment`),
   *   `unavailable` (`segment-read`), `limited` (`log-busy`)
   */
  async read(locations: readonly Location[]): Promise<readonly LogEntry[]> {
    const entries = locations.map((location) => this.peek(location));
    const missing: number[] = [];
    for (let i = 0; i < entries.length; i++) if (entries[i] === undefined) missing.push(i);
    this.figures.misses += missing.length;
    for (let from = 0; from < missing.length; from += FETCH_ENTRIES_MAX) {
      const fetching = missing.slice(from, from + FETCH_ENTRIES_MAX).map(async (i) => {
        entries[i] = await this.#fetchNow(decodeLocation(locations[i]!));
      });
      await allSettled(fetching);
    }
    return entries as LogEntry[];
  }

  /** Once more where the segment was written again meanwhile. */
  async #fetchNow(address: EntryAddress): Promise<LogEntry> {
    const { segments, lookAgain } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const segment = segments.get(address.segment);
      try {
        return await this.#fetch(address);
      } catch (error) {
        const isOver = attempt === ATTEMPTS_MAX || segment === undefined;
        if (!isRewritten(error) || isOver) throw error;
        await lookAgain(segment);
      }
    }
  }

  async #fetch(address: EntryAddress): Promise<LogEntry> {
    const { recordBytes } = address;
    const segment = this.#segmentOf(address);
    const offset = segment.physicalOf(address.offset)!;
    const end = offset + ENTRY_HEAD_BYTES + recordBytes;
    const fetching: Promise<Block>[] = [];
    for (let index = offset >>> BLOCK_SHIFT; index <= (end - 1) >>> BLOCK_SHIFT; index++) {
      fetching.push(this.#block(segment, index));
    }
    const blocks = await allSettled(fetching);
    const [first] = blocks;
    const at = offset & BLOCK_MASK;
    const entry =
      first !== undefined && blocks.length === 1
        ? entryAt(first.bytes, first.view, at, recordBytes)
        : joinedEntry(blocks, at, recordBytes);
    if (entry === undefined) throw segmentDamage(segment.name, offset, 'no such entry is here');
    return entry;
  }

  #segmentOf({ segment: number, offset: logical, recordBytes }: EntryAddress): SegmentFile {
    const segment = this.#options.segments.get(number);
    if (segment === undefined) {
      throw new MosaicError('not-found', 'segment', `there is no segment ${number}`);
    }
    const offset = segment.physicalOf(logical);
    if (offset === undefined) throw cutOut(segment.name, logical);
    const end = offset + ENTRY_HEAD_BYTES + recordBytes;
    const fits =
      offset % 8 === 0 &&
      offset >= SEGMENT_HEADER_BYTES &&
      recordBytes >= RECORD_HEAD_BYTES &&
      recordBytes <= RECORD_BYTES_MAX &&
      end <= segment.framesEnd;
    if (!fits)
      throw segmentDamage(segment.name, offset, `no entry of ${recordBytes} bytes fits here`);
    return segment;
  }

  #block(segment: SegmentFile, index: number): Promise<Block> {
    const block = segment.block(index);
    if (block !== undefined) return Promise.resolve(block);
    const ofSegment = this.#loading.get(segment) ?? new Map<number, Promise<Block>>();
    const running = ofSegment.get(index);
    if (running !== undefined) return running;
    const load = this.#load(segment, index).finally(() => {
      ofSegment.delete(index);
      if (ofSegment.size === 0) this.#loading.delete(segment);
    });
    ofSegment.set(index, load);
    this.#loading.set(segment, ofSegment);
    return load;
  }

  async #load(segment: SegmentFile, index: number): Promise<Block> {
    const { cache, handles, fileSystem } = this.#options;
    await this.#turn();
    try {
      const start = index * BLOCK_BYTES;
      const block = allocateBlock(Math.min(BLOCK_BYTES, segment.framesEnd - start));
      const { length } = block.bytes;
      const bytes = await handles.use(segment, async (file) => {
        try {
          return await fileSystem.read(file, block.bytes, start);
        } catch (error) {
          throw readFailure(segment.name, error);
        }
      });
      if (bytes < length) throw segmentDamage(segment.name, start + bytes, 'the file ends here');
      cache.put(segment.blocks, index, block);
      return block;
    } finally {
      this.#leave();
    }
  }

  #turn(): Promise<void> | undefined {
    const { loadsMax, loadsWaitingMax } = this.#options;
    if (this.#loads < loadsMax) {
      this.#loads += 1;
      return undefined;
    }
    if (this.#waiting.length >= loadsWaitingMax) {
      const message = `${loadsWaitingMax} blocks wait to be read already`;
      throw new MosaicError('limited', 'log-busy', message);
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  // The place is handed on, so that a newcomer cannot slip in before the one who waits.
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#loads -= 1;
    else next();
  }
}

function cutOut(name: string, offset: number): MosaicError {
  const message = `segment ${name} was written again without the entry at byte ${offset}`;
  return new MosaicError('not-found', 'segment', message);
}

function blocksInMemory(segment: SegmentFile, offset: number, end: number): Block[] | undefined {
  const blocks: Block[] = [];
  for (let index = offset >>> BLOCK_SHIFT; index <= (end - 1) >>> BLOCK_SHIFT; index++) {
    const block = segment.block(index);
    if (block === undefined) return undefined;
    blocks.push(block);
  }
  return blocks;
}

/** An entry that lies across blocks, in memory of its own. */
export function joinedEntry(
  blocks: readonly Block[],
  at: number,
  recordBytes: number,
): LogEntry | undefined {
  const joined = allocateBlock(ENTRY_HEAD_BYTES + recordBytes);
  let from = at;
  let filled = 0;
  for (const { bytes } of blocks) {
    const part = bytes.subarray(from, from + joined.bytes.length - filled);
    joined.bytes.set(part, filled);
    filled += part.length;
    from = 0;
  }
  return filled < joined.bytes.length
    ? undefined
    : entryAt(joined.bytes, joined.view, 0, recordBytes);
}

/** Waits for all, so that nothing runs on after a failure; then throws the first one. */
export async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
