/**
 * Every bound of a segment log in one table for each of its two kinds: what is counted, how much is
 * allowed unless somebody says otherwise, and what happens beyond it. docs/limits.md is made from it.
 */

/** One bound. */
export interface StoreLimit {
  readonly value: number;
  /** What is counted. */
  readonly what: string;
  /** What happens beyond it. */
  readonly overflow: string;
}

/** The names of the bounds that both kinds of log have. */
export type CommonLogLimitName =
  | 'queueEntriesMax'
  | 'queueBytesMax'
  | 'commitEntriesMax'
  | 'commitBytesMax'
  | 'cacheBytesMax'
  | 'loadsMax'
  | 'loadsWaitingMax';

/** The names of the bounds of a log on files. */
export type FileLogLimitName =
  | CommonLogLimitName
  | 'segmentBytesMax'
  | 'freeBytesMin'
  | 'openFilesMax';

/** The names of the bounds of a log on an object store. */
export type ObjectLogLimitName =
  | CommonLogLimitName
  | 'commitIntervalMs'
  | 'putsMax'
  | 'putTimeoutMs'
  | 'readTimeoutMs'
  | 'lateMs'
  | 'aheadMax'
  | 'aheadBytesMax'
  | 'partBytes';

const REFUSED = 'the append is refused with `log-busy`: the submission is answered with TOO_FAST';
const NEXT_COMMIT = 'the rest goes into the next commit';
const LATER = 'further ones wait';

const COMMON: Readonly<Record<CommonLogLimitName, StoreLimit>> = {
  queueEntriesMax: { value: 65_536, what: 'entries that wait to be written', overflow: REFUSED },
  queueBytesMax: {
    value: 67_108_864,
    what: 'bytes of the entries that wait to be written',
    overflow: REFUSED,
  },
  commitEntriesMax: { value: 4_096, what: 'entries written at once', overflow: NEXT_COMMIT },
  commitBytesMax: {
    value: 4_194_304,
    what: 'bytes written at once',
    overflow: `${NEXT_COMMIT}; one larger entry goes alone`,
  },
  cacheBytesMax: {
    value: 134_217_728,
    what: 'bytes of memory for records read lately',
    overflow: 'what was not read for the longest time is forgotten',
  },
  loadsMax: { value: 8, what: 'blocks read from files at the same time', overflow: LATER },
  loadsWaitingMax: {
    value: 4_096,
    what: 'reads that wait for that',
    overflow: 'the read is refused with `log-busy`: the request is closed with TOO_FAST',
  },
};

/** The bounds of a log on files, as the embedded server has one for each role. */
export const FILE_LOG_LIMIT_TABLE: Readonly<Record<FileLogLimitName, StoreLimit>> = {
  ...COMMON,
  segmentBytesMax: {
    value: 67_108_864,
    what: 'bytes of a segment',
    overflow: 'it is closed, and the next one begun',
  },
  freeBytesMin: {
    value: 268_435_456,
    what: 'bytes that must stay free on the file system',
    overflow: 'with less, nothing is written and submissions are answered with TEMPORARY_ERROR',
  },
  openFilesMax: {
    value: 128,
    what: 'segments open for reading',
    overflow: 'the one not used for the longest time is closed',
  },
};

/** The bounds of a log on an object store, as the workers of a cluster have. */
export const OBJECT_LOG_LIMIT_TABLE: Readonly<Record<ObjectLogLimitName, StoreLimit>> = {
  ...COMMON,
  loadsMax: { value: 16, what: 'requests for pieces of segments at a time', overflow: LATER },
  commitIntervalMs: {
    value: 10,
    what: 'milliseconds over which entries gather for one segment',
    overflow: 'the segment is stored',
  },
  putsMax: { value: 4, what: 'segments on their way to the store', overflow: 'entries gather' },
  putTimeoutMs: {
    value: 30_000,
    what: 'milliseconds until a segment must be stored',
    overflow: 'its submissions are answered with TEMPORARY_ERROR',
  },
  readTimeoutMs: {
    value: 3_000,
    what: 'milliseconds until the records of a page must be there, repeated requests and waiting included',
    overflow: 'the query is answered with TEMPORARY_ERROR',
  },
  lateMs: {
    value: 60_000,
    what: 'milliseconds by which a segment may be stored later than its name says, clocks that differ included',
    overflow: 'whoever follows the log may miss it until the index is made anew',
  },
  aheadMax: { value: 16, what: 'segments that a scan fetches ahead', overflow: 'it waits' },
  aheadBytesMax: {
    value: 33_554_432,
    what: 'bytes of the segments that a scan fetches ahead',
    overflow: 'it waits; one larger segment comes alone',
  },
  partBytes: {
    value: 67_108_864,
    what: 'bytes of the segments that a rebuild reads as one part and notes as done',
    overflow: 'the next segment begins another part',
  },
};

/** The default values of a table's bounds. */
export function defaultsOf<Name extends string>(
  table: Readonly<Record<Name, StoreLimit>>,
): Record<Name, number> {
  const rows = Object.entries<StoreLimit>(table).map(([name, { value }]) => [name, value]);
  return Object.fromEntries(rows) as Record<Name, number>;
}
