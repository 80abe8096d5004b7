/**
 * Writes commits to the newest segment: one durable write each. Whatever goes wrong, the file ends
 * with its last acknowledged frame before anything else is written to it.
 */
import { join } from 'node:path';
import type { Timestamp } from '@mosaic-cluster/protocol';
import { SEGMENT_NUMBER_MAX } from './segment-address.ts';
import { allocateBlock, BLOCK_BYTES, BLOCK_SHIFT, type BlockCache } from './segment-cache.ts';
import type { GrowingSegment } from './segment-directory.ts';
import { segmentName, SegmentFile, unfinishedName } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentDamage,
} from './segment-format.ts';
import { encodeFooter, encodeFrame, frameBytes } from './segment-frame.ts';
import type { LogEntry } from './segment-log.ts';
import { EntryTable } from './segment-table.ts';

/** What the writer works with. */
export interface SegmentWriterOptions {
  readonly directory: string;
  readonly role: string;
  readonly fileSystem: SegmentFileSystem;
  /** A commit that would make a segment larger than this goes into a new one. */
  readonly segmentBytesMax: number;
  readonly cache: BlockCache;
  /** Receives new segments. */
  readonly segments: Map<number, SegmentFile>;
  /** The segment to go on with. */
  readonly growing: GrowingSegment | undefined;
  readonly now: () => Timestamp;
  /** 8 random bytes. */
  readonly salt: () => Uint8Array;
}

/** Where a commit lies. */
export interface WrittenCommit {
  readonly segment: number;
  /** Per entry, in bytes from the start of the segment. */
  readonly offsets: Uint32Array;
  /** Behind the frame. */
  readonly end: number;
}

interface Active {
  readonly segment: SegmentFile;
  readonly table: EntryTable;
  /** Undefined: it has to be opened and cut back first. */
  file: FileHandle | undefined;
}

const SCRATCH_BYTES_AT_FIRST = 64 * 1024;

