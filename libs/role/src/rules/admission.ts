/**
 * What an operator wants beyond the rules of the format and the role: what a record may be, before its
 * signature is checked; what its author may have, once it is known who that is; and at last the
 * operator's own program. Decision 26 says why in this order.
 */
import { authorSubject, type Charge, type Limiter, submissionsOfRows } from '@mosaic-cluster/abuse';
import { RESULT, type ResultCode, type Timestamp } from '@mosaic-cluster/protocol';
import type { RecordIndex } from '@mosaic-cluster/store';
import { type Candidate, undecided } from '../candidate.ts';
import type { CandidateSteps } from '../candidate-steps.ts';
import type { PolicyHook } from '../hook/policy-hook.ts';
import type { RolePolicy, ServedUsers } from '../role-policy.ts';
import type { RefusedBy, WorkerEvents } from '../role-worker-deps.ts';
import {
  type AcceptRule,
  type AcceptRules,
  brokenRule,
  NO_ACCEPT_RULES,
  RULE_RESULT,
} from './accept-rules.ts';
import { AuthorUsage } from './author-usage.ts';

/** What admission works with. */
export interface AdmissionOptions {
  readonly policy: Pick<RolePolicy, 'role'>;
  readonly rules?: AcceptRules | undefined;
  readonly limiter?: Pick<Limiter, 'charge' | 'refund'> | undefined;
  readonly hook?: PolicyHook | undefined;
  readonly users: Pick<ServedUsers, 'knows'>;
  readonly index: Pick<RecordIndex, 'scan'>;
  readonly steps: CandidateSteps;
  readonly events: WorkerEvents;
  readonly now: () => Timestamp;
}

/** What an author may have beyond the quota in key schedules: one that revokes a key must find room. */
const SCHEDULE_RESERVE_BYTES = 1024 * 1024;

/** Admits what an operator wants. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #rules: AcceptRules;
  readonly #usage: AuthorUsage;
  readonly #hasQuota: boolean;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#rules = options.rules ?? NO_ACCEPT_RULES;
    this.#usage = new AuthorUsage(options);
    this.#hasQuota = this.#rules.everybody.quota !== undefined;
  }

  /** What a record is refused with for what it says; a promise where its author must be looked up. */
  refusal({ record }: Candidate): ResultCode | undefined | Promise<ResultCode | undefined> {
    const { everybody, registered } = this.#rules;
    const { now, users } = this.#options;
    const broken = brokenRule(record, everybody, now());
    if (broken === undefined) return undefined;
    if (registered === undefined) return this.#refuse(broken);
    const brokenByUser = brokenRule(record, registered, now());
    if (brokenByUser !== undefined) return this.#refuse(brokenByUser);
    const isUser = users.knows(record.author);
    if (isUser === false) return this.#refuse(broken);
    if (isUser === true) return undefined;
    return isUser.then((knows) => (knows ? undefined : this.#refuse(broken)));
  }

  /** Whether {@link admit} has anything to ask. */
  get hasMore(): boolean {
    const { limiter, hook } = this.#options;
    return limiter !== undefined || hook !== undefined || this.#hasQuota;
  }

  /** Decides on valid records that are about to be stored. Never rejects. */
  async admit(candidates: readonly Candidate[]): Promise<void> {
    const { limiter, hook, steps } = this.#options;
    if (limiter !== undefined || this.#hasQuota) {
      await steps.each(candidates, (candidate) => this.#charge(candidate));
    }
    if (hook === undefined) return;
    await steps.together(candidates, (open) => this.#ask(hook, undecided(open)));
  }

  /** Gives authors back what records cost that are not stored after all. */
  giveBack(candidates: readonly Candidate[]): void {
    for (const candidate of candidates) {
      if (!candidate.mayBeStored) candidate.giveBack?.();
      candidate.giveBack = undefined;
    }
  }

  /** What is not stored costs its author nothing: whoever got it could send it again and again. */
  #charge(candidate: Candidate): Promise<void> | undefined {
    if (candidate.record.duplicateHandling === 'ephemeral') return undefined;
    const isUser = this.#options.users.knows(candidate.record.author);
    if (typeof isUser !== 'boolean')
      return isUser.then((knows) => this.#chargeKnown(candidate, knows));
    return this.#chargeKnown(candidate, isUser);
  }

  #chargeKnown(candidate: Candidate, isUser: boolean): Promise<void> | undefined {
    const { limiter } = this.#options;
    const { record } = candidate;
    if (limiter !== undefined) {
      const charge: Charge = {
        subject: authorSubject(record.author),
        budget: 'submissions',
        standing: isUser ? 'registered' : 'anonymous',
        amount: submissionsOfRows(record),
      };
      if (limiter.charge([charge]) !== undefined) {
        candidate.result = this.#tell('rate', RESULT.TOO_FAST);
        return undefined;
      }
      candidate.giveBack = () => limiter.refund([charge]);
    }
    return this.#hasQuota ? this.#reserve(candidate, isUser) : undefined;
  }

  async #reserve(candidate: Candidate, isUser: boolean): Promise<void> {
    const { record } = candidate;
    const quota = this.#quotaOf(isUser);
    if (quota === undefined) return;
    const limit = quota + (record.isKeySchedule ? SCHEDULE_RESERVE_BYTES : 0);
    const { length } = record.bytes;
    const { giveBack } = candidate;
    const giveRoomBack = await this.#usage.reserve(record.author, length, limit);
    if (giveRoomBack === undefined) {
      candidate.result = this.#refuse('quota');
      return;
    }
    candidate.giveBack = () => {
      giveRoomBack();
      giveBack?.();
    };
  }

  /** Undefined: none. */
  #quotaOf(isUser: boolean): number | undefined {
    const { everybody, registered = everybody } = this.#rules;
    if (!isUser || everybody.quota === undefined) return everybody.quota;
    return Math.max(everybody.quota, registered.quota ?? 0);
  }

  async #ask(hook: PolicyHook, open: readonly Candidate[]): Promise<void> {
    const { policy, now } = this.#options;
    const { role } = policy;
    const submissions = open.map(({ submission }) => submission);
    const verdicts = await hook.ask({ role, submissions, receivedAt: now() });
    open.forEach((candidate, i) => {
      const verdict = verdicts[i]!;
      if (verdict === 'hold' && role === 'inbox') candidate.isHeld = true;
      else if (verdict === 'hold') candidate.result = this.#tell('hook', RESULT.UNAUTHORIZED);
      else if (verdict !== 'accept') candidate.result = this.#tell('hook', verdict);
    });
  }

  #refuse(rule: AcceptRule): ResultCode {
    return this.#tell(rule, RULE_RESULT[rule]);
  }

  #tell(by: RefusedBy, result: ResultCode): ResultCode {
    this.#options.events.refused?.(by);
    return result;
  }
}
