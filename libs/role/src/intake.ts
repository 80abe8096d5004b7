/**
 * The way in: takes submissions in batches through judgement, duplicates, signatures and group
 * commit. Cheap questions come first, so that what is refused costs little.
 */
import type { LiveRecord, Submission } from '@mosaic-cluster/bus';
import {
  equalBytes,
  isMosaicError,
  publicKeyFault,
  RESULT,
  type ResultCode,
  recordKeysFault,
  type ScheduleTools,
} from '@mosaic-cluster/protocol';
import type { IndexEntry, LogEntry } from '@mosaic-cluster/store';
import { type Candidate, candidateOf, undecided } from './candidate.ts';
import { CandidateSteps } from './candidate-steps.ts';
import type { CommitEntry, CommitPipeline } from './commit-pipeline.ts';
import type { IndexOutcome, IndexWriter } from './index-writer.ts';
import type { RemovalLookup } from './removed-records.ts';
import type { RequestWatch } from './request-watch.ts';
import { Admission } from './rules/admission.ts';
import type { RoleWorkerDeps, WorkerEvents } from './role-worker-deps.ts';
import { ScheduleChecks } from './schedule-checks.ts';
import {
  fieldsRefusal,
  payloadRefusal,
  RECORD_TAGS_MAX,
  submitterRefusal,
} from './submission-rules.ts';

/** What the way in needs. */
export interface IntakeOptions extends RoleWorkerDeps {
  readonly scheduleTools: ScheduleTools;
  readonly removed: RemovalLookup;
  readonly events: WorkerEvents;
  readonly writer: IndexWriter;
  readonly commits: CommitPipeline;
  /** A record as its live subscribers get it. */
  readonly toLive: (entry: LogEntry) => LiveRecord | Promise<LiveRecord>;
}

const RESULT_OF_OUTCOME: Readonly<Record<IndexOutcome, ResultCode>> = {
  added: RESULT.ACCEPTED,
  replayed: RESULT.ACCEPTED,
  duplicate: RESULT.DUPLICATE,
  outdated: RESULT.ACCEPTED,
  // Nobody learns what was removed: such a record is as unwelcome as others are.
  removed: RESULT.UNAUTHORIZED,
};

