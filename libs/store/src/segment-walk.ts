/**
 * Walks the commits of one segment file as an observer: nothing is repaired, damage is told and
 * passed over, so that one bad byte does not hide what is wrong or right behind it.
 */
import { isMosaicError } from '@mosaic-cluster/protocol';
import type { OnDamage, TornTail } from './log-reader.ts';
import type { SegmentFile } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';
import { SEGMENT_HEADER_BYTES } from './segment-format.ts';
import { decodeFooter, entryOffsets, frameEntries, type WholeFrame } from './segment-frame.ts';
import { findWholePart, type FoundPart, FrameReader } from './segment-frame-reader.ts';
import { isRewritten, openSegmentFile } from './segment-handles.ts';
import type { LogPart, ScannedCommit } from './segment-log.ts';
import { EntryTable } from './segment-table.ts';

/** A segment file to walk. */
export interface WalkOptions {
  readonly directory: string;
  readonly fileSystem: SegmentFileSystem;
  readonly segment: SegmentFile;
  /** Where the first commit starts. */
  readonly from: number;
  readonly onDamage: OnDamage;
}

/** A segment file to walk that may be written again meanwhile. */
export interface RewrittenWalkOptions extends Omit<WalkOptions, 'from'> {
  /** Of the position at which the first commit starts. */
  readonly offset: number;
  /** A segment that was written again since it was looked at, as it is now. */
  readonly lookAgain: (segment: SegmentFile) => Promise<SegmentFile>;
}

interface Walked extends Omit<WalkOptions, 'directory'> {
  readonly file: FileHandle;
  readonly to: number;
}

/** What came so far, to be held against the footer. */
interface Seen {
  frames: number;
  readonly table: EntryTable;
  footer: boolean;
  /** Whether every frame was seen. */
  isWhole: boolean;
}

/**
 * Every whole commit of a segment from `from` on.
 *
 * @throws MosaicError `unavailable` (`segment-read`), `not-found` (`segment`)
 */
export async function* walkSegment(options: WalkOptions): AsyncGenerator<ScannedCommit> {
  const { directory, fileSystem, segment, from, onDamage } = options;
  const to = segment.closed ? segment.bytes : segment.framesEnd;
  const isWhole = from === SEGMENT_HEADER_BYTES;
  const seen: Seen = { frames: 0, table: new EntryTable(), footer: false, isWhole };
  const file = await openSegmentFile(fileSystem, directory, segment);
  try {
    for (let at = from; at < to; ) at = yield* walkWhole({ ...options, file, from: at, to }, seen);
    if (!segment.closed || seen.footer || !seen.isWhole) return;
    onDamage({ segment: segment.name, offset: to, end: to, what: 'the footer is missing' });
  } finally {
    await fileSystem.close(file);
  }
}

/**
 * As {@link walkSegment}, also where the segment was written again since it was looked at.
 *
 * @throws MosaicError as {@link walkSegment}, and what `lookAgain` throws
 */
export async function* walkSegmentNow(
  options: RewrittenWalkOptions,
): AsyncGenerator<ScannedCommit> {
  const { offset, lookAgain } = options;
  const walk = (segment: SegmentFile): AsyncGenerator<ScannedCommit> =>
    walkSegment({ ...options, segment, from: segment.placeOf(offset) });
  try {
    yield* walk(options.segment);
  } catch (error) {
    // Known before anything was read of it.
    if (!isRewritten(error)) throw error;
    yield* walk(await lookAgain(options.segment));
  }
}

/** Walks up to the first damage; returns where to go on. */
async function* walkWhole(walked: Walked, seen: Seen): AsyncGenerator<ScannedCommit, number> {
  const reader = new FrameReader(walked);
  try {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      if (part.kind === 'fault') return await passOver(walked, part, seen);
      const commit = takePart(walked, part, seen);
      if (commit !== undefined) yield commit;
    }
    return walked.to;
  } finally {
    await reader.settle();
  }
}

async function passOver(
  walked: Walked,
  fault: Extract<FoundPart, { kind: 'fault' }>,
  seen: Seen,
): Promise<number> {
  const { segment, to, onDamage } = walked;
  const { offset, what } = fault;
  const end = (await findWholePart({ ...walked, from: offset + 8 })) ?? to;
  seen.isWhole = false;
  onDamage({ segment: segment.name, offset, end, what });
  return end;
}

