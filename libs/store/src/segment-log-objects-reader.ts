/**
 * Reads single entries of segments on an object store: from memory where their pieces are there, else
 * with few requests, each piece once however many ask for it.
 */
import {
  type ByteRange,
  isMosaicError,
  MosaicError,
  RECORD_BYTES_MAX,
  RECORD_HEAD_BYTES,
} from '@mosaic-cluster/protocol';
import type { ObjectStore } from './object-store.ts';
import type { Turnstile } from './object-store-turnstile.ts';
import type { Block } from './segment-cache.ts';
import { SEGMENT_HEADER_BYTES, segmentDamage } from './segment-format.ts';
import { ENTRY_HEAD_BYTES, entryAt } from './segment-frame.ts';
import type { Location, LogEntry } from './segment-log.ts';
import {
  decodeObjectLocation,
  OBJECT_LOCATION_BYTES,
  OBJECT_POSITION_BYTES,
  offsetIn,
  recordBytesIn,
  SEGMENT_TIME_MS_MAX,
  segmentName,
} from './segment-log-objects-address.ts';
import { PIECE_BYTES, type PieceCache } from './segment-log-objects-cache.ts';
import { allSettled, joinedEntry } from './segment-reader.ts';

/** Entries of one call that are fetched at the same time: bounds the pieces held meanwhile. */
const FETCH_ENTRIES_MAX = 64;
/** Neighbouring pieces that come with one request. */
const RUN_PIECES_MAX = 8;
const PIECE_MASK = PIECE_BYTES - 1;

/** What the reader works on. */
export interface ObjectReaderOptions {
  readonly store: ObjectStore;
  /** What stands before a segment's name. */
  readonly prefix: string;
  readonly cache: PieceCache;
  readonly turnstile: Turnstile;
  /** Milliseconds for all entries of a call. */
  readonly readTimeoutMs: number;
}

/** Where an entry lies: its segment in the cache and on the store, and its bytes there. */
interface Place {
  readonly segment: string;
  readonly name: string;
  readonly offset: number;
  readonly recordBytes: number;
}

interface Wanted {
  readonly name: string;
  readonly indexes: Set<number>;
}

/** Reads entries at locations. */
export class ObjectReader {
  readonly #options: ObjectReaderOptions;
  /** By segment and number; gone when it has come or failed. */
  readonly #loading = new Map<string, Promise<Block>>();
  readonly figures: { hits: number; misses: number } = { hits: 0, misses: 0 };

  constructor(options: ObjectReaderOptions) {
    this.#options = options;
  }

  /** The entry where all of its bytes are in memory. */
  peek(location: Location): LogEntry | undefined {
    const entry = this.#inMemory(location);
    if (entry !== undefined) this.figures.hits += 1;
    return entry;
  }

  #inMemory(location: Location): LogEntry | undefined {
    if (location.length !== OBJECT_LOCATION_BYTES) return undefined;
    const offset = offsetIn(location);
    const recordBytes = recordBytesIn(location);
    if (!fits(offset, recordBytes)) return undefined;
    const { cache } = this.#options;
    const segment = segmentOf(location);
    const first = cache.get(segment, Math.floor(offset / PIECE_BYTES));
    if (first === undefined) return undefined;
    const at = offset & PIECE_MASK;
    if (at + ENTRY_HEAD_BYTES + recordBytes <= first.bytes.length) {
      return entryAt(first.bytes, first.view, at, recordBytes);
    }
    const blocks: Block[] = [];
    for (const index of indexesOf({ offset, recordBytes })) {
      const block = cache.get(segment, index);
      if (block === undefined) return undefined;
      blocks.push(block);
    }
    return joinedEntry(blocks, at, recordBytes);
  }

  /**
   * The entries at locations, in that order. What was not in memory comes in memory of its own.
   *
   * @throws MosaicError `invalid` (`location`), `corrupt` (`segment`), `not-found` (`segment`),
   *   `unavailable` (`segment-timeout` and others), `limited` (`log-busy`)
   */
  async read(locations: readonly Location[]): Promise<readonly LogEntry[]> {
    const entries = locations.map((location) => this.peek(location));
    const missing: number[] = [];
    const deadline = performance.now() + this.#options.readTimeoutMs;
    for (let i = 0; i < entries.length; i++) if (entries[i] === undefined) missing.push(i);
    this.figures.misses += missing.length;
    for (let from = 0; from < missing.length; from += FETCH_ENTRIES_MAX) {
      const chunk = missing.slice(from, from + FETCH_ENTRIES_MAX);
      const places = chunk.map((i) => this.#placeOf(locations[i]!));
      const pieces = this.#request(places, deadline);
      const fetched = await allSettled(places.map((place) => fetchedEntry(place, pieces)));
      for (let i = 0; i < chunk.length; i++) entries[chunk[i]!] = fetched[i];
    }
    return entries as LogEntry[];
  }

  #placeOf(location: Location): Place {
    const { key, offset, recordBytes } = decodeObjectLocation(location);
    if (key.timeMs > SEGMENT_TIME_MS_MAX) {
      throw new MosaicError('not-found', 'segment', 'there is no segment of that time');
    }
    const name = this.#options.prefix + segmentName(key);
    if (!fits(offset, recordBytes)) {
      throw segmentDamage(name, offset, `no entry of ${recordBytes} bytes fits here`);
    }
    return { segment: segmentOf(location), name, offset, recordBytes };
  }

  /** Asks for every piece of these entries; the promises need not be waited for. */
  #request(places: readonly Place[], deadline: number): ReadonlyMap<string, Promise<Block>> {
    const pieces = new Map<string, Promise<Block>>();
    const wanted = new Map<string, Wanted>();
    for (const place of places) {
      const { segment, name } = place;
      for (const index of indexesOf(place)) {
        const id = pieceId(segment, index);
        if (pieces.has(id)) continue;
        const block = this.#options.cache.get(segment, index);
        const coming = block === undefined ? this.#loading.get(id) : Promise.resolve(block);
        if (coming !== undefined) {
          pieces.set(id, coming);
          continue;
        }
        const ofSegment = wanted.get(segment) ?? { name, indexes: new Set<number>() };
        ofSegment.indexes.add(index);
        wanted.set(segment, ofSegment);
      }
    }
    for (const [segment, { name, indexes }] of wanted) {
      for (const run of runsOf([...indexes].sort((a, b) => a - b))) {
        const [first = 0] = run;
        const range = { start: first * PIECE_BYTES, end: (first + run.length) * PIECE_BYTES };
        this.#take(segment, run, this.#get(name, range, deadline), pieces);
      }
    }
    return pieces;
  }

  /** Makes pieces of the bytes that come. */
  #take(
    segment: string,
    run: readonly number[],
    bytes: Promise<Uint8Array>,
    pieces: Map<string, Promise<Block>>,
  ): void {
    run.forEach((index, i) => {
      const id = pieceId(segment, index);
      const piece = bytes.then((all) => {
        const block = blockOf(all, i * PIECE_BYTES);
        if (block.bytes.length > 0) this.#options.cache.put(segment, index, block);
        return block;
      });
      const settled = piece.finally(() => this.#loading.delete(id));
      // Whoever waits for it gets the failure; nobody may be waiting any more.
      settled.catch(() => undefined);
      this.#loading.set(id, settled);
      pieces.set(id, settled);
    });
  }

  /** Waiting for a turn counts too: those who came before are not let wait any longer. */
  async #get(name: string, range: ByteRange, deadline: number): Promise<Uint8Array> {
    const { store, turnstile, readTimeoutMs } = this.#options;
    const leftMs = Math.max(0, Math.ceil(deadline - performance.now()));
    const signal = AbortSignal.timeout(leftMs);
    try {
      return await turnstile.pass(() => store.get(name, range, { signal }));
    } catch (error) {
      if (!signal.aborted) throw readError(error, name);
      const message = `${store.name} did not bring ${name} within ${readTimeoutMs} ms`;
      throw new MosaicError('unavailable', 'segment-timeout', message);
    }
  }
}

