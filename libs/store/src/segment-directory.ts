/**
 * Opens a folder of segments: says what does not belong there, checks what does, and cuts off what a
 * crash left of an unfinished commit.
 */
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';
import { cutTableBytes, decodeCuts, type SegmentCuts } from './segment-cuts.ts';
import { allocateBlock, BLOCK_BYTES, BLOCK_SHIFT } from './segment-cache.ts';
import { isUnfinishedName, segmentName, SegmentFile, segmentNumberOf } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';
import {
  decodeSegmentHeader,
  PART_HEAD_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentDamage,
} from './segment-format.ts';
import {
  entryOffsets,
  footerEntries,
  frameEntries,
  readTrailer,
  TRAILER_BYTES,
} from './segment-frame.ts';
import { findWholePart, FrameReader } from './segment-frame-reader.ts';
import { EntryTable } from './segment-table.ts';
import type { SegmentWarning } from './segment-warning.ts';

/** Segments whose headers are read at the same time. */
const OPENING_MAX = 16;

/** What to open. */
export interface SegmentDirectoryOptions {
  readonly directory: string;
  readonly role: string;
  readonly fileSystem: SegmentFileSystem;
  readonly warn: (warning: SegmentWarning) => void;
}

/** The newest segment, to go on with. */
export interface GrowingSegment {
  readonly segment: SegmentFile;
  readonly table: EntryTable;
}

/** What is in the folder. */
export interface SegmentDirectory {
  /** By number, oldest first. */
  readonly segments: Map<number, SegmentFile>;
  /** Undefined where there is none, or it is closed. */
  readonly growing: GrowingSegment | undefined;
}

/**
 * Opens the folder; makes it where there is none.
 *
 * @throws MosaicError `corrupt` (`segment`) naming file and offset, `conflict` (`segment-role`,
 *   `segment-number`), `invalid` (`segment-version`); nothing is changed then
 */
export async function openSegmentDirectory(
  options: SegmentDirectoryOptions,
): Promise<SegmentDirectory> {
  const { directory, fileSystem } = options;
  await fileSystem.makeDirectory(directory);
  const names = await sortNames(options);
  const segments = new Map<number, SegmentFile>();
  for (let from = 0; from < names.length; from += OPENING_MAX) {
    const opening = names
      .slice(from, from + OPENING_MAX)
      .map((name, i) => openSegment(options, name, from + i === names.length - 1));
    for (const segment of await Promise.all(opening)) segments.set(segment.number, segment);
  }
  const newest = [...segments.values()].at(-1);
  const growing = newest === undefined ? undefined : await recoverNewest(options, newest);
  return { segments, growing };
}

async function sortNames(options: SegmentDirectoryOptions): Promise<string[]> {
  const { directory, fileSystem, warn } = options;
  const names: string[] = [];
  for (const name of [...(await fileSystem.list(directory))].sort()) {
    if (segmentNumberOf(name) !== undefined) {
      names.push(name);
    } else if (isUnfinishedName(name)) {
      await fileSystem.remove(join(directory, name));
      warn({ event: 'unfinished-segment', file: join(directory, name) });
    } else {
      warn({ event: 'foreign-file', file: join(directory, name) });
    }
  }
  for (let i = 1; i < names.length; i++) {
    if (segmentNumberOf(names[i]!) !== segmentNumberOf(names[i - 1]!)) continue;
    const message = `${names[i - 1]} and ${names[i]} in ${directory} have one number; take away the one that does not belong there`;
    throw new MosaicError('conflict', 'segment-number', message);
  }
  return names;
}

/**
 * Reads the head of a segment and, unless it is the newest, where its frames end.
 *
 * @throws MosaicError `corrupt` (`segment`), `conflict` (`segment-role`), `invalid` (`segment-version`)
 */
export async function openSegment(
  options: SegmentDirectoryOptions,
  name: string,
  isNewest: boolean,
): Promise<SegmentFile> {
  const { directory, role, fileSystem, warn } = options;
  const path = join(directory, name);
  const file = await fileSystem.open(path, 'read');
  try {
    const bytes = await fileSystem.size(file);
    const header = decodeSegmentHeader(
      await readExactly(fileSystem, file, 0, SEGMENT_HEADER_BYTES),
      path,
    );
    if (header.role !== role) {
      const message = `${path} belongs to the role ${header.role}, not to ${role}; is the right folder configured?`;
      throw new MosaicError('conflict', 'segment-role', message);
    }
    if (name !== segmentName(header.number, header.createdAt)) {
      throw segmentDamage(path, 0, 'its name is not the one that it was given');
    }
    const segment = new SegmentFile(name, header, bytes);
    if (header.isCut === true) segment.cuts = await readCuts(fileSystem, file, segment, path);
    if (isNewest || bytes === SEGMENT_HEADER_BYTES) return segment;
    segment.closed = true;
    if (!(await readFooterPlace(fileSystem, file, segment))) {
      segment.entries = undefined;
      warn({ event: 'footer-damaged', file: path, offset: bytes - TRAILER_BYTES });
    }
    return segment;
  } finally {
    await fileSystem.close(file);
  }
}

