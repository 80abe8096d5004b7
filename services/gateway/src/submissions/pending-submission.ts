/** A client's submission while roles have it. */
import type { Submission } from '@mosaic-cluster/bus';
import type { PublicKey, RecordView, ResultCode } from '@mosaic-cluster/protocol';
import type { Span } from '@mosaic-cluster/runtime';
import type { RoutedSubmission } from './router.ts';
import type { RoleCall } from '../watch/role-call.ts';

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
  readonly span: Span | undefined;
  calls: readonly RoleCall[] = [];
  earlierResult: ResultCode | undefined;

  constructor(
    submission: Submission,
    owner: SubmissionOwner,
    since: number,
    span: Span | undefined,
  ) {
    this.record = submission.record;
    this.submitter = submission.submitter;
    this.owner = owner;
    this.since = since;
    this.span = span;
  }

  settled(result: ResultCode): void {
    this.owner.settled(this, result);
  }
}
