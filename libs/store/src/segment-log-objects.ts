/**
 * The segment log of a cluster: every commit is an object of its own, and any number of workers write
 * at the same time without knowing of one another.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { MosaicError, recordLengthFault, TIMESTAMP_MAX } from '@mosaic-cluster/protocol';
import { isSegmentGone, readMoved } from './joins/moved-entries.ts';
import { JOINS_PREFIX, SegmentJoins } from './joins/segment-joins.ts';
import type { ObjectStore } from './object-store.ts';
import { Turnstile } from './object-store-turnstile.ts';
import { assertSegmentRole, SEGMENT_SALT_BYTES } from './segment-format.ts';
import { logClosed } from './segment-handles.ts';
import {
  type Appended,
  type CacheFigures,
  isLogStart,
  type Location,
  type LogEntry,
  type LogPart,
  type LogPosition,
  type LogState,
  type ScannedCommit,
  type SegmentLog,
} from './segment-log.ts';
import {
  decodeSegmentKey,
  encodeSegmentKey,
  type SegmentKey,
} from './segment-log-objects-address.ts';
import { PieceCache } from './segment-log-objects-cache.ts';
import { type ObjectCommitBounds, ObjectCommits } from './segment-log-objects-commits.ts';
import { objectParts } from './segment-log-objects-parts.ts';
import { ObjectReader } from './segment-log-objects-reader.ts';
import {
  compareKeys,
  newestSegment,
  type ObjectScanOptions,
  scanSegmentObjects,
  type SegmentListing,
} from './segment-log-objects-scan.ts';
import { ObjectWriter } from './segment-log-objects-writer.ts';
import { describeWarning, type SegmentWarning } from './segment-warning.ts';
import { defaultsOf, OBJECT_LOG_LIMIT_TABLE } from './store-limits.ts';

const MIB = 1024 * 1024;
const COMMIT_BYTES_LIMIT = 64 * MIB;
const WRITERS = 0x1_0000_0000;
/** Clocks that differ by less are not worth a warning. */
const AHEAD_MS_MIN = 1000;
const BEGINNING: SegmentKey = { timeMs: 0, writer: 0 };

/** How to open a segment log on an object store. Only `store` and `role` must be given. */
export interface ObjectSegmentLogOptions extends Partial<ObjectCommitBounds> {
  /** Not closed with the log: others may use it. */
  readonly store: ObjectStore;
  /** 1 to 16 lower-case letters, digits and hyphens. */
  readonly role: string;
  /** What the keys of all segments start with: `segments/` by default. */
  readonly prefix?: string;
  /** What the keys of all joins start with: `joins/` by default. */
  readonly joinsPrefix?: string;
  /** Most memory for cached record bytes: 128 MiB by default. */
  readonly cacheBytesMax?: number;
  /** From when a segment is begun until it must be durable: 30 seconds by default. */
  readonly putTimeoutMs?: number;
  /**
   * How much older than a position a segment may be that became durable after it; a scan begins so
   * much earlier. At least `putTimeoutMs` and what the clocks of the writers differ by: 60 seconds by
   * default. 0: nobody else writes.
   */
  readonly lateMs?: number;
  /** From when entries are asked for until they must be there: 3 seconds by default. */
  readonly readTimeoutMs?: number;
  /** Requests for pieces at a time: 16 by default. */
  readonly loadsMax?: number;
  /** Requests that may wait for that: 4,096 by default; above it reads are refused (`log-busy`). */
  readonly loadsWaitingMax?: number;
  /** Segments that a scan fetches ahead: 16 by default. */
  readonly aheadMax?: number;
  /** Bytes of segments that a scan fetches ahead: 32 MiB by default; one segment always is. */
  readonly aheadBytesMax?: number;
  /** Bytes of segments after which a part ends, see `parts`: 64 MiB by default. */
  readonly partBytes?: number;
  /** Is told what an operator should know: as a sentence and as data. */
  readonly onWarning?: (message: string, warning: SegmentWarning) => void;
  /** Milliseconds since 1970; names new segments. */
  readonly clock?: { now(): number };
  /** Milliseconds that never run backwards. */
  readonly monotonicMs?: () => number;
  /** Names a writer: 0 to 2³²−1, by chance. */
  readonly drawWriter?: () => number;
}

/** A segment log on an object store. */
export interface ObjectSegmentLog extends SegmentLog {
  /** Memory that cached record bytes take. */
  readonly cachedBytes: number;
  readonly cacheFigures: CacheFigures;
}

