/**
 * Cuts a log on an object store into parts that are read at the same time: whoever makes an index anew
 * reads all of it.
 */
import { JoinedSources } from './joins/joined-sources.ts';
import type { LogPart } from './segment-log.ts';
import { encodeSegmentKey, segmentName } from './segment-log-objects-address.ts';
import {
  assertReached,
  beginningOf,
  type ListedSegment,
  listSegments,
  type ObjectScanOptions,
  scanSegmentObjects,
} from './segment-log-objects-scan.ts';

/** Segments after which a part ends: each is a request. */
const PART_SEGMENTS = 4096;
/** What one part fetches ahead: several are read at the same time. */
const AHEAD = { aheadMax: 8, aheadBytesMax: 8 * 1024 * 1024 } as const;

/**
 * The segments behind a position, and those that were begun shortly before it, in parts.
 *
 * @param partBytes bytes after which a part ends
 * @throws MosaicError as `scanSegmentObjects`
 */
export async function* objectParts(
  options: ObjectScanOptions,
  partBytes: number,
): AsyncGenerator<LogPart> {
  const { from, lateMs, assertOpen } = options;
  await assertReached(options, from);
  let behind = beginningOf(from, lateMs);
  // Once for all parts: one must not rely on a joined segment that another looked for before it was there.
  const joined = await JoinedSources.look(options, behind);
  let last: ListedSegment | undefined;
  let bytes = 0;
  let segments = 0;
  const cut = (end: ListedSegment): LogPart => {
    const stretch = { ...options, ...AHEAD, joined, from: behind, until: end.key, lateMs: 0 };
    // A segment that comes late makes another part of it.
    const first = behind === undefined ? 'start' : segmentName(behind);
    const part: LogPart = {
      name: `${first} ${segmentName(end.key)} ${segments} ${bytes}`,
      bytes,
      end: encodeSegmentKey(end.key),
      scan: () => scanSegmentObjects({ ...stretch, isWanted: () => true }),
    };
    behind = end.key;
    bytes = 0;
    segments = 0;
    return part;
  };
  for await (const segment of listSegments(options, behind)) {
    assertOpen();
    if (await joined.has(segment.key)) continue;
    last = segment;
    bytes += segment.bytes;
    segments += 1;
    if (bytes >= partBytes || segments >= PART_SEGMENTS) yield cut(segment);
  }
  if (last !== undefined && segments > 0) yield cut(last);
}
