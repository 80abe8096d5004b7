/** A submission under judgement, and how errors on the way become result codes. */
import type { Submission } from '@mosaic-cluster/bus';
import {
  type ErrorKind,
  isMosaicError,
  type RecordView,
  RESULT,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import type { Standing } from './index-writer.ts';
import type { RequestWatch } from './request-watch.ts';

/** A submission under judgement. */
export interface Candidate {
  readonly submission: Submission;
  readonly record: RecordView;
  /** Follows the request that brought it. */
  readonly watch: RequestWatch;
  /** It waits for a moderator. */
  isHeld: boolean;
  /** Its signing key is not its author's now; it may have been when the record was first taken. */
  isForeignKey: boolean;
  /** An operator took it out for everybody. */
  isRemoved: boolean;
  /** The store has another record of the same ID: the same signed data, other bytes around it. */
  isIdTaken: boolean;
  /** What a replaceable record met at its address, once that was looked at. */
  standing: Standing | undefined;
  /** Gives back what its author was charged for it; undefined: nothing was. */
  giveBack: (() => void) | undefined;
  /** It is stored, or may be: a commit that failed half way is finished later. */
  mayBeStored: boolean;
  /** Undefined as long as nothing decided. */
  result: ResultCode | undefined;
}

/** A submission that nothing is known of yet. */
export function candidateOf(submission: Submission, watch: RequestWatch): Candidate {
  return {
    submission,
    record: submission.record,
    watch,
    isHeld: false,
    isForeignKey: false,
    isRemoved: false,
    isIdTaken: false,
    standing: undefined,
    giveBack: undefined,
    mayBeStored: false,
    result: undefined,
  };
}

/** Those that nothing decided yet. */
export function undecided(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ result }) => result === undefined);
}

const RESULT_OF_KIND: Readonly<Partial<Record<ErrorKind, ResultCode>>> = {
  limited: RESULT.TOO_FAST,
  unavailable: RESULT.TEMPORARY_ERROR,
  closed: RESULT.TEMPORARY_ERROR,
  conflict: RESULT.TEMPORARY_ERROR,
  corrupt: RESULT.PERSISTENT_ERROR,
};

/** What a submitter is told when something failed that is not the record's fault. */
export function failureResult(error: unknown): ResultCode {
  const known = isMosaicError(error) ? RESULT_OF_KIND[error.kind] : undefined;
  return known ?? RESULT.GENERAL_ERROR;
}
