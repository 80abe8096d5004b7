/**
 * Writes a closed segment file again without entries that nobody wants any more, and puts it in the place of
 * the old one by one rename: a crash leaves either of the two. What stays is found where it was, see
 * `segment-cuts.ts`.
 */
import { join } from 'node:path';
import { MosaicError, readU32BE } from '@mosaic-cluster/protocol';
import type { LeavingJudge } from './joins/compaction.ts';
import type { LeftOutReason } from './joins/join-format.ts';
import { judge } from './joins/join-sources.ts';
import { LeavingRecords } from './leaving-records.ts';
import { type Cut, SegmentCuts } from './segment-cuts.ts';
import { SegmentFile, unfinishedName } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  PART_HEAD_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentDamage,
} from './segment-format.ts';
import {
  encodeFooter,
  encodeFrame,
  entryBytes,
  frameBytes,
  frameEntries,
  type WholeFrame,
} from './segment-frame.ts';
import { FrameReader } from './segment-frame-reader.ts';
import { openSegmentFile } from './segment-handles.ts';
import type { ScannedEntry } from './segment-log.ts';
import { EntryTable } from './segment-table.ts';

/** Of a segment's bytes, the part that must not be wanted any more where nothing in it was removed. */
const REWRITTEN_PART = 0.25;
const JUDGED_MAX = 1000;
/** Written together. */
const WRITE_BYTES = 1024 * 1024;

/** A segment to write again. */
export interface RewriteOptions {
  readonly directory: string;
  readonly fileSystem: SegmentFileSystem;
  readonly segment: SegmentFile;
  readonly mayGo: LeavingJudge;
  /** 8 random bytes. */
  readonly salt: () => Uint8Array;
  /** Waits until so many bytes more may be read or written; throws where the work is to end. */
  readonly pace: (bytes: number) => Promise<void>;
  /** Called last; throws where the old file has to stay. */
  readonly assertFree?: (() => Promise<void>) | undefined;
  /** Has the new file put in the place of the old one by `rename`, and takes note of it once that is done. */
  readonly replace: (segment: SegmentFile, rename: () => Promise<void>) => Promise<void>;
}

/** What was done. */
export interface Rewritten {
  readonly leftOut: Readonly<Record<LeftOutReason, number>>;
  /** Of the file before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

interface Leaving {
  readonly cuts: readonly Cut[];
  readonly records: LeavingRecords;
  readonly leftOut: Record<LeftOutReason, number>;
  readonly bytes: number;
}

/**
 * Writes a segment again, unless that brings nothing.
 *
 * @returns undefined: it stays as it is
 * @throws MosaicError `corrupt` where it is damaged; errors of the file system; what `mayGo` and `pace` throw.
 *   Then it stays as it is
 */
export async function rewriteSegment(options: RewriteOptions): Promise<Rewritten | undefined> {
  const { directory, fileSystem, segment, mayGo, replace } = options;
  const leaving = await findLeaving(options);
  const isWorthIt =
    leaving.leftOut.removed > 0 ||
    (leaving.bytes > 0 && leaving.bytes >= segment.bytes * REWRITTEN_PART);
  if (!isWorthIt) return undefined;
  const cuts = new SegmentCuts([...(segment.cuts?.all ?? []), ...leaving.cuts]);
  const path = join(directory, segment.name);
  const newPath = join(directory, unfinishedName(segment.name));
  let copy: SegmentFile;
  try {
    copy = await writeCopy(options, cuts, newPath);
    // Last: an operator may want one of them back.
    const isStillSo = await areLeaving(mayGo, leaving.records);
    if (!isStillSo) {
      await fileSystem.remove(newPath);
      return undefined;
    }
    await options.assertFree?.();
    await replace(copy, () => fileSystem.rename(newPath, path));
  } catch (error) {
    await fileSystem.remove(newPath).catch(() => undefined);
    throw error;
  }
  await fileSystem.syncDirectory(directory);
  const { leftOut } = leaving;
  return { leftOut, bytesBefore: segment.bytes, bytesAfter: copy.bytes };
}

async function findLeaving(options: RewriteOptions): Promise<Leaving> {
  const { mayGo } = options;
  const cuts: Cut[] = [];
  const records = new LeavingRecords();
  const leftOut = { removed: 0, replaced: 0 };
  let bytes = 0;
  for await (const { frame, entries } of framesOf(options)) {
    const reasons = await judge(mayGo, entries);
    // Of a frame without entries the head goes too.
    const start = options.segment.logicalOf(frame.offset);
    if (!reasons.includes(undefined)) addCut(cuts, { start, bytes: PART_HEAD_BYTES });
    entries.forEach((entry, i) => {
      const why = reasons[i];
      if (why === undefined) return;
      leftOut[why] += 1;
      records.add(entry.record);
      const cut = { start: offsetOf(entry), bytes: entryBytes(entry.record.bytes.length) };
      addCut(cuts, cut);
      bytes += cut.bytes;
    });
  }
  return { cuts, records, leftOut, bytes };
}

/** Cuts come in order: one that touches the last one makes that longer. */
function addCut(cuts: Cut[], cut: Cut): void {
  const last = cuts.at(-1);
  if (last === undefined || last.start + last.bytes < cut.start) cuts.push(cut);
  else cuts[cuts.length - 1] = { start: last.start, bytes: last.bytes + cut.bytes };
}

/** The frames of the old file, and their entries where locations say that they are. */
async function* framesOf({
  directory,
  fileSystem,
  segment,
  pace,
}: RewriteOptions): AsyncGenerator<{ frame: WholeFrame; entries: ScannedEntry[] }> {
  const file = await openSegmentFile(fileSystem, directory, segment);
  const to = segment.framesEnd;
  const reader = new FrameReader({ fileSystem, file, segment, from: SEGMENT_HEADER_BYTES, to });
  try {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      if (part.kind === 'fault') throw segmentDamage(segment.name, part.offset, part.what);
      await pace(part.bytes.length);
      const { name, locate } = segment;
      yield { frame: part, entries: frameEntries(part, { name, locate }) };
    }
  } finally {
    await reader.settle();
    await fileSystem.close(file);
  }
}