/** The error of a log for what an object store threw while a segment was read. */
export function readError(error: unknown, name: string): unknown {
  if (!isMosaicError(error)) return error;
  if (error.kind === 'not-found') {
    return new MosaicError('not-found', 'segment', `there is no segment ${name}`, { cause: error });
  }
  if (error.kind === 'limited') {
    return new MosaicError('limited', 'log-busy', error.message, { cause: error });
  }
  if (error.kind !== 'unauthorized') return error;
  return new MosaicError('unavailable', 'segment-read', error.message, { cause: error });
}

function fits(offset: number, recordBytes: number): boolean {
  return (
    offset >= SEGMENT_HEADER_BYTES &&
    recordBytes >= RECORD_HEAD_BYTES &&
    recordBytes <= RECORD_BYTES_MAX
  );
}

// The bytes that name the segment, as a string: maps find it by its content.
function segmentOf(location: Location): string {
  const { buffer, byteOffset } = location;
  return Buffer.from(buffer, byteOffset, OBJECT_POSITION_BYTES).toString('latin1');
}

function pieceId(segment: string, index: number): string {
  return `${segment}${index}`;
}

function indexesOf({ offset, recordBytes }: Pick<Place, 'offset' | 'recordBytes'>): number[] {
  const last = Math.floor((offset + ENTRY_HEAD_BYTES + recordBytes - 1) / PIECE_BYTES);
  const indexes: number[] = [];
  for (let index = Math.floor(offset / PIECE_BYTES); index <= last; index++) indexes.push(index);
  return indexes;
}

function runsOf(indexes: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const index of indexes) {
    const run = runs.at(-1);
    if (run !== undefined && run.length < RUN_PIECES_MAX && run.at(-1) === index - 1) {
      run.push(index);
    } else runs.push([index]);
  }
  return runs;
}

/** A piece in memory of its own, so that dropping it frees it. */
export function blockOf(bytes: Uint8Array, start: number): Block {
  const end = Math.min(start + PIECE_BYTES, bytes.length);
  const isAlone = start === 0 && end === bytes.buffer.byteLength;
  const own = isAlone ? bytes : new Uint8Array(bytes.subarray(start, end));
  return { bytes: own, view: new DataView(own.buffer, own.byteOffset, own.byteLength) };
}

async function fetchedEntry(
  place: Place,
  pieces: ReadonlyMap<string, Promise<Block>>,
): Promise<LogEntry> {
  const { segment, name, offset, recordBytes } = place;
  const coming = indexesOf(place).map((index) => pieces.get(pieceId(segment, index))!);
  const blocks = await allSettled(coming);
  const at = offset & PIECE_MASK;
  // Always joined, that is copied: a piece is much larger than what the caller keeps of it.
  const entry = joinedEntry(blocks, at, recordBytes);
  if (entry === undefined) throw segmentDamage(name, offset, 'no such entry is here');
  return entry;
}
