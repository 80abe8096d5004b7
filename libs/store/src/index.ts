/** Where records are kept and found: the segment log, the record index and their adapters. */
export type {
  Appended,
  Location,
  LogEntry,
  LogPosition,
  LogState,
  ScannedCommit,
  ScannedEntry,
  SegmentLog,
} from './segment-log.ts';
export type { SegmentInfo } from './segment-file.ts';
export { nodeFileSystem, type SegmentFileSystem } from './segment-file-system.ts';
export {
  type FileSegmentLog,
  openSegmentLog,
  type SegmentLogOptions,
} from './segment-log-files.ts';
export type { SegmentWarning } from './segment-warning.ts';
export {
  type AddOutcome,
  type IndexAddition,
  type IndexedRecord,
  type IndexEntry,
  type IndexPath,
  POSITION_BYTES,
  type Position,
  type RecordIndex,
  type ScanRange,
} from './record-index.ts';
export {
  type IndexEnvironment,
  type IndexEnvironmentOptions,
  openIndexEnvironment,
} from './index-environment.ts';