/** Takes submissions in. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #steps: CandidateSteps;
  readonly #admission: Admission;
  readonly #scheduleChecks = new ScheduleChecks();

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#steps = new CandidateSteps(options.events);
    this.#admission = new Admission({ ...options, steps: this.#steps });
  }

  /**
   * Judges and stores a batch. Never rejects.
   *
   * @returns one result per submission, in order
   */
  async submit(submissions: readonly Submission[], watch: RequestWatch): Promise<ResultCode[]> {
    const candidates = submissions.map((submission) => candidateOf(submission, watch));
    const { now, futureNanosMax, tagsMax = RECORD_TAGS_MAX } = this.#options;
    const bounds = { latest: now() + futureNanosMax, tagsMax };
    for (const candidate of candidates) candidate.result = fieldsRefusal(candidate.record, bounds);
    await Promise.all(this.#runs(undecided(candidates), watch));
    const { events } = this.#options;
    return candidates.map(({ result = RESULT.GENERAL_ERROR }) => {
      events.submitted?.(result);
      return result;
    });
  }

  /**
   * Starts the candidates off: each key schedule by itself, what depends on one behind it, and
   * everything else together.
   */
  #runs(candidates: readonly Candidate[], watch: RequestWatch): Promise<void>[] {
    const { pending } = this.#options.directory;
    const runs: Promise<void>[] = [];
    const free: Candidate[] = [];
    const dependent: Candidate[] = [];
    const awaited = new Set<Promise<unknown>>();
    for (const candidate of candidates) {
      const { record } = candidate;
      if (record.isKeySchedule) {
        const run = this.#run([candidate], watch);
        pending.announce(record.author, run);
        runs.push(run);
        continue;
      }
      const isDependent = record.fromAuthor || !record.signedByAuthor;
      const schedules = isDependent ? pending.of(record.author) : undefined;
      if (schedules === undefined) free.push(candidate);
      else {
        dependent.push(candidate);
        awaited.add(schedules);
      }
    }
    if (free.length > 0) runs.push(this.#run(free, watch));
    if (dependent.length > 0) {
      runs.push(Promise.all(awaited).then(() => this.#run(dependent, watch)));
    }
    return runs;
  }

  /** Decides all candidates. Never rejects. */
  async #run(candidates: readonly Candidate[], watch: RequestWatch): Promise<void> {
    const steps = this.#steps;
    await watch.during('judge', () => steps.each(candidates, (each) => this.#judge(each)));
    await watch.during('lookup', () =>
      steps.together(candidates, (open) => this.#answerHeld(open)),
    );
    await watch.during('verify', async () => {
      await steps.together(candidates, (open) => this.#verify(open));
      await steps.each(candidates, (each) => this.#checkPayload(each));
    });
    await watch.adding('lookup', () =>
      steps.each(candidates, (each) => this.#answerOutdated(each)),
    );
    if (this.#admission.hasMore) {
      await watch.during('admit', () => this.#admission.admit(candidates));
    }
    await this.#store(candidates, watch);
    if (this.#admission.hasMore) this.#admission.giveBack(candidates);
  }

  async #judge(candidate: Candidate): Promise<void> {
    const { record, submission } = candidate;
    const { policy, users, directory, now } = this.#options;
    if (record.fromAuthor) {
      candidate.result = await submitterRefusal(record, submission.submitter, directory);
      if (candidate.result !== undefined) return;
    }
    const verdict = await policy.judge(record, {
      users,
      authorsOf: (references) => directory.authorsOf(references),
    });
    if (typeof verdict === 'number') {
      candidate.result = verdict;
      return;
    }
    const refusal = this.#admission.refusal(candidate);
    candidate.result = typeof refusal === 'object' ? await refusal : refusal;
    if (candidate.result !== undefined) return;
    candidate.isHeld = verdict === 'hold';
    if (record.signedByAuthor) return;
    candidate.isForeignKey = !(await directory.admitsFresh(record, now()));
  }

  /**
   * Answers what is held already without another signature check, and then what is signed by
   * somebody else's key: a record that was taken before its key was revoked is still held. What was
   * removed is not held, whatever the index has; it is refused when it turns out to be valid, so that
   * what is no such record is answered as ever.
   */
  async #answerHeld(candidates: readonly Candidate[]): Promise<void> {
    const { index, scheduleTools, removed } = this.#options;
    const lasting = candidates.filter(isStored);
    const [entries, areRemoved] = await Promise.all([
      index.lookup(lasting.map(({ record }) => record.id)),
      removed.areRemoved(candidates.map(({ record }) => record.id)),
    ]);
    candidates.forEach((candidate, i) => {
      candidate.isRemoved = areRemoved[i]!;
    });
    await this.#steps.each(lasting, (candidate, i) => {
      const entry = entries[i];
      const isHeld = entry !== undefined && !candidate.isRemoved;
      return isHeld ? this.#compareHeld(candidate, entry) : undefined;
    });
    const keyFault = scheduleTools.keyFault ?? publicKeyFault;
    for (const candidate of undecided(candidates)) {
      if (!candidate.isForeignKey) continue;
      const isValid = recordKeysFault(candidate.record, keyFault) === undefined;
      candidate.result = isValid ? RESULT.UNAUTHORIZED : RESULT.INVALID;
    }
  }

  async #compareHeld(candidate: Candidate, entry: IndexEntry): Promise<void> {
    const { log, directory } = this.#options;
    const stored = log.peek(entry.location) ?? (await log.read([entry.location]))[0]!;
    if (!equalBytes(stored.record.bytes, candidate.record.bytes)) {
      candidate.isIdTaken = true;
      return;
    }
    const isServed =
      !candidate.isForeignKey || (await directory.admits(stored.record, stored.receivedAt));
    if (isServed) candidate.result = RESULT.DUPLICATE;
  }

  async #verify(candidates: readonly Candidate[]): Promise<void> {
    const { verifier } = this.#options;
    const faults = await verifier.verify(candidates.map(({ record }) => record));
    candidates.forEach((candidate, i) => {
      if (faults[i] !== undefined) candidate.result = RESULT.INVALID;
      else if (candidate.isRemoved) candidate.result = RESULT.UNAUTHORIZED;
      else if (candidate.isIdTaken) candidate.result = RESULT.DUPLICATE;
    });
  }

  /** Key schedules take turns with everything else that waits for the event loop. */
  #checkPayload(candidate: Candidate): Promise<void> | undefined {
    const { record } = candidate;
    if (!record.isKeySchedule && !record.isProfile) return undefined;
    const { scheduleTools } = this.#options;
    const check = (): void => {
      candidate.result = payloadRefusal(record, scheduleTools);
    };
    if (record.isProfile) {
      check();
      return undefined;
    }
    return this.#scheduleChecks.add(record.payloadLength, check);
  }

  /**
   * Answers what a newer record has replaced. It is not stored, so it costs its author nothing: everybody
   * has the old versions, and could send them again and again.
   */
  #answerOutdated(candidate: Candidate): Promise<void> | undefined {
    const { record } = candidate;
    if (record.duplicateHandling !== 'replaceable') return undefined;
    return this.#options.writer.standing(record).then((standing) => {
      candidate.standing = standing;
      if (standing.isOutdated) candidate.result = RESULT.ACCEPTED;
    });
  }

  async #store(candidates: readonly Candidate[], watch: RequestWatch): Promise<void> {
    const open = undecided(candidates);
    const lasting = open.filter(isStored);
    const passing = lasting.length === open.length ? [] : open.filter((each) => !isStored(each));
    await Promise.all([
      this.#steps.together(lasting, (each) => this.#commit(each, watch)),
      this.#steps.each(passing, (candidate) => this.#offer(candidate)),
    ]);
  }

  async #commit(candidates: readonly Candidate[], watch: RequestWatch): Promise<void> {
    const { commits, now } = this.#options;
    const receivedAt = now();
    const entries = candidates.map(({ record, isHeld, standing }): CommitEntry => {
      return { record, receivedAt, held: isHeld, standing };
    });
    for (const candidate of candidates) candidate.mayBeStored = true;
    const outcomes = await commits.commit(entries, watch).catch((error: unknown) => {
      // What had no room was not even begun.
      const isBegun = !isMosaicError(error) || error.kind !== 'limited';
      for (const candidate of candidates) candidate.mayBeStored = isBegun;
      throw error;
    });
    candidates.forEach((candidate, i) => {
      const outcome = outcomes[i]!;
      candidate.mayBeStored = outcome === 'added' || outcome === 'replayed';
      candidate.result = RESULT_OF_OUTCOME[outcome];
    });
  }

  async #offer(candidate: Candidate): Promise<void> {
    const { bus, now, toLive } = this.#options;
    const { record, isHeld } = candidate;
    const reached = await bus.offer(await toLive({ record, held: isHeld, receivedAt: now() }));
    candidate.result = reached > 0 ? RESULT.ACCEPTED : RESULT.NO_CONSUMERS;
  }
}

function isStored({ record }: Candidate): boolean {
  return record.duplicateHandling !== 'ephemeral';
}