type Settled = Required<ObjectSegmentLogOptions>;

/**
 * Opens a segment log: looks for the newest segment there is.
 *
 * @throws MosaicError `invalid` (`segment-role`, `segment-log-options`), and what the store throws
 */
export async function openObjectSegmentLog(
  options: ObjectSegmentLogOptions,
): Promise<ObjectSegmentLog> {
  const settled = settle(options);
  const { store, role, clock, onWarning } = settled;
  const warn = (warning: SegmentWarning): void => onWarning(describeWarning(warning), warning);
  const listing = { store, prefix: `${settled.prefix}${role}/`, warn };
  const nowMs = clock.now();
  const newest = await newestSegment(listing, nowMs);
  const aheadMs = (newest?.key.timeMs ?? 0) - nowMs;
  const aheadMsMax = Math.max(AHEAD_MS_MIN, settled.lateMs - settled.putTimeoutMs);
  if (newest !== undefined && aheadMs > aheadMsMax) {
    warn({ event: 'clocks-differ', file: newest.name, aheadMs });
  }
  return new StoreLog(settled, listing, newest?.key);
}

function settle(options: ObjectSegmentLogOptions): Settled {
  const settled: Settled = {
    prefix: 'segments/',
    joinsPrefix: JOINS_PREFIX,
    ...defaultsOf(OBJECT_LOG_LIMIT_TABLE),
    onWarning: () => undefined,
    clock: Date,
    monotonicMs: () => performance.now(),
    drawWriter: () => randomInt(WRITERS),
    ...options,
  };
  assertSegmentRole(settled.role);
  assertWithin(settled, 'commitBytesMax', 1, COMMIT_BYTES_LIMIT);
  assertWithin(settled, 'commitEntriesMax', 1, 1_000_000);
  assertWithin(settled, 'commitIntervalMs', 0, 10_000);
  assertWithin(settled, 'putsMax', 1, 256);
  assertWithin(settled, 'putTimeoutMs', 1, 600_000);
  assertWithin(settled, 'readTimeoutMs', 1, 600_000);
  assertWithin(settled, 'lateMs', 0, 86_400_000);
  assertWithin(settled, 'queueEntriesMax', 1, 1_000_000);
  assertWithin(settled, 'queueBytesMax', 1, Number.MAX_SAFE_INTEGER);
  assertWithin(settled, 'cacheBytesMax', 0, Number.MAX_SAFE_INTEGER);
  assertWithin(settled, 'loadsMax', 1, 1024);
  assertWithin(settled, 'loadsWaitingMax', 1, 1_000_000);
  assertWithin(settled, 'aheadMax', 1, 1024);
  assertWithin(settled, 'aheadBytesMax', 1, Number.MAX_SAFE_INTEGER);
  assertWithin(settled, 'partBytes', 1, Number.MAX_SAFE_INTEGER);
  if (settled.lateMs === 0 || settled.lateMs >= settled.putTimeoutMs) return settled;
  const message = `lateMs (${settled.lateMs}) must be 0 or at least putTimeoutMs (${settled.putTimeoutMs})`;
  throw new MosaicError('invalid', 'segment-log-options', message);
}

type NumberOption = {
  [Name in keyof Settled]: Settled[Name] extends number ? Name : never;
}[keyof Settled];

function assertWithin(options: Settled, name: NumberOption, min: number, max: number): void {
  const value = options[name];
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const message = `${name} must be a whole number from ${min} to ${max}, not ${value}`;
  throw new MosaicError('invalid', 'segment-log-options', message);
}

class StoreLog implements ObjectSegmentLog {
  readonly #options: Settled;
  readonly #listing: SegmentListing;
  readonly #joins: SegmentJoins;
  readonly #cache: PieceCache;
  readonly #reader: ObjectReader;
  readonly #writer: ObjectWriter;
  readonly #commits: ObjectCommits;
  #end: SegmentKey | undefined;
  /** The newest segment that was written here. */
  #ownEnd: SegmentKey = BEGINNING;
  #closing: Promise<void> | undefined;

