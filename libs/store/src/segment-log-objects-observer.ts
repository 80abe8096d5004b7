/**
 * Opens the segments of a role on an object store as an observer, while any number of workers write
 * more of them. For tools that look after a cluster's data.
 */
import { compareBytes, MosaicError } from '@mosaic-cluster/protocol';
import { JOINS_PREFIX, SegmentJoins } from './joins/segment-joins.ts';
import type { EntryPlace, LogReader, LogTotals, OnDamage } from './log-reader.ts';
import type { ObjectStore } from './object-store.ts';
import { logClosed } from './segment-handles.ts';
import {
  type Appended,
  isLogStart,
  type Location,
  type LogEntry,
  type LogPart,
  type LogPosition,
  type LogState,
  type ScannedCommit,
} from './segment-log.ts';
import { openObjectSegmentLog, type ObjectSegmentLog } from './segment-log-objects.ts';
import {
  decodeObjectLocation,
  decodeSegmentKey,
  encodeSegmentKey,
  type SegmentKey,
  segmentName,
} from './segment-log-objects-address.ts';
import { objectParts } from './segment-log-objects-parts.ts';
import {
  compareKeys,
  listSegments,
  newestSegment,
  type ObjectScanOptions,
  scanSegmentObjects,
} from './segment-log-objects-scan.ts';

/** What to open. */
export interface ObjectLogReaderOptions {
  /** Shared; closing the log leaves it open. */
  readonly store: ObjectStore;
  readonly role: string;
  /** What keys of segments begin with: `segments/` by default. */
  readonly prefix?: string;
  /** Most memory for cached record bytes: 32 MiB by default. */
  readonly cacheBytesMax?: number;
  /** How long a commit may take from its begin until it is indexed: two minutes by default. */
  readonly settleMs?: number;
  /** Milliseconds since 1970. */
  readonly clock?: { now(): number };
}

const MIB = 1024 * 1024;
/** Twice what commits of others may be late: the workers' clocks differ as well. */
const SETTLE_MS = 120_000;
const AHEAD_MAX = 16;
const AHEAD_BYTES_MAX = 32 * MIB;
const PART_BYTES = 64 * MIB;

/**
 * Opens a role's segments for reading, as they are now.
 *
 * @throws MosaicError `invalid` (`segment-role`), and what the store throws
 */
export async function openObjectLogReader(options: ObjectLogReaderOptions): Promise<LogReader> {
  const { store, role, prefix = 'segments/', cacheBytesMax = 32 * MIB } = options;
  const log = await openObjectSegmentLog({ store, role, prefix, cacheBytesMax });
  const reader = new ObjectObserver(options, log, `${prefix}${role}/`);
  await reader.refresh();
  return reader;
}

class ObjectObserver implements LogReader {
  readonly state: LogState = { writable: false, why: 'the segment log was opened for reading' };
  readonly tornTail = undefined;
  readonly #options: ObjectLogReaderOptions;
  /** What reads; nothing is ever appended to it. */
  readonly #log: ObjectSegmentLog;
  readonly #prefix: string;
  readonly #joins: SegmentJoins;
  readonly #settleMs: number;
  readonly #clock: { now(): number };
  #newest: SegmentKey | undefined;
  #totals: LogTotals | undefined;
  #isClosed = false;

  constructor(options: ObjectLogReaderOptions, log: ObjectSegmentLog, prefix: string) {
    this.#options = options;
    this.#log = log;
    this.#prefix = prefix;
    const { store, role } = options;
    this.#joins = new SegmentJoins({ store, role, prefix: `${JOINS_PREFIX}${role}/` });
    this.#settleMs = options.settleMs ?? SETTLE_MS;
    this.#clock = options.clock ?? Date;
  }

  async append(_entries: readonly LogEntry[]): Promise<Appended> {
    const message = 'the segment log was opened for reading: only a worker writes to it';
    throw new MosaicError('unavailable', 'log-read-only', message);
  }

  peek(location: Location): LogEntry | undefined {
    return this.#log.peek(location);
  }

  read(locations: readonly Location[]): Promise<readonly LogEntry[]> {
    return this.#log.read(locations);
  }

  scan(from: LogPosition | undefined): AsyncIterable<ScannedCommit> {
    return this.#log.scan(from);
  }

  parts(from: LogPosition | undefined): AsyncIterable<LogPart> {
    return this.#log.parts(from);
  }

  walk(from: LogPosition | undefined, onDamage: OnDamage): AsyncIterable<ScannedCommit> {
    return scanSegmentObjects(this.#scanOptions(from, onDamage));
  }

  wholeParts(onDamage: OnDamage): AsyncIterable<LogPart> {
    return objectParts(this.#scanOptions(undefined, onDamage), PART_BYTES);
  }

  get end(): LogPosition | undefined {
    return this.#newest === undefined ? undefined : encodeSegmentKey(this.#newest);
  }

  async totals(): Promise<LogTotals> {
    this.#totals ??= await this.#count();
    return this.#totals;
  }

  place(location: Location): EntryPlace {
    const { key, offset, recordBytes: bytes } = decodeObjectLocation(location);
    return { segment: this.#prefix + segmentName(key), offset, bytes };
  }

  isBeyond(location: Location): boolean {
    const { end } = this;
    const { key } = decodeObjectLocation(location);
    return end === undefined || compareBytes(encodeSegmentKey(key), end) > 0;
  }

  /** Of other workers, what is before a position may still be on its way into the index. */
  isDue(end: LogPosition, applied: LogPosition): boolean {
    if (compareBytes(end, applied) > 0) return false;
    return decodeSegmentKey(end).timeMs + this.#settleMs < this.#clock.now();
  }

  async refresh(): Promise<void> {
    this.#assertOpen();
    const { store } = this.#options;
    const listing = { store, prefix: this.#prefix, warn: () => undefined };
    this.#newest = (await newestSegment(listing, this.#clock.now()))?.key;
    this.#totals = undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#log.close();
  }

  async #count(): Promise<LogTotals> {
    const { store } = this.#options;
    let segments = 0;
    let bytes = 0;
    const listing = { store, prefix: this.#prefix, warn: () => undefined };
    const newest = this.#newest;
    for await (const segment of listSegments(listing, undefined)) {
      if (newest === undefined || compareKeys(segment.key, newest) > 0) break;
      segments += 1;
      bytes += segment.bytes;
    }
    return { segments, bytes, entries: segments === 0 ? 0 : undefined };
  }

  #scanOptions(from: LogPosition | undefined, onDamage: OnDamage): ObjectScanOptions {
    this.#assertOpen();
    const { store, role } = this.#options;
    return {
      store,
      prefix: this.#prefix,
      warn: () => undefined,
      joins: this.#joins,
      role,
      from: isLogStart(from) ? undefined : decodeSegmentKey(from),
      until: this.#newest ?? { timeMs: 0, writer: 0 },
      lateMs: 0,
      isWanted: () => true,
      aheadMax: AHEAD_MAX,
      aheadBytesMax: AHEAD_BYTES_MAX,
      assertOpen: () => this.#assertOpen(),
      onDamage,
    };
  }

  #assertOpen(): void {
    if (this.#isClosed) throw logClosed();
  }
}
