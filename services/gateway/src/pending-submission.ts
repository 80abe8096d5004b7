/** A client's submission while roles have it. */
import type { PublicKey, RecordView, ResultCode } from '@mosaic-cluster/protocol';
import type { RoutedSubmission } from './router.ts';

/** Who is told of a submission's result. */
export interface SubmissionOwner {
  settled(record: RecordView, result: ResultCode): void;
}

/** One submission. */
export class PendingSubmission implements RoutedSubmission {
  readonly owner: SubmissionOwner;
  readonly record: RecordView;
  readonly submitter: PublicKey | undefined;
  earlierResult: ResultCode | undefined;

  constructor(record: RecordView, submitter: PublicKey | undefined, owner: SubmissionOwner) {
    this.record = record;
    this.submitter = submitter;
    this.owner = owner;
  }

  settled(result: ResultCode): void {
    this.owner.settled(this.record, result);
  }
}