async function readCuts(
  fileSystem: SegmentFileSystem,
  file: FileHandle,
  { header }: SegmentFile,
  path: string,
): Promise<SegmentCuts> {
  const place = { offset: SEGMENT_HEADER_BYTES, headerChecksum: header.checksum };
  const head = await readExactly(fileSystem, file, place.offset, PART_HEAD_BYTES);
  const bytes = cutTableBytes(head, place, path);
  return decodeCuts(await readExactly(fileSystem, file, place.offset, bytes), place, path);
}

/** Learns from the end of a closed segment where its frames end. */
async function readFooterPlace(
  fileSystem: SegmentFileSystem,
  file: FileHandle,
  segment: SegmentFile,
): Promise<boolean> {
  const { bytes, header } = segment;
  const end = Math.max(bytes - TRAILER_BYTES, 0);
  const trailer = readTrailer(await readExactly(fileSystem, file, end, TRAILER_BYTES));
  if (trailer === undefined) return false;
  const { footerOffset } = trailer;
  const head = await readExactly(fileSystem, file, footerOffset, PART_HEAD_BYTES);
  const place = { offset: footerOffset, headerChecksum: header.checksum };
  const entries = footerEntries(head, bytes, place);
  if (entries === undefined) return false;
  segment.framesEnd = footerOffset;
  segment.frames = trailer.frames;
  segment.entries = entries;
  return true;
}

/** Verifies the newest segment from end to end and prepares it for appending. */
async function recoverNewest(
  options: SegmentDirectoryOptions,
  segment: SegmentFile,
): Promise<GrowingSegment | undefined> {
  const { directory, fileSystem, warn } = options;
  const path = join(directory, segment.name);
  const table = new EntryTable();
  const file = await fileSystem.open(path, 'append');
  try {
    await walk(fileSystem, file, segment, path, table);
    if (segment.closed) return undefined;
    const tornBytes = segment.bytes - segment.framesEnd;
    if (tornBytes > 0) {
      await fileSystem.truncate(file, segment.framesEnd);
      await fileSystem.sync(file);
      warn({ event: 'torn-tail', file: path, offset: segment.framesEnd, bytes: tornBytes });
    }
    segment.bytes = segment.framesEnd;
    await loadTail(fileSystem, file, segment);
    return { segment, table };
  } finally {
    await fileSystem.close(file);
  }
}

async function walk(
  fileSystem: SegmentFileSystem,
  file: FileHandle,
  segment: SegmentFile,
  path: string,
  table: EntryTable,
): Promise<void> {
  const walked = { fileSystem, file, segment, from: SEGMENT_HEADER_BYTES, to: segment.bytes };
  const reader = new FrameReader(walked);
  segment.framesEnd = SEGMENT_HEADER_BYTES;
  let count = 0;
  try {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      if (segment.closed) throw segmentDamage(path, part.offset, 'something follows the footer');
      if (part.kind === 'fault') {
        await assertTorn(walked, part.offset, part.what, path);
        break;
      }
      if (part.kind === 'footer') {
        segment.closed = true;
        continue;
      }
      const entries = frameEntries(part, { name: path, locate: segment.locate });
      table.add(entryOffsets(part), entries);
      segment.framesEnd = part.offset + part.bytes.length;
      segment.frames += 1;
      count += entries.length;
    }
  } finally {
    await reader.settle();
  }
  segment.entries = count;
}

// A commit is written only after the one before it is durable. So nothing whole can follow a commit
// that a crash tore; where something does, acknowledged records were damaged.
async function assertTorn(
  walked: ConstructorParameters<typeof FrameReader>[0],
  offset: number,
  what: string,
  path: string,
): Promise<void> {
  const whole = await findWholePart({ ...walked, from: offset + 8 });
  if (whole === undefined) return;
  throw segmentDamage(path, offset, `${what}, and whole commits follow at byte ${whole}`);
}

/** Reads the block that the next commit goes on filling. */
async function loadTail(
  fileSystem: SegmentFileSystem,
  file: FileHandle,
  segment: SegmentFile,
): Promise<void> {
  const index = segment.framesEnd >>> BLOCK_SHIFT;
  const start = index * BLOCK_BYTES;
  const tail = allocateBlock(BLOCK_BYTES);
  const used = segment.framesEnd - start;
  await fileSystem.read(file, tail.bytes.subarray(0, used), start);
  segment.tail = tail;
  segment.tailIndex = index;
}

async function readExactly(
  fileSystem: SegmentFileSystem,
  file: FileHandle,
  position: number,
  bytes: number,
): Promise<Uint8Array> {
  const target = new Uint8Array(bytes);
  const read = await fileSystem.read(file, target, position);
  return target.subarray(0, read);
}
