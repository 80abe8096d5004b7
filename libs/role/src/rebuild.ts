/**
 * Makes an index anew from the log while everything goes on serving: reads many parts of the log at the
 * same time, in bounded memory, notes in the index which are done, and can be interrupted at any
 * moment. What is committed meanwhile, whoever commits it adds.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type {
  LogPart,
  LogPosition,
  RebuildClaim,
  RecordIndex,
  ScannedEntry,
  SegmentLog,
} from '@mosaic-cluster/store';
import type { KeyDirectory } from './key-directory.ts';
import { RebuildContests } from './rebuild-contests.ts';
import { EntryRestorer, type Restored } from './rebuild-restorer.ts';
import { NOTHING_REMOVED, type RemovalLookup } from './removed-records.ts';
import type { RecordVerifier } from './role-worker-deps.ts';

/** How far a rebuild is. */
export interface RebuildProgress {
  /** Parts of the log. Those that an earlier rebuild had done are done. */
  readonly partsDone: number;
  readonly partsTotal: number;
  /** Of segments. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Records read by this rebuild. */
  readonly records: number;
  readonly elapsedMs: number;
}

/** What a rebuild did. */
export interface RebuildResult extends RebuildProgress {
  /** Whether it went on with what an earlier one had done. */
  readonly isResumed: boolean;
  /** Records that the index did not have. */
  readonly added: number;
  /** Records that the verifier refused; they are not in the index. */
  readonly invalid: number;
}

/** What a rebuild works on. */
export interface RebuildOptions {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  /** Knows the key schedules of all roles. */
  readonly directory: KeyDirectory;
  /** What must not come back; undefined: nothing. */
  readonly removed?: RemovalLookup;
  /** Names who rebuilds: no two at a time have the same. By chance by default. */
  readonly owner?: string;
  /** Parts of the log that are read at the same time: 4 by default. */
  readonly lanes?: number;
  /**
   * Records that are added together: 1,024 by default. More are faster on LMDB where nobody is served
   * meanwhile, and take more memory: so many records a lane.
   */
  readonly batchEntries?: number;
  /** For how long nobody else takes over from one that died: 15 seconds by default. */
  readonly leaseMs?: number;
  /** Reads all of the log, whatever an interrupted rebuild has done. */
  readonly isFresh?: boolean;
  /** Checks signatures again; undefined: what is in the log was checked when it came in. */
  readonly verifier?: RecordVerifier | undefined;
  /**
   * Done before anything is read, while nobody else rebuilds. It may note how far it is: notes are there for
   * the next one where this is interrupted. Names begin with a colon.
   */
  readonly prepare?: ((claim: RebuildClaim) => Promise<void>) | undefined;
  /** Called now and then. */
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
  /** Stops the rebuild; the next one goes on. */
  readonly signal?: AbortSignal | undefined;
}

const LANES = 4;
const LEASE_MS = 15_000;
const BATCH_ENTRIES = 1024;
/** Attempts to add a batch, with longer and longer pauses. */
const ATTEMPTS_MAX = 5;
const PAUSE_MS = 500;
/** Bytes of records that are added together. */
const BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Rebuilds an index, or goes on with a rebuild that was interrupted.
 *
 * @returns undefined: somebody else is at it
 * @throws MosaicError `conflict` (`rebuild-lost`) where the index lost something meanwhile or somebody
 *   else took over: call again; `corrupt` where the log is damaged; `unavailable`; `closed`
 *   (`rebuild-stopped`) after the signal
 */
