/** A client's submission while roles have it. */
import type { PublicKey, RecordView, ResultCode } from '@mosaic-cluster/protocol';
import type { RoutedSubmission } from './router.ts';

/** Who is told of a submission's result. */
export interface SubmissionOwner {
  /** As `Visitor.sharesAs`. */
  readonly sharesAs: string;
  settled(submission: PendingSubmission, result: ResultCode): void;
}

/** One submission. */
export class PendingSubmission implements RoutedSubmission {
  readonly owner: SubmissionOwner;
  readonly record: RecordView;
  readonly submitter: PublicKey | undefined;
  /** When it came, in milliseconds since 1970. */
  readonly since: number;
  earlierResult: ResultCode | undefined;

  constructor(
    record: RecordView,
    submitter: PublicKey | undefined,
    owner: SubmissionOwner,
    since: number,
  ) {
    this.record = record;
    this.submitter = submitter;
    this.owner = owner;
    this.since = since;
  }

  settled(result: ResultCode): void {
    this.owner.settled(this, result);
  }
}
