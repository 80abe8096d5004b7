/** Where records are kept and found: the segment log, the record index and their adapters. */
export type {
  Appended,
  Location,
  LogEntry,
  LogPart,
  LogPosition,
  CacheFigures,
  LogState,
  ScannedCommit,
  ScannedEntry,
  SegmentLog,
} from './segment-log.ts';
export { isLogStart, LOG_START } from './segment-log.ts';
export {
  OBJECT_BYTES_MAX,
  OBJECT_KEY_CHARACTERS_MAX,
  OBJECT_PAGE_MAX,
  type ObjectCallOptions,
  type ObjectInfo,
  type ObjectListing,
  type ObjectPage,
  type ObjectStore,
} from './object-store.ts';
export { type FileObjectStoreOptions, openFileObjectStore } from './object-store-files.ts';
export { withKeyPrefix } from './object-store-prefix.ts';
export {
  openS3ObjectStore,
  type S3Credentials,
  type S3ObjectStoreOptions,
} from './object-store-s3.ts';
export type { SegmentInfo } from './segment-file.ts';
export { nodeFileSystem, type SegmentFileSystem } from './segment-file-system.ts';
export {
  type FileSegmentLog,
  openSegmentLog,
  type SegmentLogOptions,
} from './segment-log-files.ts';
export type { RewriteOptions, Rewritten } from './segment-rewrite.ts';
export {
  openSegmentLogReader,
  type SegmentLogReader,
  type SegmentLogReaderOptions,
} from './segment-log-reader.ts';
export {
  type EntryPlace,
  type LogReader,
  type LogTotals,
  type OnDamage,
  type SegmentDamage,
  type TornTail,
  UNREADABLE,
} from './log-reader.ts';
export {
  type ObjectLogReaderOptions,
  openObjectLogReader,
} from './segment-log-objects-observer.ts';
export {
  type ObjectSegmentLog,
  type ObjectSegmentLogOptions,
  openObjectSegmentLog,
} from './segment-log-objects.ts';
export {
  type CompactionBounds,
  type CompactionOptions,
  type CompactionResult,
  type LeavingJudge,
  type LeavingRecord,
  type SizeClasses,
} from './joins/compaction.ts';
export { COMPACTION_DEFAULTS } from './joins/compaction-limits.ts';
export { compactSegments } from './joins/compact-segments.ts';
export { JOINS_PREFIX } from './joins/segment-joins.ts';
export { lastSweep, noteSweep, type Sweep } from './joins/sweeps.ts';
export type { LeftOutReason } from './joins/join-format.ts';
export type { SegmentWarning } from './segment-warning.ts';
export {
  type AddOutcome,
  type IndexAddition,
  type IndexedRecord,
  type IndexEntry,
  type IndexPath,
  POSITION_BYTES,
  type Position,
  type RebuildClaim,
  type RebuildClaimOptions,
  type RecordIndex,
  type ScanRange,
} from './record-index.ts';
export {
  type IndexEnvironment,
  type IndexEnvironmentOptions,
  openIndexEnvironment,
} from './index-environment.ts';
export { attestedSubkeys, indexRowsOf } from './index-path.ts';
export { recordBytesAt } from './location-bytes.ts';
export { indexPathsOf } from './index-paths-of.ts';
export {
  type IndexReader,
  type IndexReaderOptions,
  type NoIndex,
  openIndexReader,
} from './index-reader.ts';
export {
  createRedisIndex,
  type IndexMove,
  type RedisIndexOptions,
  type RedisRecordIndex,
} from './record-index-redis.ts';
export {
  openRedis,
  type RedisConnection,
  type RedisMemory,
  type RedisServers,
  type RedisReply,
  type RedisScript,
  redisScript,
  type ScriptCall,
} from './redis-connection.ts';
export { planRedis, type RedisConnectionOptions, type RedisMode } from './redis-options.ts';
export {
  type Changed,
  type Compacted,
  type Fact,
  FACT_CHANGES_MAX,
  FACT_KEY_BYTES_MAX,
  FACT_PAGE_MAX,
  FACT_VALUE_BYTES_MAX,
  type FactChange,
  type FactListing,
  type FactPage,
  type Registry,
  type RegistryView,
} from './registry.ts';
export {
  type MemoryRegistryOptions,
  openMemoryRegistry,
} from './registry-memory.ts';
export { openRedisRegistry, type RedisRegistryOptions } from './registry-redis.ts';
export type { ChangedKeys } from './registry-redis-journal.ts';
export { openRedisRegistryView, type RedisRegistryViewOptions } from './registry-redis-view.ts';
export { RepeatedWork } from './repeated-work.ts';