/** The commit in a part whose checksum matches; undefined where it is none. */
function takePart(
  { segment, onDamage }: Walked,
  part: WholeFrame & { readonly kind: 'frame' | 'footer' },
  seen: Seen,
): ScannedCommit | undefined {
  const { name, locate } = segment;
  const end = part.offset + part.bytes.length;
  const damaged = (what: string): undefined => {
    seen.isWhole = false;
    onDamage({ segment: name, offset: part.offset, end, what });
  };
  if (seen.footer) return damaged('something follows the footer');
  try {
    if (part.kind === 'footer') {
      seen.footer = true;
      const why = seen.isWhole ? footerFault(part, segment, seen) : undefined;
      return why === undefined ? undefined : damaged(why);
    }
    const entries = frameEntries(part, { name, locate });
    seen.table.add(entryOffsets(part), entries);
    seen.frames += 1;
    return { entries, end: segment.positionAt(end) };
  } catch (error) {
    if (!isMosaicError(error) || error.kind !== 'corrupt') throw error;
    return damaged('its checksum matches, but what it holds is no commit');
  }
}

/** What the footer says that its segment does not. */
function footerFault(footer: WholeFrame, { name }: SegmentFile, seen: Seen): string | undefined {
  const { rows, frames } = decodeFooter(footer, name);
  const found = seen.table.rows;
  if (frames !== seen.frames || rows.length !== found.length) {
    return 'the footer counts other entries';
  }
  return rows.every((value, i) => value === found[i])
    ? undefined
    : 'the footer names other places than those of the entries';
}

/** Segments to read one by one. */
export interface PartsOptions extends Omit<RewrittenWalkOptions, 'segment' | 'offset'> {
  readonly segments: readonly SegmentFile[];
}

/** The segments one by one, as far as they reach at the call; damage is told and passed over. */
export async function* partsPassingDamage(options: PartsOptions): AsyncGenerator<LogPart> {
  for (const segment of options.segments) {
    const { name, framesEnd, bytes } = segment;
    if (framesEnd <= SEGMENT_HEADER_BYTES) continue;
    yield {
      name: `${name} ${SEGMENT_HEADER_BYTES} ${framesEnd}`,
      bytes: bytes - SEGMENT_HEADER_BYTES,
      end: segment.positionAt(framesEnd),
      scan: () => walkSegmentNow({ ...options, segment, offset: SEGMENT_HEADER_BYTES }),
    };
  }
}

/**
 * Finds out how far the newest segment reaches, from where it was known to reach: sets its
 * `framesEnd`, `frames`, `entries` and `closed`. Another process may be writing to it.
 *
 * @returns what follows the last whole commit: one that is under way, or that a crash cut off
 */
export async function measureNewest(
  directory: string,
  fileSystem: SegmentFileSystem,
  segment: SegmentFile,
): Promise<TornTail | undefined> {
  const file = await openSegmentFile(fileSystem, directory, segment);
  try {
    const bytes = await fileSystem.size(file);
    segment.bytes = bytes;
    let at = segment.framesEnd;
    let triedAt = -1;
    while (at < bytes) {
      const walked = { fileSystem, file, segment, from: at, to: bytes };
      const stopped = await measure(walked);
      if (stopped === undefined) break;
      const whole = await findWholePart({ ...walked, from: stopped + 8 });
      if (whole === undefined) {
        return { segment: segment.name, offset: stopped, bytes: bytes - stopped };
      }
      // The commit may have been under way when it was read, and the next one written since.
      at = triedAt === stopped ? whole : stopped;
      triedAt = stopped;
    }
    return undefined;
  } finally {
    await fileSystem.close(file);
  }
}

/** Takes whole parts into account; returns where the first one starts that is not. */
async function measure(
  walked: Omit<Walked, 'onDamage'> & { readonly segment: SegmentFile },
): Promise<number | undefined> {
  const { segment } = walked;
  const reader = new FrameReader(walked);
  try {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      if (part.kind === 'fault') return part.offset;
      if (part.kind === 'footer') {
        segment.closed = true;
        continue;
      }
      segment.framesEnd = part.offset + part.bytes.length;
      segment.frames += 1;
      segment.entries = (segment.entries ?? 0) + part.entries;
    }
    return undefined;
  } finally {
    await reader.settle();
  }
}
