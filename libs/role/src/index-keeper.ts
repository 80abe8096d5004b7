/**
 * Sees to it that an index which several processes share is whole: looks every few seconds whether
 * anything of it was lost, and then has it made anew from the log, by one process at a time, while all
 * of them go on serving.
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import { IndexWriter, indexAhead } from './index-writer.ts';
import type { KeyDirectory } from './key-directory.ts';
import { rebuildIndex, type RebuildProgress, type RebuildResult } from './rebuild.ts';
import { NOTHING_REMOVED, type RemovalLookup } from './removed-records.ts';

/**
 * What is known of an index.
 * - `unknown`: not looked yet, or it cannot be reached.
 * - `whole`: it has all that was acknowledged.
 * - `rebuilding`: this process makes it anew.
 * - `rebuilding-elsewhere`: another one does.
 * - `incomplete`: nobody does; an operator has to.
 *
 * But for `whole`, answers lack what is not in it yet.
 */
export type IndexState =
  | { readonly is: 'unknown' | 'incomplete'; readonly why: string }
  | { readonly is: 'whole' | 'rebuilding-elsewhere' }
  | { readonly is: 'rebuilding'; readonly progress: RebuildProgress };

/** What a keeper tells. */
export interface IndexKeeperEvents {
  /** The state is another one; not told of progress. */
  changed?(state: IndexState, before: IndexState): void;
  /** A rebuild came to its end here. */
  rebuilt?(result: RebuildResult): void;
  /** The end of the log was looked at: commits that nobody had indexed may have been there. */
  caughtUp?(records: number): void;
  /** Something failed; it is tried again. */
  failed?(what: 'check' | 'catch-up' | 'rebuild', error: unknown): void;
}

/** What a keeper works on. */
export interface IndexKeeperOptions {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  readonly directory: KeyDirectory;
  /** What must not come back; undefined: nothing. */
  readonly removed?: RemovalLookup;
  /** Whether an index that is not whole is made anew without being asked: `auto` by default. */
  readonly reindex?: 'auto' | 'off';
  /** Between two looks: 3 seconds by default. */
  readonly checkMs?: number;
  /** See `RebuildOptions`. */
  readonly lanes?: number;
  readonly leaseMs?: number;
  readonly events?: IndexKeeperEvents;
}

const CHECK_MS = 3000;

/** Keeps one index whole. */
export class IndexKeeper {
  readonly #options: IndexKeeperOptions;
  readonly #events: IndexKeeperEvents;
  readonly #stop = new AbortController();
  #state: IndexState = { is: 'unknown', why: 'nobody has looked yet' };
  #isCaughtUp = false;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: IndexKeeperOptions) {
    this.#options = options;
    this.#events = options.events ?? {};
  }

  /** What is known of the index. */
  get state(): IndexState {
    return this.#state;
  }

  /**
   * Looks for the first time, and goes on in the background. An index is whole at once where the log
   * is empty.
   *
   * @throws MosaicError `corrupt` (`index-ahead`) where segments are missing, `unavailable`
   */
  async start(): Promise<void> {
    const { index, log } = this.#options;
    const appliedTo = await index.appliedTo();
    const isEmpty = await this.#isLogEmpty(appliedTo);
    if (appliedTo === undefined && isEmpty) {
      // Somebody else may be at it in this moment.
      await index.markWhole(log.end).catch(ignoreConflict);
    }
    await this.#look();
    this.#goOn(0);
  }

  /** Stops; a rebuild under way is left for the next who looks. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #goOn(afterMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#round();
    }, afterMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const { reindex = 'auto', checkMs = CHECK_MS } = this.#options;
    await this.#attempt('check', () => this.#look());
    if (this.#state.is === 'whole') {
      if (!this.#isCaughtUp) await this.#attempt('catch-up', () => this.#catchUp());
    } else if (this.#state.is !== 'unknown' && reindex === 'auto') {
      await this.#attempt('rebuild', () => this.#rebuild());
    }
    this.#goOn(checkMs);
  }

  async #attempt(what: 'check' | 'catch-up' | 'rebuild', step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (what === 'check') this.#become({ is: 'unknown', why: messageOf(error) });
      if (what === 'rebuild') this.#become({ is: 'incomplete', why: messageOf(error) });
      this.#events.failed?.(what, error);
    }
  }

  async #look(): Promise<void> {
    const isWhole = (await this.#options.index.appliedTo()) !== undefined;
    if (isWhole) this.#become({ is: 'whole' });
    else if (this.#state.is === 'whole' || this.#state.is === 'unknown') {
      const why =
        'the record index is new, or a Redis server was emptied, or started again and may lack its last writes';
      this.#become({ is: 'incomplete', why });
    }
  }

  /** Brings in what somebody left behind who died between log and index. */
  async #catchUp(): Promise<void> {
    const { index, log, directory, removed = NOTHING_REMOVED } = this.#options;
    const records = await new IndexWriter({ index, log, directory, removed }).replay(() => {
      if (this.#stop.signal.aborted) throw stopped();
    });
    this.#isCaughtUp = true;
    this.#events.caughtUp?.(records);
  }

  async #rebuild(): Promise<void> {
    const { index, log, directory, removed = NOTHING_REMOVED, lanes, leaseMs } = this.#options;
    const result = await rebuildIndex({
      index,
      log,
      directory,
      removed,
      ...(lanes === undefined ? {} : { lanes }),
      ...(leaseMs === undefined ? {} : { leaseMs }),
      signal: this.#stop.signal,
      onProgress: (progress) => this.#become({ is: 'rebuilding', progress }),
    });
    if (result === undefined) return this.#become({ is: 'rebuilding-elsewhere' });
    this.#isCaughtUp = true;
    this.#events.rebuilt?.(result);
    await this.#look();
  }

  /** Also refuses a log that does not reach where the index is. */
  async #isLogEmpty(appliedTo: Uint8Array | undefined): Promise<boolean> {
    try {
      for await (const _ of this.#options.log.parts(appliedTo)) return false;
      return true;
    } catch (error) {
      throw isMosaicError(error) && error.code === 'log-position' ? indexAhead(error) : error;
    }
  }

  #become(state: IndexState): void {
    const before = this.#state;
    this.#state = state;
    if (before.is !== state.is) this.#events.changed?.(state, before);
  }
}

function ignoreConflict(error: unknown): void {
  if (!isMosaicError(error) || error.kind !== 'conflict') throw error;
}

function stopped(): MosaicError {
  return new MosaicError('closed', 'keeper-closed', 'the keeper of the record index was closed');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
