/** The segment log of the embedded server: segments are files in a folder of their own. */
import { randomBytes } from 'node:crypto';
import {
  isMosaicError,
  MosaicError,
  recordLengthFault,
  TIMESTAMP_MAX,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { decodePosition } from './segment-address.ts';
import { BlockCache } from './segment-cache.ts';
import { type CommitBounds, CommitQueue } from './segment-commit-queue.ts';
import { openSegmentDirectory, type SegmentDirectory } from './segment-directory.ts';
import type { SegmentFile, SegmentInfo } from './segment-file.ts';
import { nodeFileSystem, type SegmentFileSystem } from './segment-file-system.ts';
import { assertSegmentRole, SEGMENT_SALT_BYTES } from './segment-format.ts';
import { FreeSpace } from './segment-free-space.ts';
import { logClosed, ReadHandles } from './segment-handles.ts';
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
import { SegmentReader } from './segment-reader.ts';
import type { Rewritten } from './segment-rewrite.ts';
import { type RewriteChoices, SegmentRewrites } from './segment-rewrites.ts';
import { type ScanOptions, scanSegments, segmentParts } from './segment-scan.ts';
import { describeWarning, type SegmentWarning } from './segment-warning.ts';
import { SegmentWriter } from './segment-writer.ts';
import { defaultsOf, FILE_LOG_LIMIT_TABLE } from './store-limits.ts';

const MIB = 1024 * 1024;
const SEGMENT_BYTES_LIMIT = 1024 * MIB;
const COMMIT_BYTES_LIMIT = 256 * MIB;

/** How to open a segment log. Only `directory` and `role` must be given. */
export interface SegmentLogOptions extends Partial<CommitBounds> {
  /** A folder for nothing else; made where there is none. Only one process may write to it. */
  readonly directory: string;
  /** 1 to 16 lower-case letters, digits and hyphens. */
  readonly role: string;
  /** Size at which a segment is closed: 4 KiB to 1 GiB, 64 MiB by default. */
  readonly segmentBytesMax?: number;
  /** Most memory for cached record bytes: 128 MiB by default. */
  readonly cacheBytesMax?: number;
  /** Space that must stay free on the file system: 256 MiB by default; 0: none. */
  readonly freeBytesMin?: number;
  /** Files open for reading: 128 by default. */
  readonly openFilesMax?: number;
  /** Blocks read from files at the same time: 8 by default. */
  readonly loadsMax?: number;
  /** Blocks that may wait for that: 4,096 by default; above it reads are refused (`log-busy`). */
  readonly loadsWaitingMax?: number;
  /** Is told what an operator should know: as a sentence and as data. */
  readonly onWarning?: (message: string, warning: SegmentWarning) => void;
  /** Milliseconds since 1970; names new segments. */
  readonly clock?: { now(): number };
  /** Milliseconds that never run backwards. */
  readonly monotonicMs?: () => number;
  readonly fileSystem?: SegmentFileSystem;
}

/** A segment log on files. */
export interface FileSegmentLog extends SegmentLog {
  /**
   * Writes a closed segment again without the entries that nobody wants any more, unless that brings
   * nothing. What stays is found where it was.
   *
   * @param number of the segment; the newest two are left alone
   * @returns undefined: it stays as it is
   * @throws MosaicError `corrupt` (`segment`) where it is damaged, `unavailable` (`log-full`, `log-failed`),
   *   `closed`, and what the callbacks throw; then it stays as it is
   */
  rewrite(number: number, how: RewriteChoices): Promise<Rewritten | undefined>;
  /** Its segments, oldest first. */
  segments(): readonly SegmentInfo[];
  /** Memory that cached record bytes take. */
  readonly cachedBytes: number;
  readonly cacheFigures: CacheFigures;
}

type Settled = Required<SegmentLogOptions>;

/**
 * Opens a segment log: verifies its newest segment and cuts off what a crash left of an unfinished
 * commit there.
 *
 * @throws MosaicError `corrupt` (`segment`) naming file and offset, `conflict` (`segment-role`,
 *   `segment-number`), `invalid` (`segment-version`, `segment-role`, `segment-log-options`),
 *   `unavailable` (`log-failed`) where the folder cannot be used
 */
export async function openSegmentLog(options: SegmentLogOptions): Promise<FileSegmentLog> {
  const settled = settle(options);
  const { directory, role, fileSystem, onWarning } = settled;
  const warn = (warning: SegmentWarning): void => onWarning(describeWarning(warning), warning);
  try {
    const content = await openSegmentDirectory({ directory, role, fileSystem, warn });
    return new FolderLog(settled, content, warn);
  } catch (error) {
    if (isMosaicError(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `the segments in ${directory} cannot be opened: ${why}`;
    throw new MosaicError('unavailable', 'log-failed', message, { cause: error });
  }
}

function settle(options: SegmentLogOptions): Settled {
  const settled: Settled = {
    ...defaultsOf(FILE_LOG_LIMIT_TABLE),
    onWarning: () => undefined,
    clock: Date,
    monotonicMs: () => performance.now(),
    fileSystem: nodeFileSystem,
    ...options,
  };
  assertSegmentRole(settled.role);
  assertWithin(settled, 'segmentBytesMax', 4096, SEGMENT_BYTES_LIMIT);
  assertWithin(settled, 'commitBytesMax', 1, COMMIT_BYTES_LIMIT);
  assertWithin(settled, 'commitEntriesMax', 1, 1_000_000);
  assertWithin(settled, 'queueEntriesMax', 1, 1_000_000);
  assertWithin(settled, 'queueBytesMax', 1, Number.MAX_SAFE_INTEGER);
  assertWithin(settled, 'cacheBytesMax', 0, Number.MAX_SAFE_INTEGER);
  assertWithin(settled, 'freeBytesMin', 0, Number.MAX_SAFE_INTEGER);
  assertWithin(settled, 'openFilesMax', 1, 100_000);
  assertWithin(settled, 'loadsMax', 1, 1024);
  assertWithin(settled, 'loadsWaitingMax', 1, 1_000_000);
  return settled;
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

class FolderLog implements FileSegmentLog {
  readonly #options: Settled;
  readonly #segments: Map<number, SegmentFile>;
  readonly #cache: BlockCache;
  readonly #handles: ReadHandles;
  readonly #rewrites: SegmentRewrites;
  readonly #reader: SegmentReader;
  readonly #writer: SegmentWriter;
  readonly #queue: CommitQueue;
  #closing: Promise<void> | undefined;

  constructor(
    options: Settled,
    { segments, growing }: SegmentDirectory,
    warn: (warning: SegmentWarning) => void,
  ) {
    this.#options = options;
    this.#segments = segments;
    const cache = new BlockCache(options.cacheBytesMax);
    this.#cache = cache;
    const handles = new ReadHandles(options);
    this.#handles = handles;
    const rewrites = new SegmentRewrites({ ...options, segments, handles });
    this.#rewrites = rewrites;
    const lookAgain = (segment: SegmentFile): Promise<SegmentFile> => rewrites.lookAgain(segment);
    this.#reader = new SegmentReader({ ...options, segments, cache, handles, lookAgain });
    const now = (): bigint => timestampFromMillis(options.clock.now());
    const salt = (): Uint8Array => randomBytes(SEGMENT_SALT_BYTES);
    const writer = new SegmentWriter({ ...options, segments, cache, growing, now, salt });
    this.#writer = writer;
    const freeSpace = new FreeSpace(options);
    this.#queue = new CommitQueue({ ...options, writer, freeSpace, warn, end: endOf(segments) });
  }

  async append(entries: readonly LogEntry[]): Promise<Appended> {
    for (const entry of entries) assertEntry(entry);
    return this.#queue.append(entries);
  }

  peek(location: Location): LogEntry | undefined {
    return this.#reader.peek(location);
  }

  async read(locations: readonly Location[]): Promise<readonly LogEntry[]> {
    this.#assertOpen();
    return this.#reader.read(locations);
  }

  scan(from: LogPosition | undefined): AsyncIterable<ScannedCommit> {
    return scanSegments(this.#scanOptions(from));
  }

  parts(from: LogPosition | undefined): AsyncIterable<LogPart> {
    return segmentParts(this.#scanOptions(from));
  }

  get end(): LogPosition | undefined {
    return this.#queue.end;
  }

  get state(): LogState {
    return this.#queue.state;
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  get cacheFigures(): CacheFigures {
    return this.#reader.figures;
  }

  segments(): readonly SegmentInfo[] {
    return Array.from(this.#segments.values(), ({ info }) => info);
  }

  async rewrite(number: number, how: RewriteChoices): Promise<Rewritten | undefined> {
    this.#assertOpen();
    return this.#rewrites.rewrite(number, how);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    await this.#writer.close();
    await this.#handles.close();
  }

  #scanOptions(from: LogPosition | undefined): ScanOptions {
    this.#assertOpen();
    return {
      ...this.#options,
      segments: [...this.#segments.values()],
      from: isLogStart(from) ? undefined : decodePosition(from),
      assertOpen: () => this.#assertOpen(),
      lookAgain: (segment) => this.#rewrites.lookAgain(segment),
    };
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw logClosed();
  }
}

function endOf(segments: ReadonlyMap<number, SegmentFile>): LogPosition | undefined {
  const [last] = [...segments.values()].filter(({ frames }) => frames > 0).slice(-1);
  return last?.positionAt(last.framesEnd);
}

// What could not be read back must not be written.
function assertEntry({ record, receivedAt }: LogEntry): void {
  const fault = recordLengthFault(record.bytes);
  if (fault !== undefined) throw fault;
  if (receivedAt >= 0n && receivedAt <= TIMESTAMP_MAX) return;
  const message = `${receivedAt} is no timestamp`;
  throw new MosaicError('invalid', 'timestamp', message);
}
