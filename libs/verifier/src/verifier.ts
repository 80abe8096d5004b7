/**
 * The interface that servers check records through. It takes many records at a time, because
 * that is how they arrive and what makes handing them to another thread cheap.
 */
import type { MosaicError, RecordView } from '@mosaic-cluster/protocol';
import type { VerifierKind } from './tools.ts';

/**
 * What is wrong with a record: the `invalid` error with code `record`, step and byte range that
 * the protocol library's `recordFaultOf` gives; undefined where the record is valid.
 */
export type Verdict = MosaicError | undefined;

/** Checks records by validation steps 3 to 9. Safe to call from many places at once. */
export interface Verifier {
  /** How signatures are checked; `exact` is right and slow. */
  readonly kind: VerifierKind;
  /** Worker threads; 0: the caller's thread does the work, in slices. */
  readonly workers: number;
  /** Records taken on and not yet answered. */
  readonly pending: number;
  /** Bytes of the records taken on and not yet answered. */
  readonly pendingBytes: number;

  /**
   * Checks records whose lengths were validated (steps 1 and 2, by `parseRecord`).
   *
   * @param records their bytes are read until the promise settles and must not change before
   * @returns the verdicts, in the records' order
   * @throws MosaicError, as a rejection: `limited` with code `verifier-busy` where the queue has no
   *   room for all of them (none is taken on then); `invalid` with code `verifier-batch` where it
   *   never can have; `unavailable` with code `verifier-worker` where the worker threads failed;
   *   `closed` with code `verifier-closed`. None of these says anything about the records
   */
  verify(records: readonly RecordView[]): Promise<readonly Verdict[]>;

  /**
   * Resolves when the queue is at most half full: what to wait for after `verifier-busy`. Reserves
   * nothing.
   *
   * @throws MosaicError, as a rejection: `closed` with code `verifier-closed`
   */
  ready(): Promise<void>;

  /**
   * Refuses new records, answers those taken on within the deadline, rejects the rest with
   * `closed`, and ends the threads. Later calls wait for the same end.
   */
  close(): Promise<void>;
}
