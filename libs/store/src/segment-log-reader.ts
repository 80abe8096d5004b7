/**
 * Opens a folder of segments as an observer: nothing in it is made, repaired or removed, and
 * another process may be writing to it. For tools that look after a server's data.
 */
import { compareBytes, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import {
  type EntryPlace,
  type LogReader,
  type LogTotals,
  type OnDamage,
  type SegmentDamage,
  type TornTail,
  UNREADABLE,
} from './log-reader.ts';
import { decodeLocation, decodePosition, encodePosition } from './segment-address.ts';
import { BlockCache } from './segment-cache.ts';
import { openSegment } from './segment-directory.ts';
import { SegmentFile, segmentNumberOf } from './segment-file.ts';
import type { SegmentInfo } from './segment-file.ts';
import { nodeFileSystem, type SegmentFileSystem } from './segment-file-system.ts';
import { SEGMENT_HEADER_BYTES, segmentDamage } from './segment-format.ts';
import { errorCode, logClosed, ReadHandles } from './segment-handles.ts';
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
import { SegmentReader } from './segment-reader.ts';
import { type ScanOptions, segmentParts } from './segment-scan.ts';
import { measureNewest, partsPassingDamage, walkSegmentNow } from './segment-walk.ts';

/** What to open. */
export interface SegmentLogReaderOptions {
  /** The folder of one role's segments. Where there is none, the log is empty. */
  readonly directory: string;
  readonly role: string;
  /** Most memory for cached record bytes: 32 MiB by default. */
  readonly cacheBytesMax?: number;
  readonly fileSystem?: SegmentFileSystem;
}

/** A segment log on files that is only read. */
export interface SegmentLogReader extends LogReader {
  /** Its segments that can be read, oldest first. */
  segments(): readonly SegmentInfo[];
  /** Names in the folder that are no segment's. */
  readonly foreignFiles: readonly string[];
}

const OPEN_FILES_MAX = 32;
const LOADS_MAX = 8;
const LOADS_WAITING_MAX = 4096;

/**
 * Opens a segment log for reading.
 *
 * @throws MosaicError `conflict` (`segment-number`) where two files have one number, `unavailable`
 *   (`log-failed`) where the folder cannot be read
 */
export async function openSegmentLogReader(
  options: SegmentLogReaderOptions,
): Promise<SegmentLogReader> {
  const reader = new FolderReader(options);
  await reader.refresh();
  return reader;
}

class FolderReader implements SegmentLogReader {
  readonly state: LogState = { writable: false, why: 'the segment log was opened for reading' };
  tornTail: TornTail | undefined;
  foreignFiles: readonly string[] = [];
  readonly #directory: string;
  readonly #role: string;
  readonly #fileSystem: SegmentFileSystem;
  /** By number, oldest first. */
  #segments = new Map<number, SegmentFile>();
  /** Of segments whose heads cannot be read, by number. */
  #headless = new Map<number, SegmentDamage>();
  readonly #cache: BlockCache;
  readonly #handles: ReadHandles;
  #reader: SegmentReader;
  #isClosed = false;

  constructor(options: SegmentLogReaderOptions) {
    const { directory, role, cacheBytesMax = 32 * 1024 * 1024 } = options;
    this.#directory = directory;
    this.#role = role;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
    this.#cache = new BlockCache(cacheBytesMax);
    const fileSystem = this.#fileSystem;
    this.#handles = new ReadHandles({ directory, fileSystem, openFilesMax: OPEN_FILES_MAX });
    this.#reader = this.#newReader();
  }

  async append(_entries: readonly LogEntry[]): Promise<Appended> {
    const message = 'the segment log was opened for reading: only a server writes to it';
    throw new MosaicError('unavailable', 'log-read-only', message);
  }

  peek(location: Location): LogEntry | undefined {
    return this.#reader.peek(location);
  }

  async read(locations: readonly Location[]): Promise<readonly LogEntry[]> {
    this.#assertOpen();
    return this.#reader.read(locations);
  }

  scan(from: LogPosition | undefined): AsyncIterable<ScannedCommit> {
    return this.walk(from, ({ segment, offset, what }) => {
      throw segmentDamage(segment, offset, what);
    });
  }

  parts(from: LogPosition | undefined): AsyncIterable<LogPart> {
    return segmentParts(this.#scanOptions(from, [...this.#headless.values()][0]));
  }

  wholeParts(onDamage: OnDamage): AsyncIterable<LogPart> {
    for (const damage of this.#headless.values()) onDamage(damage);
    return partsPassingDamage({ ...this.#scanOptions(undefined, undefined), onDamage });
  }

  walk(from: LogPosition | undefined, onDamage: OnDamage): AsyncIterable<ScannedCommit> {
    this.#assertOpen();
    const start = isLogStart(from) ? undefined : decodePosition(from);
    const { end } = this;
    if (!isLogStart(from) && (end === undefined || compareBytes(from, end) > 0)) {
      const message = 'the position lies behind the end of the log: segments are missing';
      throw new MosaicError('invalid', 'log-position', message);
    }
    // Taken now, not when the first commit is asked for: the segments grow.
    const numbers = [...this.#segments.keys(), ...this.#headless.keys()]
      .filter((number) => number >= (start?.segment ?? 0))
      .sort((a, b) => a - b);
    return this.#walk(numbers, start?.segment ?? -1, start?.offset ?? 0, onDamage);
  }

  get end(): LogPosition | undefined {
    const [last] = [...this.#segments.values()].filter(({ frames }) => frames > 0).slice(-1);
    return last?.positionAt(last.framesEnd);
  }

  async totals(): Promise<LogTotals> {
    const all = this.segments();
    return {
      segments: all.length,
      bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
      entries: all.reduce<number | undefined>(
        (sum, { entries }) =>
          sum === undefined || entries === undefined ? undefined : sum + entries,
        0,
      ),
    };
  }

  segments(): readonly SegmentInfo[] {
    return Array.from(this.#segments.values(), ({ info }) => info);
  }

  place(location: Location): EntryPlace {
    const { segment: number, offset: logical, recordBytes: bytes } = decodeLocation(location);
    const segment = this.#segments.get(number);
    const name = segment?.name ?? this.#headless.get(number)?.segment;
    const offset = segment?.physicalOf(logical) ?? logical;
    return { segment: name ?? String(number).padStart(10, '0'), offset, bytes };
  }

  isBeyond(location: Location): boolean {
    const { segment, offset } = decodeLocation(location);
    const { end } = this;
    return end === undefined || compareBytes(encodePosition(segment, offset), end) >= 0;
  }

  isDue(end: LogPosition, applied: LogPosition): boolean {
    return compareBytes(end, applied) <= 0;
  }

  async refresh(): Promise<void> {
    this.#assertOpen();
    const names = await this.#names();
    const segments = new Map<number, SegmentFile>();
    const headless = new Map<number, SegmentDamage>();
    const known = this.#segments;
    const grown = [...known.values()].at(-1);
    this.tornTail = undefined;
    for (const [i, name] of names.entries()) {
      const number = segmentNumberOf(name)!;
      const isNewest = i === names.length - 1;
      const before = known.get(number);
      if (before !== undefined && before !== grown) segments.set(number, before);
      else {
        const segment = await this.#open(name, isNewest, before);
        if (segment instanceof SegmentFile) segments.set(number, segment);
        else headless.set(number, segment);
      }
    }
    this.#segments = segments;
    this.#headless = headless;
    this.#reader = this.#newReader();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#handles.close();
  }

  async *#walk(
    numbers: readonly number[],
    first: number,
    firstOffset: number,
    onDamage: OnDamage,
  ): AsyncGenerator<ScannedCommit> {
    const common = {
      directory: this.#directory,
      fileSystem: this.#fileSystem,
      lookAgain: (segment: SegmentFile) => this.#lookAgain(segment),
      onDamage,
    };
    for (const number of numbers) {
      this.#assertOpen();
      const headless = this.#headless.get(number);
      if (headless !== undefined) onDamage(headless);
      const segment = this.#segments.get(number);
      if (segment === undefined) continue;
      const offset = Math.max(number === first ? firstOffset : 0, SEGMENT_HEADER_BYTES);
      yield* walkSegmentNow({ ...common, segment, offset });
    }
  }

  /** A segment that was written again since it was looked at. */
  async #lookAgain(segment: SegmentFile): Promise<SegmentFile> {
    const known = this.#segments.get(segment.number);
    if (known !== undefined && known !== segment) return known;
    const now = await this.#open(segment.name, false, undefined);
    if (!(now instanceof SegmentFile)) throw segmentDamage(now.segment, now.offset, now.what);
    this.#segments.set(segment.number, now);
    this.#handles.drop(segment);
    return now;
  }

  #scanOptions(from: LogPosition | undefined, headless: SegmentDamage | undefined): ScanOptions {
    this.#assertOpen();
    if (headless !== undefined) throw segmentDamage(headless.segment, 0, headless.what);
    return {
      directory: this.#directory,
      fileSystem: this.#fileSystem,
      segments: [...this.#segments.values()],
      from: isLogStart(from) ? undefined : decodePosition(from),
      assertOpen: () => this.#assertOpen(),
      lookAgain: (segment) => this.#lookAgain(segment),
    };
  }

  #newReader(): SegmentReader {
    return new SegmentReader({
      segments: this.#segments,
      cache: this.#cache,
      handles: this.#handles,
      fileSystem: this.#fileSystem,
      loadsMax: LOADS_MAX,
      loadsWaitingMax: LOADS_WAITING_MAX,
      lookAgain: (segment) => this.#lookAgain(segment),
    });
  }

  async #names(): Promise<string[]> {
    let all: readonly string[];
    try {
      all = await this.#fileSystem.list(this.#directory);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw this.#unreadable(error);
    }
    const names = all.filter((name) => segmentNumberOf(name) !== undefined).sort();
    this.foreignFiles = all.filter((name) => !name.includes('.segment')).sort();
    for (let i = 1; i < names.length; i++) {
      if (segmentNumberOf(names[i]!) !== segmentNumberOf(names[i - 1]!)) continue;
      const message = `${names[i - 1]} and ${names[i]} in ${this.#directory} have one number; take away the one that does not belong there`;
      throw new MosaicError('conflict', 'segment-number', message);
    }
    return names;
  }

  /** The segment as it is now; or what is wrong with its head. */
  async #open(
    name: string,
    isNewest: boolean,
    before: SegmentFile | undefined,
  ): Promise<SegmentFile | SegmentDamage> {
    const directory = this.#directory;
    const fileSystem = this.#fileSystem;
    const options = { directory, role: this.#role, fileSystem, warn: () => undefined };
    try {
      const segment = await openSegment(options, name, isNewest);
      if (!isNewest) return segment;
      segment.framesEnd = before?.framesEnd ?? SEGMENT_HEADER_BYTES;
      segment.frames = before?.frames ?? 0;
      segment.entries = before?.entries ?? 0;
      this.tornTail = await measureNewest(directory, fileSystem, segment);
      return segment;
    } catch (error) {
      if (!isMosaicError(error)) throw this.#unreadable(error);
      if (error.kind === 'unavailable') throw error;
      return { segment: name, offset: 0, end: UNREADABLE, what: error.message };
    }
  }

  #unreadable(cause: unknown): MosaicError {
    const why = errorCode(cause) ?? String(cause);
    const message = `the segments in ${this.#directory} cannot be read: ${why}`;
    return new MosaicError('unavailable', 'log-failed', message, { cause });
  }

  #assertOpen(): void {
    if (this.#isClosed) throw logClosed();
  }
}