/** Writes what stays, and reads it again. */
async function writeCopy(
  options: RewriteOptions,
  cuts: SegmentCuts,
  path: string,
): Promise<SegmentFile> {
  const { fileSystem, segment, salt, pace } = options;
  const header = encodeSegmentHeader({ ...segment.header, salt: salt(), isCut: true });
  const { checksum: headerChecksum } = decodeSegmentHeader(header, path);
  const table = new EntryTable();
  let frames = 0;
  const file = await fileSystem.open(path, 'create');
  try {
    let offset = 0;
    // Many parts at once: each write has to reach the disk, where the server's commits wait for theirs.
    let waiting: Uint8Array[] = [];
    let written = 0;
    const flush = async (): Promise<void> => {
      await pace(offset - written);
      await fileSystem.writeDurably(file, Buffer.concat(waiting), written);
      waiting = [];
      written = offset;
    };
    const write = async (bytes: Uint8Array): Promise<void> => {
      waiting.push(bytes);
      offset += bytes.length;
      if (offset - written >= WRITE_BYTES) await flush();
    };
    await write(header);
    await write(cuts.encode(headerChecksum));
    for await (const { entries } of framesOf(options)) {
      const kept = entries.filter((entry) => cuts.physicalOf(offsetOf(entry)) !== undefined);
      if (kept.length === 0) continue;
      const bytes = new Uint8Array(frameBytes(kept));
      const offsets = encodeFrame(bytes, kept, { offset, headerChecksum });
      kept.forEach((entry, i) => {
        if (cuts.physicalOf(offsetOf(entry)) !== offsets[i]) throw misplaced(segment.name);
      });
      table.add(offsets, kept);
      frames += 1;
      await write(bytes);
    }
    const framesEnd = offset;
    await write(encodeFooter({ rows: table.rows, frames }, { offset, headerChecksum }));
    if (offset > written) await flush();
    await fileSystem.sync(file);
    const copy = new SegmentFile(segment.name, decodeSegmentHeader(header, path), offset);
    await readBack(fileSystem, file, copy, frames);
    const entries = table.rows.length / 2;
    return Object.assign(copy, { cuts, framesEnd, frames, entries, closed: true });
  } finally {
    await fileSystem.close(file);
  }
}

async function readBack(
  fileSystem: SegmentFileSystem,
  file: FileHandle,
  segment: SegmentFile,
  frames: number,
): Promise<void> {
  const to = segment.bytes;
  const reader = new FrameReader({ fileSystem, file, segment, from: SEGMENT_HEADER_BYTES, to });
  let found = 0;
  try {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      if (part.kind === 'fault') throw segmentDamage(segment.name, part.offset, part.what);
      if (part.kind === 'footer' && found === frames) return;
      found += 1;
    }
  } finally {
    await reader.settle();
  }
  throw segmentDamage(segment.name, to, 'what was written is not what is read');
}

async function areLeaving(mayGo: LeavingJudge, records: LeavingRecords): Promise<boolean> {
  for (const some of records.inPieces(JUDGED_MAX)) {
    if ((await mayGo(some)).includes(undefined)) return false;
  }
  return true;
}

function offsetOf({ location }: ScannedEntry): number {
  return readU32BE(location, 4);
}

// Nothing may be put in the place of the old file where an entry would be found at another place.
function misplaced(name: string): MosaicError {
  return new MosaicError('internal', 'segment', `${name} cannot be written again: places differ`);
}
