/**
 * Reads the frames of a segment file one after the other and verifies their checksums, with one
 * chunk read ahead: memory stays within a few chunks and the largest frame.
 */
import {
  isPartWhole,
  PART_HEAD_BYTES,
  readPartHead,
  SEGMENT_HEADER_BYTES,
} from './segment-format.ts';
import type { SegmentFile } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';
import type { WholeFrame } from './segment-frame.ts';
import { readFailure } from './segment-handles.ts';

/** Bytes of a read. */
const CHUNK_BYTES = 1024 * 1024;
/** Everything in a segment starts at a multiple of this. */
const ALIGNMENT_BYTES = 8;

/** What is found at a place: a part whose checksum matches, or what is wrong there. */
export type FoundPart =
  | ({ readonly kind: 'frame' | 'footer' } & WholeFrame)
  | { readonly kind: 'fault'; readonly offset: number; readonly what: string };

/** What to read. */
export interface FrameReaderOptions {
  readonly fileSystem: SegmentFileSystem;
  readonly file: FileHandle;
  readonly segment: SegmentFile;
  /** Where the first frame starts. */
  readonly from: number;
  /** Behind the last byte to read. */
  readonly to: number;
}

/** The frames of one segment. The bytes it hands out are never overwritten. */
export class FrameReader {
  readonly #options: FrameReaderOptions;
  /** Offset of the next part. */
  #offset: number;
  /** Bytes from `#offset` on that were read. */
  #rest: Uint8Array = new Uint8Array(0);
  /** Where the next chunk starts. */
  #readTo: number;
  #next: Promise<Uint8Array> | undefined;

  constructor(options: FrameReaderOptions) {
    this.#options = options;
    this.#offset = options.from;
    this.#readTo = options.from;
    this.#readAhead();
  }

  /**
   * The next part; undefined at the end. After a fault there is nothing more to ask for.
   *
   * @throws MosaicError `unavailable` (`segment-read`)
   */
  async next(): Promise<FoundPart | undefined> {
    const { to, segment } = this.#options;
    const offset = this.#offset;
    if (offset >= to) return undefined;
    const fault = (what: string): FoundPart => ({ kind: 'fault', offset, what });
    if (!(await this.#need(PART_HEAD_BYTES))) return fault('a frame is cut off');
    const place = { offset, headerChecksum: segment.header.checksum };
    const head = readPartHead(this.#rest, 0, place);
    if (typeof head === 'string') return fault(head);
    if (offset + head.bytes > to || !(await this.#need(head.bytes))) {
      return fault('a frame is cut off');
    }
    const isTable = head.kind === 'cuts';
    if (isTable && offset !== SEGMENT_HEADER_BYTES) return fault('neither frame nor footer');
    const bytes = this.#rest.subarray(0, head.bytes);
    if (!isPartWhole(bytes, 0, head.bytes)) return fault('the checksum does not match');
    this.#rest = this.#rest.subarray(head.bytes);
    this.#offset += head.bytes;
    // Whoever opened the segment has read it.
    if (head.kind === 'cuts') return this.next();
    return { kind: head.kind, bytes, offset, entries: head.entries };
  }

  /** Waits for the read that is under way, so that the file can be closed. */
  async settle(): Promise<void> {
    await this.#next?.catch(() => undefined);
  }

  /** Whether so many bytes are there, reading as far as needed. */
  async #need(bytes: number): Promise<boolean> {
    if (this.#rest.length >= bytes) return true;
    const parts = [this.#rest];
    let length = this.#rest.length;
    while (length < bytes && this.#next !== undefined) {
      const chunk = await this.#next;
      parts.push(chunk);
      length += chunk.length;
      this.#readAhead();
    }
    this.#rest = joined(parts, length);
    return length >= bytes;
  }

  #readAhead(): void {
    const { to } = this.#options;
    const bytes = Math.min(CHUNK_BYTES, to - this.#readTo);
    this.#next = bytes <= 0 ? undefined : this.#readChunk(this.#readTo, bytes);
    // Whoever waits for it gets the failure; nobody may be waiting yet.
    this.#next?.catch(() => undefined);
    this.#readTo += bytes;
  }

  async #readChunk(from: number, bytes: number): Promise<Uint8Array> {
    const { fileSystem, file, segment } = this.#options;
    const chunk = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    try {
      const read = await fileSystem.read(file, chunk, from);
      return chunk.subarray(0, read);
    } catch (error) {
      throw readFailure(segment.name, error);
    }
  }
}

// The result starts at a multiple of 8 of its buffer, which checksums are computed faster over.
function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Where the first whole frame or footer starts at or after `from`; undefined: nowhere. What looks like
 * one is told from one by its place, its segment and its checksum.
 */
export async function findWholePart(options: FrameReaderOptions): Promise<number | undefined> {
  const { fileSystem, file, segment, from, to } = options;
  const chunk = new Uint8Array(CHUNK_BYTES + PART_HEAD_BYTES);
  for (let start = from; start < to; start += CHUNK_BYTES) {
    const read = await fileSystem.read(file, chunk, start);
    const bytes = chunk.subarray(0, read);
    for (let at = 0; at < CHUNK_BYTES && at + PART_HEAD_BYTES <= read; at += ALIGNMENT_BYTES) {
      const place = { offset: start + at, headerChecksum: segment.header.checksum };
      if (typeof readPartHead(bytes, at, place) === 'string') continue;
      const reader = new FrameReader({ ...options, from: place.offset });
      const part = await reader.next();
      await reader.settle();
      if (part !== undefined && part.kind !== 'fault') return place.offset;
    }
  }
  return undefined;
}