/** Writes one commit at a time. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #active: Active | undefined;
  #lastNumber: number;
  /** Where frames are put together; grows to the largest commit. */
  #scratch: Uint8Array = new Uint8Array(SCRATCH_BYTES_AT_FIRST);

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    if (options.growing !== undefined) this.#active = { ...options.growing, file: undefined };
    this.#lastNumber = Math.max(0, ...options.segments.keys());
  }

  /**
   * Writes a commit; when it resolves the commit survives a crash and its bytes are in memory. When
   * it rejects nothing of it is kept. Not reentrant.
   *
   * @throws errors of the file system, MosaicError `corrupt`
   */
  async commit(entries: readonly LogEntry[]): Promise<WrittenCommit> {
    try {
      return await this.#commit(entries);
    } catch (error) {
      await this.#cutBack();
      throw error;
    }
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    if (active?.file !== undefined) await this.#options.fileSystem.close(active.file);
  }

  async #commit(entries: readonly LogEntry[]): Promise<WrittenCommit> {
    const { fileSystem } = this.#options;
    const bytes = frameBytes(entries);
    const active = await this.#activeFor(bytes);
    const { segment, table } = active;
    const file = active.file ?? (await this.#reopen(active));
    const start = segment.framesEnd;
    const place = { offset: start, headerChecksum: segment.header.checksum };
    const frame = this.#scratchOf(bytes);
    const offsets = encodeFrame(frame, entries, place);
    await fileSystem.writeDurably(file, frame, start);
    this.#keep(segment, frame);
    table.add(offsets, entries);
    segment.frames += 1;
    segment.entries = (segment.entries ?? 0) + entries.length;
    return { segment: segment.number, offsets, end: segment.framesEnd };
  }

  async #activeFor(bytes: number): Promise<Active> {
    const active = this.#active;
    if (active === undefined) return this.#begin();
    const { framesEnd } = active.segment;
    const fits = framesEnd + bytes <= this.#options.segmentBytesMax;
    if (fits || framesEnd === SEGMENT_HEADER_BYTES) return active;
    await this.#finish(active);
    return this.#begin();
  }

  #scratchOf(bytes: number): Uint8Array {
    if (this.#scratch.length < bytes) {
      this.#scratch = new Uint8Array(Math.max(bytes, this.#scratch.length * 2));
    }
    return this.#scratch.subarray(0, bytes);
  }

  /** Copies a durable frame into blocks and makes it readable. */
  #keep(segment: SegmentFile, frame: Uint8Array): void {
    let offset = segment.framesEnd;
    let from = 0;
    while (from < frame.length) {
      const within = offset % BLOCK_BYTES;
      const part = frame.subarray(from, from + BLOCK_BYTES - within);
      if (segment.tail === undefined) {
        segment.tail = allocateBlock(BLOCK_BYTES);
        segment.tailIndex = offset >>> BLOCK_SHIFT;
      }
      segment.tail.bytes.set(part, within);
      offset += part.length;
      from += part.length;
      if (within + part.length === BLOCK_BYTES) this.#retireTail(segment);
    }
    segment.framesEnd = offset;
    segment.bytes = offset;
  }

  #retireTail(segment: SegmentFile): void {
    const { tail, tailIndex } = segment;
    segment.tail = undefined;
    segment.tailIndex = -1;
    if (tail !== undefined) this.#options.cache.put(segment.blocks, tailIndex, tail);
  }

  async #begin(): Promise<Active> {
    const { directory, role, fileSystem, segments, now, salt } = this.#options;
    // A number is used up by the attempt: what is left of a failed one is never mistaken for this.
    const number = this.#lastNumber + 1;
    if (number > SEGMENT_NUMBER_MAX) throw new Error('the segment numbers are used up');
    this.#lastNumber = number;
    const createdAt = now();
    const bytes = encodeSegmentHeader({ role, number, createdAt, salt: salt() });
    const name = segmentName(number, createdAt);
    const path = join(directory, name);
    const unfinishedPath = join(directory, unfinishedName(name));
    const file = await fileSystem.open(unfinishedPath, 'create');
    let madePath = unfinishedPath;
    try {
      await fileSystem.writeDurably(file, bytes, 0);
      await fileSystem.sync(file);
      await fileSystem.rename(unfinishedPath, path);
      madePath = path;
      await fileSystem.syncDirectory(directory);
    } catch (error) {
      // It holds nothing. Where it cannot be removed the next start does it, or finds it empty.
      await Promise.allSettled([fileSystem.close(file), fileSystem.remove(madePath)]);
      throw error;
    }
    const segment = new SegmentFile(name, decodeSegmentHeader(bytes, path), bytes.length);
    const active = { segment, table: new EntryTable(), file };
    segments.set(number, segment);
    this.#active = active;
    return active;
  }

  /** Writes the footer. */
  async #finish(active: Active): Promise<void> {
    const { fileSystem } = this.#options;
    const { segment, table } = active;
    const file = active.file ?? (await this.#reopen(active));
    const place = { offset: segment.framesEnd, headerChecksum: segment.header.checksum };
    const footer = encodeFooter({ rows: table.rows, frames: segment.frames }, place);
    await fileSystem.writeDurably(file, footer, segment.framesEnd);
    this.#active = undefined;
    segment.bytes += footer.length;
    segment.closed = true;
    this.#retireTail(segment);
    await fileSystem.close(file);
  }

  /** Opens the file anew and makes sure that it ends with its last acknowledged frame. */
  async #reopen(active: Active): Promise<FileHandle> {
    const { directory, fileSystem } = this.#options;
    const { name, framesEnd } = active.segment;
    const path = join(directory, name);
    const file = await fileSystem.open(path, 'append');
    try {
      const bytes = await fileSystem.size(file);
      if (bytes < framesEnd) throw segmentDamage(path, bytes, 'acknowledged commits are missing');
      if (bytes > framesEnd) await fileSystem.truncate(file, framesEnd);
      // Also where nothing was cut: what the failed write left in memory must not linger.
      await fileSystem.sync(file);
    } catch (error) {
      await Promise.allSettled([fileSystem.close(file)]);
      throw error;
    }
    active.file = file;
    return file;
  }

  // Where cutting back fails too the file stays closed, and the next commit starts with it.
  async #cutBack(): Promise<void> {
    const active = this.#active;
    if (active === undefined) return;
    const { file } = active;
    active.file = undefined;
    try {
      if (file !== undefined) await this.#options.fileSystem.close(file);
      await this.#reopen(active);
    } catch {
      active.file = undefined;
    }
  }
}
