/** Writes segments to an object store, each under a key that nobody else has. */
import { equalBytes, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { ObjectStore } from './object-store.ts';
import { SEGMENT_HEADER_BYTES } from './segment-format.ts';
import type { Location, LogEntry } from './segment-log.ts';
import {
  encodeSegmentKey,
  objectLocationsIn,
  type SegmentKey,
  segmentName,
} from './segment-log-objects-address.ts';
import { PIECE_BYTES, type PieceCache } from './segment-log-objects-cache.ts';
import { blockOf } from './segment-log-objects-reader.ts';
import { makeSegment } from './segment-log-objects-segment.ts';

/** What the writer works with. */
export interface ObjectWriterOptions {
  readonly store: ObjectStore;
  readonly role: string;
  /** What stands before a segment's name. */
  readonly prefix: string;
  readonly cache: PieceCache;
  /** From when a segment is begun until it must be durable. */
  readonly putTimeoutMs: number;
  readonly clock: { now(): number };
  readonly monotonicMs: () => number;
  readonly salt: () => Uint8Array;
  /** 0 to 2³²−1, by chance. */
  readonly drawWriter: () => number;
  /** Keys of this writer come after it. */
  readonly newest: SegmentKey | undefined;
}

/** A segment that is durable. */
export interface WrittenSegment {
  readonly key: SegmentKey;
  /** One per entry, in order. */
  readonly locations: readonly Location[];
}

/** Tries to find a key that is free; two in a row that are not are no chance any more. */
const KEYS_MAX = 3;

/** The one who writes in a log. */
export class ObjectWriter {
  readonly #options: ObjectWriterOptions;
  #writer: number;
  #lastMs: number;

  constructor(options: ObjectWriterOptions) {
    this.#options = options;
    this.#writer = options.drawWriter();
    this.#lastMs = options.newest?.timeMs ?? 0;
  }

  /** The last key that was given to a segment, or could be. */
  get last(): SegmentKey {
    return { timeMs: this.#lastMs, writer: this.#writer };
  }

  /**
   * Writes a segment. Its key is set before anything is waited for: what is called earlier gets the
   * smaller key.
   *
   * @throws MosaicError what the store throws; then the segment may be there, or appear later
   */
  async write(entries: readonly LogEntry[]): Promise<WrittenSegment> {
    const { store, role, prefix, cache, putTimeoutMs, monotonicMs, salt } = this.#options;
    const signal = AbortSignal.timeout(putTimeoutMs);
    for (let attempt = 1; ; attempt++) {
      const key = this.#nextKey();
      const begunMs = monotonicMs();
      const name = prefix + segmentName(key);
      const { bytes, offsets } = makeSegment(role, key, salt(), [entries]);
      try {
        await store.put(name, bytes, { signal });
      } catch (error) {
        if (!isTaken(error)) throw error;
        if (!(await this.#isOurs(name, bytes, signal))) {
          if (attempt === KEYS_MAX) throw error;
          this.#writer = this.#options.drawWriter();
          continue;
        }
      }
      // Whoever brings an index up to date relies on it that nothing appears later.
      if (monotonicMs() - begunMs > putTimeoutMs) throw tooLate(name, putTimeoutMs);
      const segment = Buffer.from(encodeSegmentKey(key)).toString('latin1');
      for (let start = 0, index = 0; start < bytes.length; start += PIECE_BYTES, index++) {
        cache.put(segment, index, blockOf(bytes, start));
      }
      const locate = objectLocationsIn(key);
      return {
        key,
        locations: entries.map(({ record }, i) => locate(offsets[i]!, record.bytes.length)),
      };
    }
  }

  #nextKey(): SegmentKey {
    this.#lastMs = Math.max(Math.floor(this.#options.clock.now()), this.#lastMs + 1);
    return { timeMs: this.#lastMs, writer: this.#writer };
  }

  // The store may have written what it did not answer to. The header's random bytes tell.
  async #isOurs(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const range = { start: 0, end: SEGMENT_HEADER_BYTES };
    const there = await this.#options.store.get(name, range, { signal });
    return equalBytes(there, bytes.subarray(0, SEGMENT_HEADER_BYTES));
  }
}

function isTaken(error: unknown): boolean {
  return isMosaicError(error) && error.code === 'object-exists';
}

function tooLate(name: string, putTimeoutMs: number): MosaicError {
  const message = `${name} took longer than ${putTimeoutMs} ms to write`;
  return new MosaicError('unavailable', 'store-timeout', message);
}
