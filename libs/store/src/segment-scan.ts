/** Walks the commits of a log in order and verifies every checksum on the way. */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { SegmentPosition } from './segment-address.ts';
import type { SegmentFile } from './segment-file.ts';
import type { FileHandle, SegmentFileSystem } from './segment-file-system.ts';
import { SEGMENT_HEADER_BYTES, segmentDamage } from './segment-format.ts';
import { decodeFooter, frameEntries, type WholeFrame } from './segment-frame.ts';
import { FrameReader } from './segment-frame-reader.ts';
import { isRewritten, openSegmentFile } from './segment-handles.ts';
import type { LogPart, ScannedCommit } from './segment-log.ts';

/** What to walk. */
export interface ScanOptions {
  readonly directory: string;
  readonly fileSystem: SegmentFileSystem;
  /** Oldest first. */
  readonly segments: readonly SegmentFile[];
  /** Undefined: from the beginning. */
  readonly from: SegmentPosition | undefined;
  /** Ends the walk with an error where the log was closed meanwhile. */
  readonly assertOpen: () => void;
  /** A segment that was written again since it was looked at, as it is now. */
  readonly lookAgain: (segment: SegmentFile) => Promise<SegmentFile>;
}

interface Stretch {
  readonly segment: SegmentFile;
  /** Of the position at which it begins. */
  readonly offset: number;
  readonly from: number;
  readonly framesEnd: number;
  readonly to: number;
  /** Whether it ends with a footer. */
  readonly closed: boolean;
}

interface Seen {
  frames: number;
  entries: number;
  footer: WholeFrame | undefined;
}

/**
 * Every commit from a position on that is durable at the time of the call.
 *
 * @throws MosaicError `corrupt` naming segment and offset, `invalid` (`log-position`) for a position
 *   behind the end of its segment, `not-found`, `unavailable`, `closed`
 */
export function scanSegments(options: ScanOptions): AsyncIterable<ScannedCommit> {
  // Computed now, not when the first commit is asked for: the segments grow.
  const stretches = stretchesOf(options);
  return scanStretches(options, stretches);
}

/**
 * The segments from a position on, as far as they are durable at the time of the call, one by one.
 *
 * @throws MosaicError `invalid` (`log-position`) as {@link scanSegments}
 */
export function segmentParts(options: ScanOptions): AsyncIterable<LogPart> {
  return partsOf(options, stretchesOf(options));
}

function stretchesOf({ segments, from }: ScanOptions): Stretch[] {
  const stretches: Stretch[] = [];
  for (const segment of segments) {
    if (from !== undefined && segment.number < from.segment) continue;
    const isFirst = segment.number === from?.segment;
    // The position of an empty log lies before every frame.
    const offset = isFirst ? Math.max(from.offset, SEGMENT_HEADER_BYTES) : SEGMENT_HEADER_BYTES;
    const start = segment.placeOf(offset);
    if (start > segment.framesEnd) {
      const message = `position ${start} lies behind the end of segment ${segment.name} (${segment.framesEnd})`;
      throw new MosaicError('invalid', 'log-position', message);
    }
    const { closed, framesEnd, bytes } = segment;
    const to = closed ? bytes : framesEnd;
    stretches.push({ segment, offset, from: start, framesEnd, to, closed });
  }
  return stretches;
}

async function* partsOf(
  options: ScanOptions,
  stretches: readonly Stretch[],
): AsyncGenerator<LogPart> {
  for (const stretch of stretches) {
    const { segment, from, to, framesEnd } = stretch;
    if (from >= framesEnd) continue;
    yield {
      name: `${segment.name} ${from} ${framesEnd}`,
      bytes: to - from,
      end: segment.positionAt(framesEnd),
      scan: () => scanStretch(options, stretch),
    };
  }
}

async function* scanStretches(
  options: ScanOptions,
  stretches: readonly Stretch[],
): AsyncGenerator<ScannedCommit> {
  for (const stretch of stretches) {
    if (stretch.from < stretch.to) yield* scanStretch(options, stretch);
  }
}

async function* scanStretch(options: ScanOptions, asked: Stretch): AsyncGenerator<ScannedCommit> {
  const { fileSystem, assertOpen } = options;
  assertOpen();
  const { file, stretch } = await openStretch(options, asked);
  const { segment, from, to } = stretch;
  const reader = new FrameReader({ fileSystem, file, segment, from, to });
  try {
    const seen: Seen = { frames: 0, entries: 0, footer: undefined };
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      assertOpen();
      if (part.kind === 'fault') throw segmentDamage(segment.name, part.offset, part.what);
      if (seen.footer !== undefined) {
        throw segmentDamage(segment.name, part.offset, 'something follows the footer');
      }
      if (part.kind === 'footer') {
        seen.footer = part;
        continue;
      }
      seen.frames += 1;
      seen.entries += part.entries;
      yield commitOf(part, segment);
    }
    checkEnd(stretch, seen);
  } finally {
    await reader.settle();
    await fileSystem.close(file);
  }
}

/** Opens a segment; one that was written again since, which only closed ones are, as it is now. */
async function openStretch(
  { directory, fileSystem, lookAgain }: ScanOptions,
  stretch: Stretch,
): Promise<{ readonly file: FileHandle; readonly stretch: Stretch }> {
  try {
    const file = await openSegmentFile(fileSystem, directory, stretch.segment);
    return { file, stretch };
  } catch (error) {
    if (!isRewritten(error)) throw error;
  }
  const segment = await lookAgain(stretch.segment);
  const { framesEnd, bytes: to, closed } = segment;
  const { offset } = stretch;
  const file = await openSegmentFile(fileSystem, directory, segment);
  const from = segment.placeOf(offset);
  return { file, stretch: { segment, offset, from, framesEnd, to, closed } };
}

function commitOf(frame: WholeFrame, segment: SegmentFile): ScannedCommit {
  const { name, locate } = segment;
  const end = segment.positionAt(frame.offset + frame.bytes.length);
  return { entries: frameEntries(frame, { name, locate }), end };
}

function checkEnd({ segment, from, to, closed }: Stretch, seen: Seen): void {
  const { footer } = seen;
  if (footer === undefined) {
    if (closed) throw segmentDamage(segment.name, to, 'the footer is missing');
    return;
  }
  const { frames } = decodeFooter(footer, segment.name);
  const isWhole = from === SEGMENT_HEADER_BYTES;
  const fits = !isWhole || (footer.entries === seen.entries && frames === seen.frames);
  if (!fits) throw segmentDamage(segment.name, footer.offset, 'the footer counts other entries');
}
