/**
 * Compacts the segments of a role in a cluster: under the claim by which an index is made anew, so that
 * neither this nor that goes on beside another.
 */
import { randomBytes } from 'node:crypto';
import { MosaicError } from '@mosaic-cluster/protocol';
import {
  type CompactionBounds,
  type CompactionResult,
  compactSegments,
  JOINS_PREFIX,
  lastSweep,
  noteSweep,
  type ObjectStore,
  type RebuildClaim,
  type RedisRecordIndex,
  type SegmentLog,
} from '@mosaic-cluster/store';
import type { KeyDirectory } from '../key-directory.ts';
import type { RemovedRecords } from '../removed-records.ts';
import { judgeLeaving } from './leaving.ts';
import { hasLeavingRemovals } from './sweep-due.ts';

/** What to compact, and how. */
export interface CompactRoleOptions {
  readonly store: ObjectStore;
  readonly role: string;
  /** What keys of segments and of joins start with: `segments/` and `joins/` by default. */
  readonly prefix?: string;
  readonly joinsPrefix?: string;
  readonly index: RedisRecordIndex;
  readonly log: Pick<SegmentLog, 'read'>;
  readonly directory: Pick<KeyDirectory, 'admits'>;
  /** Of the role. */
  readonly removed: Pick<RemovedRecords, 'areRemoved' | 'areReplaced' | 'find' | 'list'>;
  /** For how long what was removed or replaced is kept; 7 days by default. */
  readonly graceMs?: number;
  /**
   * Whether large segments are read as well, to take removed records out of them: `due` where something was
   * removed since the last time, which is a week ago at least.
   */
  readonly sweep?: 'due' | 'always' | 'never';
  readonly bounds?: Partial<CompactionBounds>;
  readonly isDryRun?: boolean;
  /** Nothing more is joined from then on, in milliseconds since 1970; the next one goes on. */
  readonly endsAtMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((now: CompactionResult) => void) | undefined;
  readonly clock?: { now(): number };
}

/** What was done, or would be. */
export interface CompactedRole extends CompactionResult {
  /** Whether large segments were read as well. */
  readonly isSwept: boolean;
}

const DAY_MS = 86_400_000;
/** For how long removed and replaced records are kept where nothing else is said. */
export const COMPACTION_GRACE_MS: number = 7 * DAY_MS;
const SWEEP_REST_MS = 7 * DAY_MS;
/** The claim holds so long if it is not renewed. */
const LEASE_MS = 30_000;

/**
 * Compacts.
 *
 * @throws MosaicError `conflict` (`index-not-whole`; `index-claimed`: somebody compacts, or makes the index
 *   anew), `closed` (`compaction-stopped`), and what store, index and registry throw; what was done until
 *   then stays done
 */
export async function compactRole(options: CompactRoleOptions): Promise<CompactedRole> {
  const { store, role, index, bounds = {}, isDryRun = false, clock = Date } = options;
  const { graceMs = COMPACTION_GRACE_MS, onProgress, prefix, joinsPrefix = JOINS_PREFIX } = options;
  const places = { joinsPrefix, ...(prefix === undefined ? {} : { prefix }) };
  const sweptUntilMs = clock.now() - graceMs;
  const isSwept = await isSweepDue(options, sweptUntilMs);
  const mayGo = judgeLeaving({ ...options, graceMs, clock });
  const run = (signal: AbortSignal | undefined): Promise<CompactionResult> =>
    compactSegments({
      ...bounds,
      ...places,
      store,
      role,
      index,
      mayGo,
      isSweep: isSwept,
      isDryRun,
      endsAtMs: options.endsAtMs,
      clock,
      signal,
      onProgress,
    });
  if (isDryRun) return { ...(await run(options.signal)), isSwept };
  const result = await underClaim(options, run);
  const isAll = result.damages === 0 && result.contended === 0 && !result.isCutShort;
  if (isSwept && isAll) {
    // Joined segments that are young were not read: they lack what was to go when they were written.
    const { waitingSinceMs = Infinity } = result;
    const untilMs = Math.min(sweptUntilMs, waitingSinceMs - Math.max(graceMs, COMPACTION_GRACE_MS));
    await noteSweep(store, `${joinsPrefix}${role}/`, untilMs);
  }
  return { ...result, isSwept };
}

/** Does something while nobody else makes the index anew or compacts. */
async function underClaim<T>(
  { index, role, signal }: CompactRoleOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // A claim on an index that is not whole begins to make it anew.
  if ((await index.appliedTo()) === undefined) throw notWhole(role);
  const owner = `compaction-${randomBytes(8).toString('hex')}`;
  const claim = await index.claimRebuild({ owner, leaseMs: LEASE_MS });
  if (claim === undefined) throw claimed(role);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  let failure: unknown;
  const timer = setInterval(() => renew(claim), LEASE_MS / 5);
  timer.unref();
  const renew = (held: RebuildClaim): void => {
    held.renew().catch((error: unknown) => {
      failure ??= error;
      end();
    });
  };
  try {
    return await work(stop.signal);
  } catch (error) {
    throw failure ?? error;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', end);
    await claim.release().catch(() => undefined);
  }
}

/** Whether something was removed that the last sweep did not take out yet. */
async function isSweepDue(
  {
    store,
    role,
    joinsPrefix = JOINS_PREFIX,
    removed,
    sweep = 'due',
    clock = Date,
  }: CompactRoleOptions,
  untilMs: number,
): Promise<boolean> {
  if (sweep !== 'due') return sweep === 'always';
  const now = clock.now();
  const last = await lastSweep(store, `${joinsPrefix}${role}/`, now);
  if (last !== undefined && now - last.doneAtMs < SWEEP_REST_MS) return false;
  return hasLeavingRemovals(removed, last, untilMs);
}

function notWhole(role: string): MosaicError {
  const message = `the index of ${role} is not whole: nothing is joined before it was made anew`;
  return new MosaicError('conflict', 'index-not-whole', message);
}

function claimed(role: string): MosaicError {
  const message = `the segments of ${role} are being compacted, or its index is being made anew: nothing was done`;
  return new MosaicError('conflict', 'index-claimed', message);
}
