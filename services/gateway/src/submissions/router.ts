/**
 * Decides which role a record is for. A record for everybody belongs into its author's outbox;
 * one of an author who is not served here may still concern somebody who is, whose inbox then
 * takes it. Private records are for the encryption role.
 */
import type { RoleName, Submission } from '@mosaic-cluster/bus';
import {
  isSuccess,
  readU16,
  RECORD_AT,
  type RecordView,
  RESULT,
  type ResultCode,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';
import type { GatewayLimits } from '../limits.ts';
import type { SubmissionOwner } from './pending-submission.ts';
import { ScheduleOrder } from './schedule-order.ts';
import type { WatchedSubmission } from '../watch/gateway-watcher.ts';

/** A submission on its way through the roles. */
export interface RoutedSubmission extends Submission, WatchedSubmission {
  /** Whose submission it is: the order of one's own counts. */
  readonly owner: SubmissionOwner;
  /** What the first role said, where a second one was asked. */
  earlierResult: ResultCode | undefined;
  /** Told exactly once what became of it, unless the router refused it at once. */
  settled(result: ResultCode): void;
}

/** A role's queue, as the router sees it. */
export interface RoleQueue {
  /** Takes a submission; false where it is full. */
  offer(submission: RoutedSubmission): boolean;
}

/** The roles' queues; a role that this server does not play has none. */
export type RoleQueues = Readonly<Partial<Record<RoleName, RoleQueue>>>;

/** Sends submissions to roles and merges what they say. */
export class Router {
  readonly #queues: RoleQueues;
  readonly #order: ScheduleOrder;

  constructor(queues: RoleQueues, limits: GatewayLimits) {
    this.#queues = queues;
    this.#order = new ScheduleOrder(limits);
  }

  /** Takes a submission; the result where it is known at once, and nothing was taken. */
  route(submission: RoutedSubmission): ResultCode | undefined {
    const place = this.#order.hold(submission);
    if (place !== 'free') return place === 'held' ? undefined : RESULT.TOO_FAST;
    const refusal = this.#forward(submission);
    if (refusal === undefined && submission.record.isKeySchedule) this.#order.forwarded(submission);
    return refusal;
  }

  /** Takes a role's result; asks the next role where there is one to ask. */
  answered(role: RoleName, submission: RoutedSubmission, result: ResultCode): void {
    const { inbox } = this.#queues;
    const isRefusedByOutbox = role === 'outbox' && result === RESULT.UNAUTHORIZED;
    if (isRefusedByOutbox && inbox !== undefined && concernsOthers(submission.record)) {
      submission.earlierResult = result;
      if (!inbox.offer(submission)) this.#settle(submission, RESULT.TOO_FAST);
      return;
    }
    const { earlierResult } = submission;
    this.#settle(
      submission,
      earlierResult === undefined ? result : mergeResults(earlierResult, result),
    );
  }

  #forward(submission: RoutedSubmission): ResultCode | undefined {
    const { outbox, inbox, encryption } = this.#queues;
    const { record } = submission;
    if (record.audience !== 'everybody') return enqueue(encryption, submission);
    if (outbox !== undefined) return enqueue(outbox, submission);
    return concernsOthers(record) ? enqueue(inbox, submission) : RESULT.UNAUTHORIZED;
  }

  #settle(submission: RoutedSubmission, result: ResultCode): void {
    submission.settled(result);
    if (!submission.record.isKeySchedule) return;
    for (const each of this.#order.answered(submission, result)) {
      const refusal = each.refusal ?? this.#forward(each.submission);
      if (refusal !== undefined) each.submission.settled(refusal);
    }
  }
}

function enqueue(
  queue: RoleQueue | undefined,
  submission: RoutedSubmission,
): ResultCode | undefined {
  if (queue === undefined) return RESULT.UNAUTHORIZED;
  return queue.offer(submission) ? undefined : RESULT.TOO_FAST;
}

/**
 * What a client is told of two roles' results: accepted by any is accepted; else what is not
 * merely "not for me".
 */
export function mergeResults(first: ResultCode, second: ResultCode): ResultCode {
  if (isSuccess(first) && isSuccess(second)) return first < second ? first : second;
  if (isSuccess(first) || isSuccess(second)) return isSuccess(first) ? first : second;
  return second === RESULT.UNAUTHORIZED ? first : second;
}

/** Whether a tag notifies somebody or replies to something; what it says is for the inbox. */
export function concernsOthers(record: RecordView): boolean {
  const { bytes, tagsEnd } = record;
  for (let at: number = RECORD_AT.tags; at < tagsEnd; at += readU16(bytes, at)) {
    const type = readU16(bytes, at + 2);
    if (type === TAG_TYPE.notify || type === TAG_TYPE.reply) return true;
  }
  return false;
}
