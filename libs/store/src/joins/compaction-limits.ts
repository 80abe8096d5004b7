/**
 * Every bound of compaction in one table: what is counted, how much is allowed unless somebody says otherwise,
 * and what happens beyond it. docs/limits.md is made from it.
 */
import { defaultsOf, type StoreLimit } from '../store-limits.ts';
import type { CompactionBounds } from './compaction.ts';

/** The bounds of `mosaic-admin compact`. */
export const COMPACTION_LIMIT_TABLE: Readonly<Record<keyof CompactionBounds, StoreLimit>> = {
  ageMs: {
    value: 7_200_000,
    what: 'milliseconds since a segment was begun (`--age`)',
    overflow: 'only what is older is joined',
  },
  behindMs: {
    value: 600_000,
    what: "milliseconds by which a segment is older than the index's position",
    overflow: 'only what is older is joined: a replay never meets a joined segment',
  },
  keepMs: {
    value: 86_400_000,
    what: 'milliseconds for which segments stay that were joined (`--keep`)',
    overflow: 'the next run deletes them',
  },
  bytesMax: {
    value: 33_554_432,
    what: 'bytes of the segments that are joined to one; as many again are in memory meanwhile',
    overflow: 'the next joined segment begins; a segment of more than half of it is not joined',
  },
  sourcesMin: {
    value: 4,
    what: 'segments that are joined to one, at least',
    overflow: 'fewer are left alone',
  },
  sourcesMax: {
    value: 50_000,
    what: 'segments that are joined to one, at most',
    overflow: 'the next joined segment begins',
  },
  readsMax: { value: 16, what: 'segments read at the same time', overflow: 'further ones wait' },
  readsPerSecond: {
    value: 1_000,
    what: 'segments read in a second (`--rate`)',
    overflow: 'further ones wait',
  },
};

/** How compaction is done where nothing else is said. */
export const COMPACTION_DEFAULTS: CompactionBounds = defaultsOf(COMPACTION_LIMIT_TABLE);
