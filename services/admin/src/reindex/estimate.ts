/** How long making an index anew would take, measured: its beginning is made and thrown away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyDirectory, rebuildIndex } from '@mosaic-cluster/role';
import { openIndexEnvironment, type LogReader } from '@mosaic-cluster/store';
import { beginningOf } from './log-views.ts';

/** What a role would cost. */
export interface Estimate {
  readonly records: number;
  /** Whether they were counted; else they were estimated. */
  readonly isCounted: boolean;
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
export async function estimate(log: LogReader, batches: Batches): Promise<Estimate> {
  const { segments, bytes, entries } = await log.totals();
  const sample = await measure(log, batches);
  // Where nobody counted them: as many to a byte as in what was read.
  const records = entries ?? Math.round((sample.records * bytes) / Math.max(sample.bytesRead, 1));
  const share = sample.records === 0 ? 0 : records / sample.records;
  return {
    records,
    isCounted: entries !== undefined,
    bytes,
    segments,
    seconds: sample.seconds * share,
    indexBytes: Math.round(sample.bytes * share),
  };
}

async function measure(
  log: LogReader,
  batches: Batches,
): Promise<{ records: number; bytesRead: number; seconds: number; bytes: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'mosaic-admin-'));
  try {
    const environment = await openIndexEnvironment({ directory, ...batches });
    try {
      const index = environment.index('sample');
      const beginning = beginningOf(log, SAMPLE_RECORDS);
      const result = await rebuildIndex({
        ...batches,
        index,
        log: beginning.log,
        directory: new KeyDirectory([{ index, log }]),
      });
      const { records = 0, elapsedMs = 0 } = result ?? {};
      const bytesRead = beginning.bytes();
      return { records, bytesRead, seconds: elapsedMs / 1000, bytes: await environment.bytes() };
    } finally {
      await environment.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
