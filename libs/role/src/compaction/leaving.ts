/**
 * Which records nobody wants any more, so that compaction may leave them out: what an operator removed, and
 * versions that a newer one replaced, both long enough ago. In doubt a record stays.
 */
import {
  compareBytes,
  equalBytes,
  isMosaicError,
  timestampToMillis,
} from '@mosaic-cluster/protocol';
import type {
  LeavingJudge,
  LeavingRecord,
  LeftOutReason,
  LogEntry,
  RecordIndex,
  SegmentLog,
} from '@mosaic-cluster/store';
import type { KeyDirectory } from '../key-directory.ts';
import type { RemovedRecords } from '../removed-records.ts';
import { isNotWhole } from '../schedule-sources.ts';

/** By what it is judged. */
export interface LeavingOptions {
  readonly index: Pick<RecordIndex, 'scan' | 'lookup'>;
  readonly log: Pick<SegmentLog, 'read'>;
  readonly directory: Pick<KeyDirectory, 'admits'>;
  /** Of the role. */
  readonly removed: Pick<RemovedRecords, 'areRemoved' | 'areReplaced' | 'find'>;
  /** For how long what was removed or replaced is kept; milliseconds. */
  readonly graceMs: number;
  readonly clock: { now(): number };
}

/** Addresses that are looked at at the same time. */
const LOOKS_MAX = 64;

/** Judges by registry, index and key schedules, as they are at the call. */
export function judgeLeaving(options: LeavingOptions): LeavingJudge {
  return async (records) => {
    const beforeMs = options.clock.now() - options.graceMs;
    const reasons = await removedBefore(options, records, beforeMs);
    const open = records.flatMap((record, i) =>
      reasons[i] === undefined && record.duplicateHandling === 'replaceable' ? [i] : [],
    );
    const areReplaced = await options.removed.areReplaced(open.map((i) => records[i]!));
    for (let at = 0; at < open.length; at += LOOKS_MAX) {
      const looks = open.slice(at, at + LOOKS_MAX).map(async (i, n) => {
        const isGone =
          areReplaced[at + n] === true || (await isReplacedBefore(options, records[i]!, beforeMs));
        if (isGone) reasons[i] = 'replaced';
      });
      await Promise.all(looks);
    }
    await keepFound(options, records, reasons);
    return reasons;
  };
}

/**
 * What the index finds stays: nobody has taken it out yet, which takes its bytes, and until then whoever
 * asks for what is on its paths must be able to read it.
 */
async function keepFound(
  { index }: LeavingOptions,
  records: readonly LeavingRecord[],
  reasons: (LeftOutReason | undefined)[],
): Promise<void> {
  const at = records.flatMap((_, i) => (reasons[i] === undefined ? [] : [i]));
  if (at.length === 0) return;
  const found = await index.lookup(at.map((i) => records[i]!.id));
  at.forEach((i, n) => {
    if (found[n] !== undefined) reasons[i] = undefined;
  });
}

async function removedBefore(
  { removed }: LeavingOptions,
  records: readonly LeavingRecord[],
  beforeMs: number,
): Promise<(LeftOutReason | undefined)[]> {
  const areRemoved = await removed.areRemoved(records.map(({ id }) => id));
  const reasons = new Array<LeftOutReason | undefined>(records.length).fill(undefined);
  const at = records.flatMap((_, i) => (areRemoved[i] === true ? [i] : []));
  if (at.length === 0) return reasons;
  const removals = await removed.find(at.map((i) => records[i]!.id));
  at.forEach((i, n) => {
    const removal = removals[n];
    if (removal !== undefined && removal.removedAtMs < beforeMs) reasons[i] = 'removed';
  });
  return reasons;
}

/** Whether a newer version, which may be served, has held the address of a record for long enough. */
async function isReplacedBefore(
  { index, log, directory }: LeavingOptions,
  { id, address }: LeavingRecord,
  beforeMs: number,
): Promise<boolean> {
  const [entry] = await index.scan({ path: 'address', address }, { limit: 1 });
  if (
    entry === undefined ||
    compareBytes(entry.position, id.subarray(0, entry.position.length)) <= 0
  )
    return false;
  const holder = await readHolder(log, entry.location);
  // A shared index knows an address by its hash.
  if (holder === undefined || !equalBytes(holder.record.address, address)) return false;
  if (timestampToMillis(holder.receivedAt) >= beforeMs) return false;
  try {
    return await directory.admits(holder.record, holder.receivedAt);
  } catch (error) {
    if (isNotWhole(error)) return false;
    throw error;
  }
}

async function readHolder(
  log: LeavingOptions['log'],
  location: Uint8Array,
): Promise<LogEntry | undefined> {
  try {
    return (await log.read([location]))[0];
  } catch (error) {
    if (isMosaicError(error) && ['corrupt', 'not-found'].includes(error.kind)) return undefined;
    throw error;
  }
}
