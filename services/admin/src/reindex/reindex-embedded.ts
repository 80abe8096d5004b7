/**
 * Makes the embedded server's index anew from its segments, beside the one that is there, which stays
 * in use until the new one is whole. With the server stopped it is put in place at once; beside a
 * running server it is laid ready for the next start.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { interruptedError } from '@mosaic-cluster/client/command';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import {
  KeyDirectory,
  rebuildIndex,
  type RebuildProgress,
  type RemovalLookup,
  type ScheduleSource,
} from '@mosaic-cluster/role';
import {
  type DataFolderView,
  layIndexReady,
  lockFolder,
  lockHolder,
  type ProcessLock,
  reindexFolder,
  takeOverIndex,
} from '@mosaic-cluster/standalone/data-folder';
import {
  type IndexEnvironment,
  openIndexEnvironment,
  openSegmentLogReader,
  type SegmentDamage,
  type SegmentLog,
  type SegmentLogReader,
} from '@mosaic-cluster/store';
import { PRIVATE_ROLE, ROLES } from '../place/open-embedded.ts';
import { openFolderRemovals, type OpenRemovals } from '../place/open-removals.ts';
import { passingDamage } from './log-views.ts';
import { DAMAGES_MAX, type Reindexed, type ReindexedRole } from './reindex-result.ts';

/** What to do, and whom to tell. */
export interface ReindexOptions {
  readonly view: DataFolderView;
  /** Begins anew, whatever an interrupted run has done. */
  readonly isFresh: boolean;
  /** Leaves out what is damaged in the segments; else damage ends it. */
  readonly skipsDamage: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (role: string, progress: RebuildProgress, recordsTotal: number) => void;
  readonly onNote: (text: string) => void;
}

/** Records and rows of a transaction: nobody waits for it here, and in larger ones each costs less. */
export const LARGE_BATCHES = { batchEntries: 8192, transactionRowsMax: 131_072, lanes: 2 } as const;

/**
 * Makes the index anew, or goes on with a run that was interrupted.
 *
 * @throws MosaicError `closed` (`interrupted`), `corrupt` (`segment`) naming file and offset, `conflict`
 *   (`reindex-running`), `unavailable`
 */
export async function reindexEmbedded(options: ReindexOptions): Promise<Reindexed> {
  const { view, isFresh } = options;
  const dataLock = view.holder === undefined ? await lockOf(view.path) : undefined;
  try {
    const work = reindexFolder(view.path);
    await mkdir(work, { recursive: true, mode: 0o700 });
    const workLock = await lockWork(work);
    try {
      const made = join(work, 'index');
      if (isFresh) await rm(made, { recursive: true, force: true });
      const done = await makeIndex(options, made);
      await layIndexReady(view.path, made);
      if (dataLock !== undefined) await takeOverIndex(view.path);
      return { ...done, isInPlace: dataLock !== undefined };
    } finally {
      await workLock.close();
      await removeIfDone(work);
    }
  } finally {
    await dataLock?.close();
  }
}

/** The lock of the data folder; undefined: a server was started in this moment. */
async function lockOf(path: string): Promise<ProcessLock | undefined> {
  try {
    return await lockFolder(path);
  } catch (error) {
    if (isMosaicError(error) && error.code === 'folder-in-use') return undefined;
    throw error;
  }
}

async function lockWork(work: string): Promise<ProcessLock> {
  const holder = await lockHolder(work);
  const running = (who: string): MosaicError => {
    const message = `another mosaic-admin reindex is at work, process ${who}: wait for it, or end it first; what it has done is not lost`;
    return new MosaicError('conflict', 'reindex-running', message);
  };
  if (holder !== undefined) throw running(holder);
  try {
    return await lockFolder(work);
  } catch (error) {
    if (isMosaicError(error) && error.code === 'folder-in-use') throw running('unknown');
    throw error;
  }
}

/** Removes the folder, unless an interrupted run has left something to go on with. */
async function removeIfDone(work: string): Promise<void> {
  const names = await readdir(work).catch(() => ['?']);
  if (names.length === 0) await rm(work, { recursive: true, force: true });
}

async function makeIndex(
  options: ReindexOptions,
  directory: string,
): Promise<Omit<Reindexed, 'isInPlace'>> {
  const { view, onNote } = options;
  const environment = await openIndexEnvironment({
    directory,
    transactionRowsMax: LARGE_BATCHES.transactionRowsMax,
    onWarning: onNote,
  });
  if (environment.rebuilt !== undefined) onNote(`it begins anew: ${environment.rebuilt}`);
  const logs = new Map<string, SegmentLogReader>();
  let removals: OpenRemovals | undefined;
  try {
    removals = await openFolderRemovals(view.objects);
    for (const role of ROLES.filter((each) => view.roles.includes(each))) {
      const log = await openSegmentLogReader({ directory: view.segments(role), role });
      logs.set(role, log);
    }
    const damages: SegmentDamage[] = [];
    const roles: Record<string, ReindexedRole> = {};
    // Public roles come first: their key schedules say whose the others' records are.
    for (const role of logs.keys()) {
      const removed = removals.removedIn(role);
      roles[role] = await makeRole({ ...options, removed }, environment, logs, role, damages);
    }
    return { roles, bytes: await environment.bytes(), damages };
  } finally {
    await removals?.close();
    for (const log of logs.values()) await log.close();
    await environment.close();
  }
}

async function makeRole(
  options: ReindexOptions & { readonly removed: RemovalLookup },
  environment: IndexEnvironment,
  logs: ReadonlyMap<string, SegmentLogReader>,
  role: string,
  damages: SegmentDamage[],
): Promise<ReindexedRole> {
  const { signal, skipsDamage, onProgress, removed } = options;
  const index = environment.index(role);
  if ((await index.appliedTo()) !== undefined) {
    return { records: 0, added: 0, removed: 0, seconds: 0, isResumed: true };
  }
  const reader = logs.get(role)!;
  const { entries = 0 } = await reader.totals();
  const log: SegmentLog = skipsDamage
    ? passingDamage(reader, (damage) => {
        if (damages.length < DAMAGES_MAX) damages.push(damage);
      })
    : reader;
  const directory = new KeyDirectory(sourcesOf(environment, logs));
  try {
    const result = await rebuildIndex({
      ...LARGE_BATCHES,
      index,
      log,
      directory,
      removed,
      signal,
      onProgress: (progress) => onProgress(role, progress, entries),
    });
    if (result === undefined) throw new Error('nobody else can have claimed it');
    const { records, added, elapsedMs, isResumed } = result;
    return { records, added, removed: 0, seconds: elapsedMs / 1000, isResumed };
  } catch (error) {
    if (signal.aborted) throw interruptedError();
    throw error;
  }
}

function sourcesOf(
  environment: IndexEnvironment,
  logs: ReadonlyMap<string, SegmentLogReader>,
): ScheduleSource[] {
  return [...logs]
    .filter(([role]) => role !== PRIVATE_ROLE)
    .map(([role, log]) => ({ log, index: environment.index(role) }));
}