  constructor(options: Settled, listing: SegmentListing, newest: SegmentKey | undefined) {
    this.#options = options;
    this.#listing = listing;
    this.#end = newest;
    const { store, role, joinsPrefix } = options;
    this.#joins = new SegmentJoins({ store, role, prefix: `${joinsPrefix}${role}/` });
    const cache = new PieceCache(options.cacheBytesMax);
    this.#cache = cache;
    const turnstile = new Turnstile({
      insideMax: options.loadsMax,
      waitingMax: options.loadsWaitingMax,
      code: 'log-busy',
      what: 'pieces of segments',
    });
    const { readTimeoutMs } = options;
    this.#reader = new ObjectReader({ ...listing, cache, turnstile, readTimeoutMs });
    const salt = (): Uint8Array => randomBytes(SEGMENT_SALT_BYTES);
    const writer = new ObjectWriter({
      ...options,
      ...listing,
      cache,
      salt,
      newest: isNearby(newest, options) ? newest : undefined,
    });
    this.#writer = writer;
    this.#commits = new ObjectCommits({
      ...options,
      writer,
      place: options.store.name,
      warn: listing.warn,
      onCommit: (key) => {
        this.#ownEnd = key;
        this.#reached(key);
      },
      // Never somebody else's: a clock that is years ahead must not move an index there.
      end: () => this.#ownEnd,
    });
  }

  async append(entries: readonly LogEntry[]): Promise<Appended> {
    for (const entry of entries) assertEntry(entry);
    return this.#commits.append(entries);
  }

  peek(location: Location): LogEntry | undefined {
    return this.#reader.peek(location);
  }

  async read(locations: readonly Location[]): Promise<readonly LogEntry[]> {
    this.#assertOpen();
    const read = (at: readonly Location[]): Promise<readonly LogEntry[]> => this.#reader.read(at);
    try {
      return await read(locations);
    } catch (error) {
      if (!isSegmentGone(error)) throw error;
      return readMoved({ ...this.#listing, joins: this.#joins, read }, locations);
    }
  }

  scan(from: LogPosition | undefined): AsyncIterable<ScannedCommit> {
    // Set now, not when the first commit is asked for. Clocks of others may be ahead of this one.
    const { writer, timeMs } = this.#writer.last;
    const ownEnd = this.#ownEnd;
    const untilMs = Math.max(this.#options.clock.now(), timeMs, this.#end?.timeMs ?? 0);
    const lastMs = untilMs + this.#options.lateMs;
    return scanSegmentObjects(
      this.#scanOptions(
        from,
        (key) => key.timeMs <= lastMs && (key.writer !== writer || compareKeys(key, ownEnd) <= 0),
      ),
    );
  }

  parts(from: LogPosition | undefined): AsyncIterable<LogPart> {
    return objectParts(
      this.#scanOptions(from, () => true),
      this.#options.partBytes,
    );
  }

  get end(): LogPosition | undefined {
    return this.#end === undefined ? undefined : encodeSegmentKey(this.#end);
  }

  get state(): LogState {
    return this.#commits.state;
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  get cacheFigures(): CacheFigures {
    return this.#reader.figures;
  }

  close(): Promise<void> {
    this.#closing ??= this.#commits.close();
    return this.#closing;
  }

  #scanOptions(
    from: LogPosition | undefined,
    isWanted: (key: SegmentKey) => boolean,
  ): ObjectScanOptions {
    this.#assertOpen();
    const { role, lateMs, aheadMax, aheadBytesMax } = this.#options;
    return {
      ...this.#listing,
      joins: this.#joins,
      role,
      from: isLogStart(from) ? undefined : decodeSegmentKey(from),
      lateMs,
      isWanted,
      aheadMax,
      aheadBytesMax,
      assertOpen: () => this.#assertOpen(),
    };
  }

  #reached(key: SegmentKey): void {
    if (this.#end === undefined || compareKeys(key, this.#end) > 0) this.#end = key;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw logClosed();
  }
}

// The positions of a writer that starts lie behind those of the one that ended. But a clock that is far
// ahead must not draw the keys of the others after it.
function isNearby(newest: SegmentKey | undefined, options: Settled): boolean {
  const { lateMs, putTimeoutMs, clock } = options;
  if (newest === undefined || lateMs === 0) return true;
  return newest.timeMs <= clock.now() + lateMs - putTimeoutMs;
}

// What could not be read back must not be written.
function assertEntry({ record, receivedAt }: LogEntry): void {
  const fault = recordLengthFault(record.bytes);
  if (fault !== undefined) throw fault;
  if (receivedAt >= 0n && receivedAt <= TIMESTAMP_MAX) return;
  throw new MosaicError('invalid', 'timestamp', `${receivedAt} is no timestamp`);
}
