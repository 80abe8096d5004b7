/** How the checking of signatures does, as metrics. */
import { LATENCY_BUCKETS, type Metrics, timed } from '@mosaic-cluster/runtime';
import type { Verifier } from '@mosaic-cluster/verifier';
import type { RecordVerifier } from './role-worker-deps.ts';

/** What is read of a verifier. */
export type WatchedVerifier = RecordVerifier &
  Pick<Verifier, 'pending' | 'pendingBytes' | 'workers' | 'kind'>;

/** Defines the metrics of the verifier of a process, and gives one that is measured. */
export function measureVerifier(metrics: Metrics, verifier: WatchedVerifier): RecordVerifier {
  const { seconds, failures, records, pending, bytes, threads, native } = metrics.define({
    seconds: {
      type: 'histogram',
      name: 'mosaic_verifier_batch_duration_seconds',
      help: 'From handing records to the verifier to the verdicts on all of them.',
      remedy: 'Add CPU and MOSAIC_VERIFY_THREADS, or workers.',
      buckets: LATENCY_BUCKETS,
    },
    failures: {
      type: 'counter',
      name: 'mosaic_verifier_failures_total',
      help: 'Batches without verdicts: the queue had no room, or threads failed.',
      remedy: 'Full: as above. Failing threads are in the log, with the reason.',
    },
    records: {
      type: 'counter',
      name: 'mosaic_verifier_records_total',
      help: 'Records handed to the verifier.',
    },
    pending: {
      type: 'gauge',
      name: 'mosaic_verifier_pending_records',
      help: 'Records that wait for their verdict.',
      remedy: 'Where it stays high, signatures are the bottleneck: add CPU or workers.',
    },
    bytes: {
      type: 'gauge',
      name: 'mosaic_verifier_pending_bytes',
      help: 'Their bytes.',
    },
    threads: {
      type: 'gauge',
      name: 'mosaic_verifier_threads',
      help: 'Threads that check signatures; 0: the main thread does.',
    },
    native: {
      type: 'gauge',
      name: 'mosaic_verifier_native',
      help: 'Whether signatures are checked by native code first: 1, or 0 where only by the exact check, which is many times slower.',
      remedy: 'The log said at the start why there is no native code: reinstall for this platform.',
    },
  });
  pending.readFrom(() => verifier.pending);
  bytes.readFrom(() => verifier.pendingBytes);
  threads.readFrom(() => verifier.workers);
  native.readFrom(() => (verifier.kind === 'native' ? 1 : 0));
  return {
    verify: (batch) => {
      records.increment(batch.length);
      return timed(seconds, failures, () => verifier.verify(batch));
    },
  };
}
