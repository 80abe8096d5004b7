/**
 * Joins small segments of a role on an object store into large ones, and leaves out what nobody wants any
 * more. Any number may be at it at the same time, and each may end at any moment: see `docs/storage.md`.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import { OBJECT_PAGE_MAX } from '../object-store.ts';
import { isLogStart, type LogPosition } from '../segment-log.ts';
import { decodeSegmentKey, type SegmentKey } from '../segment-log-objects-address.ts';
import { type ListedSegment, listSegments } from '../segment-log-objects-scan.ts';
import {
  assertWhole,
  type Compaction,
  type CompactionOptions,
  type CompactionResult,
  newResult,
} from './compaction.ts';
import { COMPACTION_DEFAULTS } from './compaction-limits.ts';
import { finishJoin } from './finish-join.ts';
import { joinRun } from './join-run.ts';
import { Pacer } from './join-sources.ts';
import { JoinedSources } from './joined-sources.ts';
import { joinedKey, type PlannedRun, RunPlanner } from './plan-runs.ts';
import { JOINS_PREFIX, SegmentJoins } from './segment-joins.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Ends the joins whose time has come, then joins what is worth it.
 *
 * @throws MosaicError `conflict` (`index-not-whole`), `closed` (`compaction-stopped`) after the signal, and
 *   what store, index and registry throw; what was done until then stays done
 */
export async function compactSegments(options: CompactionOptions): Promise<CompactionResult> {
  const compaction = settle(options);
  const { joins, result } = compaction;
  const { endsAtMs = Infinity } = options;
  const appliedTo = await assertWhole(compaction);
  const open: SegmentKey[] = [];
  for await (const { key, isDone } of joins.list(undefined)) {
    compaction.assertGoingOn();
    if (!isDone && (await finishJoin(compaction, key))) open.push(key);
    options.onProgress?.(result);
  }
  const pacer = new Pacer(compaction.readsPerSecond);
  for await (const run of runsOf(compaction, appliedTo, open)) {
    compaction.assertGoingOn();
    if (endsAtMs <= compaction.clock.now()) {
      result.isCutShort = true;
      break;
    }
    if (compaction.isDryRun) noteRun(result, run);
    else {
      await assertWhole(compaction);
      await joinRun(compaction, run, pacer);
    }
    options.onProgress?.(result);
  }
  return result;
}

function settle(options: CompactionOptions): Compaction {
  const { store, role, prefix = 'segments/', joinsPrefix = JOINS_PREFIX, signal } = options;
  const { isDryRun = false, isSweep = false, clock = Date } = options;
  return {
    ...COMPACTION_DEFAULTS,
    ...options,
    prefix: `${prefix}${role}/`,
    joins: new SegmentJoins({ store, role, prefix: `${joinsPrefix}${role}/` }),
    isDryRun,
    isSweep,
    clock,
    result: newResult(),
    assertGoingOn: () => {
      if (signal?.aborted !== true) return;
      throw new MosaicError(
        'closed',
        'compaction-stopped',
        'compaction was stopped; the next one goes on',
      );
    },
  };
}

/** What to join, oldest first: nothing that is young, or that is part of a join already. */
async function* runsOf(
  compaction: Compaction,
  appliedTo: LogPosition,
  open: readonly SegmentKey[],
): AsyncGenerator<PlannedRun> {
  const { store, prefix, joins, result } = compaction;
  const planner = new RunPlanner(compaction);
  const joined = new JoinedSources(joins, open);
  const openNames = new Set(open.map(nameOf));
  const untilMs = youngest(compaction, appliedTo);
  /** All since runs were last planned. */
  let pending: ListedSegment[] = [];
  const plan = (next: SegmentKey | undefined): PlannedRun[] => {
    const runs = planner.end(next);
    const rest = compaction.isSweep ? restOf(pending, runs, next) : [];
    pending = [];
    // The listing may come by what these are joined to.
    for (const run of [...runs, ...rest]) openNames.add(nameOf(run.key));
    return [...runs, ...rest];
  };
  const warn = (): void => undefined;
  for await (const segment of listSegments({ store, prefix, warn }, undefined)) {
    const { key } = segment;
    count(compaction, segment);
    // A joined segment is not joined again before its sources are gone.
    if (key.timeMs > untilMs || openNames.has(nameOf(key))) {
      yield* plan(key);
      continue;
    }
    if ((await joined.sourceOf(key)) !== undefined) continue;
    if (planner.endsBefore(segment)) yield* plan(key);
    planner.take(segment);
    pending.push(segment);
  }
  yield* plan(undefined);
  result.requests.list += 1 + Math.floor(result.segments / OBJECT_PAGE_MAX);
}

/** Those that are not joined with others, each by itself. */
function restOf(
  segments: readonly ListedSegment[],
  runs: readonly PlannedRun[],
  next: SegmentKey | undefined,
): PlannedRun[] {
  const taken = new Set(runs.flatMap(({ sources }) => sources));
  return segments.flatMap((segment, i) => {
    const key = joinedKey(segment.key, segments[i + 1]?.key ?? next);
    return taken.has(segment) || key === undefined ? [] : [{ sources: [segment], key }];
  });
}

/** The newest time at which a segment may have been begun to be joined. */
function youngest({ clock, ageMs, behindMs }: Compaction, appliedTo: LogPosition): number {
  const applied = isLogStart(appliedTo) ? 0 : decodeSegmentKey(appliedTo).timeMs;
  return Math.min(clock.now() - ageMs, applied - behindMs);
}

function count({ result, bytesMax }: Compaction, { bytes }: ListedSegment): void {
  result.segments += 1;
  result.bytes += bytes;
  const { sizes } = result;
  if (bytes <= 64 * KIB) sizes.tiny += 1;
  else if (bytes <= MIB) sizes.small += 1;
  else if (bytes * 2 <= bytesMax) sizes.medium += 1;
  else sizes.large += 1;
}

/** Of a dry run: as if nothing were left out. */
function noteRun(result: CompactionResult, { sources }: PlannedRun): void {
  if (sources.length > 1) {
    result.runs += 1;
    result.joined += sources.length;
    result.joinedBytes += sources.reduce((sum, { bytes }) => sum + bytes, 0);
    result.requests.put += 3;
    result.requests.get += 2;
  }
  result.requests.get += sources.length;
}

function nameOf({ timeMs, writer }: SegmentKey): string {
  return `${timeMs} ${writer}`;
}
