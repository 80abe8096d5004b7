/** How long making an index anew would take, measured: its beginning is made and thrown away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyDirectory, rebuildIndex } from '@mosaic-cluster/role';
import { openIndexEnvironment, type SegmentLogReader } from '@mosaic-cluster/store';
import { beginningOf } from './log-views.ts';

/** What a role would cost. */
export interface Estimate {
  /** Undefined where only reading everything could tell. */
  readonly records: number | undefined;
  readonly bytes: number;
  readonly segments: number;
  readonly seconds: number;
  readonly indexBytes: number;
}

/** How the real thing would go about it. */
export interface Batches {
  readonly batchEntries: number;
  readonly transactionRowsMax: number;
  readonly lanes: number;
}

/** Records that are indexed to measure: a few batches. */
const SAMPLE_RECORDS = 20_000;

/** Measures what making a role's index anew costs. @throws MosaicError as `rebuildIndex` */
export async function estimate(log: SegmentLogReader, batches: Batches): Promise<Estimate> {
  const segments = log.segments();
  const bytes = segments.reduce((sum, each) => sum + each.bytes, 0);
  const known = segments.every(({ entries }) => entries !== undefined);
  const records = segments.reduce((sum, { entries }) => sum + (entries ?? 0), 0);
  const sample = await measure(log, batches);
  const share = sample.records === 0 ? 0 : known ? records / sample.records : 1;
  return {
    records: known ? records : undefined,
    bytes,
    segments: segments.length,
    seconds: sample.seconds * share,
    indexBytes: Math.round(sample.bytes * share),
  };
}

async function measure(
  log: SegmentLogReader,
  batches: Batches,
): Promise<{ records: number; seconds: number; bytes: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'mosaic-admin-'));
  try {
    const environment = await openIndexEnvironment({ directory, ...batches });
    try {
      const index = environment.index('sample');
      const result = await rebuildIndex({
        ...batches,
        index,
        log: beginningOf(log, SAMPLE_RECORDS),
        directory: new KeyDirectory([{ index, log }]),
      });
      const { records = 0, elapsedMs = 0 } = result ?? {};
      return { records, seconds: elapsedMs / 1000, bytes: await environment.bytes() };
    } finally {
      await environment.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