export async function rebuildIndex(options: RebuildOptions): Promise<RebuildResult | undefined> {
  const { owner = randomBytes(8).toString('hex'), leaseMs = LEASE_MS } = options;
  const { isFresh = false } = options;
  const claim = await options.index.claimRebuild({ owner, leaseMs, isFresh });
  if (claim === undefined) return undefined;
  const rebuild = new Rebuild(options, claim);
  const timer = setInterval(() => rebuild.renew(), leaseMs / 3);
  timer.unref();
  try {
    return await rebuild.run();
  } catch (error) {
    await claim.release().catch(() => undefined);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

class Rebuild {
  readonly #options: RebuildOptions;
  readonly #claim: RebuildClaim;
  readonly #contests: RebuildContests;
  readonly #restorer: EntryRestorer;
  readonly #startMs = performance.now();
  #parts: LogPart[] = [];
  #next = 0;
  #partsDone = 0;
  #bytesDone = 0;
  #bytesTotal = 0;
  /** Of records read from parts that are not done. */
  #bytesOpen = 0;
  #records = 0;
  #added = 0;
  #invalid = 0;
  /** Why it must stop. */
  #failure: unknown;

  constructor(options: RebuildOptions, claim: RebuildClaim) {
    this.#options = options;
    this.#claim = claim;
    this.#contests = new RebuildContests(options);
    this.#restorer = new EntryRestorer(options);
  }

  /** Prolongs the claim; what that meets is thrown where the work goes on. */
  renew(): void {
    this.#claim.renew().catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async run(): Promise<RebuildResult> {
    const { log, lanes = LANES, prepare } = this.#options;
    await prepare?.(this.#claim);
    let end: LogPosition | undefined = this.#claim.from;
    for await (const part of log.parts(this.#claim.from)) {
      this.#assertGoingOn();
      this.#parts.push(part);
      this.#bytesTotal += part.bytes;
      end = part.end;
    }
    const walks = Array.from({ length: lanes }, () => this.#walk());
    const outcomes = await Promise.allSettled(walks);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    await this.#contests.settle();
    this.#assertGoingOn();
    await this.#claim.finish(end);
    this.#tell();
    const isResumed = this.#claim.notes.size > 0 || this.#claim.from !== undefined;
    return { ...this.#progress(), isResumed, added: this.#added, invalid: this.#invalid };
  }

  /** Takes one part after the other. */
  async #walk(): Promise<void> {
    try {
      for (let part = this.#take(); part !== undefined; part = this.#take()) {
        const noted = this.#claim.notes.get(part.name);
        const openBytes = noted === undefined ? await this.#restorePart(part) : 0;
        if (noted !== undefined) await this.#contests.recall(noted);
        this.#partsDone += 1;
        this.#bytesDone += part.bytes;
        this.#bytesOpen -= openBytes;
        this.#tell();
      }
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }

  #take(): LogPart | undefined {
    this.#assertGoingOn();
    return this.#parts[this.#next++];
  }

  /** Adds what a part holds, and notes it; returns the bytes of its records. */
  async #restorePart(part: LogPart): Promise<number> {
    const { batchEntries = BATCH_ENTRIES } = this.#options;
    const notes: Uint8Array[] = [];
    let batch: ScannedEntry[] = [];
    let bytes = 0;
    let partBytes = 0;
    const flush = async (): Promise<void> => {
      this.#bytesOpen += bytes;
      partBytes += bytes;
      notes.push(await this.#restore(batch));
      batch = [];
      bytes = 0;
    };
    for await (const { entries } of part.scan()) {
      this.#assertGoingOn();
      for (const entry of entries) {
        batch.push(entry);
        bytes += entry.record.bytes.length;
        if (batch.length >= batchEntries || bytes >= BATCH_BYTES) await flush();
      }
    }
    if (batch.length > 0) await flush();
    await this.#claim.note(part.name, Buffer.concat(notes));
    return partBytes;
  }

  async #restore(entries: readonly ScannedEntry[]): Promise<Uint8Array> {
    const wanted = await this.#wanted(entries);
    const { added, contests } = await this.#restoreInTime(wanted);
    this.#records += entries.length;
    this.#added += added;
    this.#tell();
    return this.#contests.add(contests);
  }

  /** Tries again for a while where the index cannot be reached: reading the part again costs more. */
  async #restoreInTime(entries: readonly ScannedEntry[]): Promise<Restored> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#restorer.restore(entries);
      } catch (error) {
        const isPassing = isMosaicError(error) && error.retryable && error.kind !== 'closed';
        if (!isPassing || attempt === ATTEMPTS_MAX) throw error;
      }
      await delay(PAUSE_MS * attempt);
      this.#assertGoingOn();
    }
  }

  /** Those that are in the index once the rebuild is done. */
  async #wanted(entries: readonly ScannedEntry[]): Promise<readonly ScannedEntry[]> {
    const { removed = NOTHING_REMOVED } = this.#options;
    const records = entries.map(({ record }) => record);
    const [areRemoved, areReplaced] = await Promise.all([
      removed.areRemoved(records.map(({ id }) => id)),
      removed.areReplaced(records),
    ]);
    const isGone = (i: number): boolean => areRemoved[i] === true || areReplaced[i] === true;
    return this.#verified(entries.filter((_, i) => !isGone(i)));
  }

  async #verified(entries: readonly ScannedEntry[]): Promise<readonly ScannedEntry[]> {
    const { verifier } = this.#options;
    if (verifier === undefined) return entries;
    const faults = await verifier.verify(entries.map(({ record }) => record));
    const valid = entries.filter((_, i) => faults[i] === undefined);
    this.#invalid += entries.length - valid.length;
    return valid;
  }

  #progress(): RebuildProgress {
    return {
      partsDone: this.#partsDone,
      partsTotal: this.#parts.length,
      bytesDone: Math.min(this.#bytesDone + this.#bytesOpen, this.#bytesTotal),
      bytesTotal: this.#bytesTotal,
      records: this.#records,
      elapsedMs: performance.now() - this.#startMs,
    };
  }

  #tell(): void {
    this.#options.onProgress?.(this.#progress());
  }

  #assertGoingOn(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#options.signal?.aborted !== true) return;
    const message = 'the rebuild of the record index was stopped; the next one goes on with it';
    throw new MosaicError('closed', 'rebuild-stopped', message);
  }
}
