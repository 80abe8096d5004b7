/**
 * Has the embedded server's segment files written again without what was removed or replaced long ago: in
 * the background, slowly, and not while there is much else to do.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import {
  type FileSegmentLog,
  JOINS_PREFIX,
  lastSweep,
  type LeavingJudge,
  noteSweep,
  type ObjectStore,
  type RecordIndex,
  RepeatedWork,
  type Rewritten,
} from '@mosaic-cluster/store';
import type { KeyDirectory } from '../key-directory.ts';
import type { RemovedRecords } from '../removed-records.ts';
import { judgeLeaving } from './leaving.ts';
import { hasLeavingRemovals } from './sweep-due.ts';

/** What to look after, and how. */
export interface SegmentRewriterOptions {
  readonly role: string;
  readonly log: Pick<FileSegmentLog, 'segments' | 'rewrite' | 'read'>;
  readonly index: Pick<RecordIndex, 'scan' | 'lookup'>;
  readonly directory: Pick<KeyDirectory, 'admits'>;
  /** Of the role. */
  readonly removed: Pick<RemovedRecords, 'areRemoved' | 'areReplaced' | 'find' | 'list'>;
  /** Where it is noted when all segments were looked through. */
  readonly store: ObjectStore;
  /** For how long what was removed or replaced is kept; milliseconds. */
  readonly graceMs: number;
  /** Read and written in a second, at most: 8 MiB by default. */
  readonly bytesPerSecond?: number;
  /** Whether there is much else to do at the moment: then it waits, a while at most. */
  readonly isBusy?: () => boolean;
  /**
   * Whether there is an index that is not in use yet: it may lead to what the one in use has replaced or
   * removed, and needs its bytes to do the same. Then everything stays.
   */
  readonly isHeld?: () => Promise<boolean>;
  readonly onRewritten?: (done: Rewritten) => void;
  /** Told of each segment that stays as it is because of an error. */
  readonly onError?: (error: unknown) => void;
  readonly clock?: { now(): number };
}

const LOOK_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Between two sweeps because something was removed. */
const REST_MS = DAY_MS;
/** Between two sweeps for what was replaced. */
const REPLACED_REST_MS = 30 * DAY_MS;
const BYTES_PER_SECOND = 8 * 1024 * 1024;
/** Whether there is much else to do is asked so rarely that what is done here does not look like it. */
const ASKED_BYTES = 1024 * 1024;
/** Others wait for the thread no longer. */
const TURN_MS = 5;
/** Pauses while there is much else to do: then it goes on all the same, slowly. */
const BUSY_PAUSE_MS = 1000;
const BUSY_PAUSES_MAX = 60;

/** Looks after the files of one role. */
export class SegmentRewriter {
  readonly #options: SegmentRewriterOptions;
  readonly #mayGo: LeavingJudge;
  readonly #work = new RepeatedWork();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #nextMs = 0;
  #bytesSinceAsked = ASKED_BYTES;
  #turnMs = 0;

  constructor(options: SegmentRewriterOptions) {
    this.#options = options;
    const judge = judgeLeaving({ clock: Date, ...options });
    this.#mayGo = async (records) => {
      await this.#letOthersWork();
      return judge(records);
    };
  }

  /** Looks every hour from now on. */
  start(): void {
    this.#work.every(LOOK_MS, () => (this.#running = this.look().catch(() => undefined)));
  }

  /** Looks whether there is something to do, and does it. @returns how many segments were written again */
  async look(): Promise<number> {
    const { role, removed, store, graceMs, log, isHeld, clock = Date } = this.#options;
    if (await isHeld?.()) return 0;
    const prefix = `${JOINS_PREFIX}${role}/`;
    const now = clock.now();
    const last = await lastSweep(store, prefix, now);
    const agoMs = last === undefined ? Number.POSITIVE_INFINITY : now - last.doneAtMs;
    const isDue =
      agoMs >= REPLACED_REST_MS ||
      (agoMs >= REST_MS && (await hasLeavingRemovals(removed, last, now - graceMs)));
    if (!isDue) return 0;
    let written = 0;
    let failed = 0;
    for (const { number } of log.segments()) {
      const isDone = await this.#rewrite(number);
      if (isDone === undefined) failed += 1;
      else if (isDone) written += 1;
    }
    if (failed === 0) await noteSweep(store, prefix, now - graceMs);
    return written;
  }

  /** Ends what is under way; the segment at hand stays as it is. */
  async close(): Promise<void> {
    this.#work.close();
    this.#stop.abort();
    await this.#running;
  }

  /** @returns undefined: it could not be done */
  async #rewrite(number: number): Promise<boolean | undefined> {
    const { log, isHeld, onRewritten, onError } = this.#options;
    try {
      const mayGo = this.#mayGo;
      const done = await log.rewrite(number, {
        mayGo,
        pace: (bytes) => this.#pace(bytes),
        assertFree: async () => {
          // An index may have been begun anew while the segment was read.
          if (await isHeld?.()) throw held();
        },
      });
      if (done !== undefined) onRewritten?.(done);
      return done !== undefined;
    } catch (error) {
      // Damage is about one segment; what else goes wrong would for the next one, too.
      if (this.#stop.signal.aborted || isHeldError(error)) throw error;
      onError?.(error);
      if (!isMosaicError(error) || error.kind !== 'corrupt') throw error;
      return undefined;
    }
  }

  /** What is in memory already is judged without waiting for anything. */
  async #letOthersWork(): Promise<void> {
    if (performance.now() - this.#turnMs < TURN_MS) return;
    await nextTurn();
    this.#turnMs = performance.now();
  }

  async #pace(bytes: number): Promise<void> {
    const { bytesPerSecond = BYTES_PER_SECOND, isBusy = () => false } = this.#options;
    const { signal } = this.#stop;
    const now = performance.now();
    const at = Math.max(this.#nextMs, now);
    this.#nextMs = at + (bytes / bytesPerSecond) * 1000;
    try {
      if (at - now >= 1) await delay(at - now, undefined, { signal, ref: false });
      await this.#letOthersWork();
      this.#bytesSinceAsked += bytes;
      const pausesMax = this.#bytesSinceAsked < ASKED_BYTES ? 0 : BUSY_PAUSES_MAX;
      if (pausesMax > 0) this.#bytesSinceAsked = 0;
      for (let pause = 0; pause < pausesMax && isBusy(); pause++) {
        await delay(BUSY_PAUSE_MS, undefined, { signal, ref: false });
      }
    } catch {
      // Aborted: said below.
    }
    if (!signal.aborted) return;
    throw new MosaicError('closed', 'rewriter-closed', 'the server ends');
  }
}

function held(): MosaicError {
  const message =
    'an index is being made anew, or waits to be taken over: nothing is cut out before';
  return new MosaicError('conflict', 'segments-held', message);
}

function isHeldError(error: unknown): boolean {
  return isMosaicError(error) && error.code === 'segments-held';
}
