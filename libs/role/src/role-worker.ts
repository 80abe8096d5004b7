/**
 * The worker that all roles share: judges submissions in batches, stores what is welcome, and
 * answers queries. What differs between roles is in their policy.
 */
import type {
  Bus,
  GetRequest,
  LiveRecord,
  Page,
  QueryRequest,
  RoleService,
  Submission,
} from '@mosaic-cluster/bus';
import {
  equalBytes,
  hexEncode,
  isMosaicError,
  parseKeySchedule,
  type PublicKey,
  type RecordView,
  type Reference,
  RESULT,
  type ResultCode,
  type ScheduleTools,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { LogEntry, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import { type CommitBounds, CommitPipeline, type Committed } from './commit-pipeline.ts';
import { IndexWriter, isNewer } from './index-writer.ts';
import type { KeyDirectory } from './key-directory.ts';
import { addressAuthor } from './notified.ts';
import { RecordReader } from './record-reader.ts';
import type { RolePolicy, ServedUsers } from './role-policy.ts';
import { fieldsRefusal, payloadRefusal, submitterRefusal } from './submission-rules.ts';

/** Checks keys, ID and signature of records: validation steps 3 to 9. */
export interface RecordVerifier {
  /** One fault per record, in order; undefined: the record is valid. */
  verify(records: readonly RecordView[]): Promise<readonly (Error | undefined)[]>;
}

/** What a worker tells those who watch it. */
export interface WorkerEvents {
  submitted?(result: ResultCode): void;
  committed?(records: number, bytes: number): void;
  /** Something failed that its caller only sees as a result code. */
  failed?(what: string, error: unknown): void;
}

/** What a worker is made of. */
export interface RoleWorkerDeps {
  readonly policy: RolePolicy;
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  readonly directory: KeyDirectory;
  readonly users: ServedUsers;
  readonly verifier: RecordVerifier;
  readonly bus: Bus;
  /** The time as a Mosaic timestamp. */
  readonly now: () => Timestamp;
  /** For the attestations in key schedules. */
  readonly scheduleTools?: ScheduleTools;
  /** Records dated further ahead are refused; nanoseconds. */
  readonly futureNanosMax: bigint;
  readonly commitBounds: CommitBounds;
  readonly events?: WorkerEvents;
}

/** A submission under judgement. */
interface Candidate {
  readonly submission: Submission;
  readonly record: RecordView;
  held: boolean;
  result: ResultCode | undefined;
}

/** Serves one role. */
export class RoleWorker implements RoleService {
  readonly #deps: RoleWorkerDeps;
  readonly #reader: RecordReader;
  readonly #writer: IndexWriter;
  readonly #commits: CommitPipeline;
  /** Key schedules under way, by author: records by their subkeys wait for them. */
  readonly #schedules = new Map<string, Promise<unknown>>();

  constructor(deps: RoleWorkerDeps) {
    const { policy, index, log, directory } = deps;
    this.#deps = deps;
    this.#reader = new RecordReader({ policy, index, log, directory });
    this.#writer = new IndexWriter(index, log, directory);
    this.#commits = new CommitPipeline(log, this.#writer, deps.commitBounds, (committed) =>
      this.#deliver(committed),
    );
  }

  /**
   * Brings the index up to the log; before anything is served.
   *
   * @returns the records that were missing or looked at again
   */
  async recover(onProgress?: (records: number) => void): Promise<number> {
    return this.#writer.replay(onProgress);
  }

  async submit(submissions: readonly Submission[]): Promise<readonly ResultCode[]> {
    const results: ResultCode[] = [];
    for (const run of runsOf(submissions)) {
      const done = this.#submitRun(run);
      const schedule = run.at(-1)?.record;
      if (schedule?.isKeySchedule) this.#announceSchedule(schedule, done);
      results.push(...(await done));
    }
    return results;
  }

  async query(request: QueryRequest): Promise<Page> {
    return this.#reader.query(request, await this.#identitiesOf(request.reader));
  }

  async get(request: GetRequest): Promise<Page> {
    return this.#reader.get(request, await this.#identitiesOf(request.reader));
  }

  identities(key: PublicKey): Promise<readonly PublicKey[]> {
    return this.#deps.directory.identities(key);
  }

  /** Finishes what was accepted. */
  close(): Promise<void> {
    return this.#commits.close();
  }

  async #identitiesOf(key: PublicKey | undefined): Promise<readonly PublicKey[]> {
    return key === undefined ? [] : this.#deps.directory.identities(key);
  }

  #announceSchedule(schedule: RecordView, done: Promise<unknown>): void {
    const author = hexEncode(schedule.author);
    const settled = done.catch(() => {});
    this.#schedules.set(author, settled);
    void settled.then(() => {
      if (this.#schedules.get(author) === settled) this.#schedules.delete(author);
    });
  }

  async #submitRun(run: readonly Submission[]): Promise<ResultCode[]> {
    const latest = this.#deps.now() + this.#deps.futureNanosMax;
    const candidates = run.map(
      (submission): Candidate => ({
        submission,
        record: submission.record,
        held: false,
        result: fieldsRefusal(submission.record, latest),
      }),
    );
    try {
      await Promise.all(open(candidates).map((candidate) => this.#judge(candidate)));
      await this.#answerDuplicates(open(candidates));
      await this.#verify(open(candidates));
      await this.#store(open(candidates));
    } catch (error) {
      this.#deps.events?.failed?.('submission', error);
      const result = failureResult(error);
      for (const candidate of open(candidates)) candidate.result = result;
    }
    const results = candidates.map(({ result }) => result ?? RESULT.GENERAL_ERROR);
    for (const result of results) this.#deps.events?.submitted?.(result);
    return results;
  }

  async #judge(candidate: Candidate): Promise<void> {
    const { record, submission } = candidate;
    const { policy, users, directory } = this.#deps;
    if (record.fromAuthor) {
      const identities = await this.#identitiesOf(submission.submitter);
      candidate.result = submitterRefusal(record, identities);
      if (candidate.result !== undefined) return;
    }
    const verdict = await policy.judge(record, {
      users,
      authorOf: (reference) => this.#authorOf(reference),
    });
    if (typeof verdict === 'number') {
      candidate.result = verdict;
      return;
    }
    candidate.held = verdict === 'hold';
    if (record.signedByAuthor) return;
    await this.#schedules.get(hexEncode(record.author));
    if (!(await directory.admits(record, this.#deps.now()))) {
      candidate.result = RESULT.UNAUTHORIZED;
    }
  }

  async #authorOf(reference: Reference): Promise<PublicKey | undefined> {
    const author = addressAuthor(reference);
    if (author !== undefined) return author;
    return this.#deps.directory.authorOf(reference);
  }

  /** Answers those that are held already, byte for byte, without another signature check. */
  async #answerDuplicates(candidates: readonly Candidate[]): Promise<void> {
    if (candidates.length === 0) return;
    const { index, log } = this.#deps;
    const entries = await index.lookup(candidates.map(({ record }) => record.id));
    const found = entries.flatMap((entry, i) => (entry ? [{ entry, i }] : []));
    if (found.length === 0) return;
    const stored = await log.read(found.map(({ entry }) => entry.location));
    found.forEach(({ i }, at) => {
      const candidate = candidates[i]!;
      if (equalBytes(stored[at]!.record.bytes, candidate.record.bytes)) {
        candidate.result = RESULT.DUPLICATE;
      }
    });
  }

  async #verify(candidates: readonly Candidate[]): Promise<void> {
    if (candidates.length === 0) return;
    const faults = await this.#deps.verifier.verify(candidates.map(({ record }) => record));
    candidates.forEach((candidate, i) => {
      candidate.result =
        faults[i] === undefined
          ? payloadRefusal(candidate.record, this.#deps.scheduleTools ?? {})
          : RESULT.INVALID;
    });
  }

  async #store(candidates: readonly Candidate[]): Promise<void> {
    const isEphemeral = ({ record }: Candidate) => record.duplicateHandling === 'ephemeral';
    await Promise.all([
      this.#commit(candidates.filter((candidate) => !isEphemeral(candidate))),
      ...candidates.filter(isEphemeral).map((candidate) => this.#offer(candidate)),
    ]);
  }

  async #commit(candidates: readonly Candidate[]): Promise<void> {
    await Promise.all(
      candidates.map(async (candidate) => {
        const { record } = candidate;
        if (record.duplicateHandling !== 'replaceable') return;
        const holder = await this.#writer.holder(record.address);
        const now = { record, receivedAt: 0n };
        if (holder !== undefined && !isNewer(now, holder)) candidate.result = RESULT.ACCEPTED;
      }),
    );
    const fresh = open(candidates);
    if (fresh.length === 0) return;
    const receivedAt = this.#deps.now();
    const entries = fresh.map(({ record, held }): LogEntry => ({ record, receivedAt, held }));
    const outcomes = await this.#commits.commit(entries);
    fresh.forEach((candidate, i) => {
      candidate.result = outcomes[i] === 'duplicate' ? RESULT.DUPLICATE : RESULT.ACCEPTED;
    });
  }

  async #offer(candidate: Candidate): Promise<void> {
    const { record, held } = candidate;
    const live = this.#live({ record, held, receivedAt: this.#deps.now() });
    const reached = await this.#deps.bus.offer(live);
    candidate.result = reached > 0 ? RESULT.ACCEPTED : RESULT.NO_CONSUMERS;
  }

  #live(entry: LogEntry): LiveRecord {
    const { policy } = this.#deps;
    const { record, receivedAt } = entry;
    return { role: policy.role, record, receivedAt, readers: policy.readers(entry) };
  }

  /** After a commit, before its submitters hear of it: key schedules count, subscribers hear. */
  #deliver({ entries, outcomes }: Committed): void {
    const added = entries.filter((_, i) => outcomes[i] === 'added');
    for (const { record } of added) {
      if (!record.isKeySchedule) continue;
      this.#deps.directory.take(parseKeySchedule(record.copy(), { verify: () => true }));
    }
    this.#deps.bus.publish(added.map((entry) => this.#live(entry)));
    const bytes = entries.reduce((sum, { record }) => sum + record.bytes.length, 0);
    this.#deps.events?.committed?.(entries.length, bytes);
  }
}

function open(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ result }) => result === undefined);
}

/** Cuts a batch behind each key schedule: what follows may be signed by the keys in it. */
function runsOf(submissions: readonly Submission[]): (readonly Submission[])[] {
  const runs: Submission[][] = [];
  let run: Submission[] = [];
  for (const submission of submissions) {
    run.push(submission);
    if (!submission.record.isKeySchedule) continue;
    runs.push(run);
    run = [];
  }
  if (run.length > 0) runs.push(run);
  return runs;
}

function failureResult(error: unknown): ResultCode {
  if (!isMosaicError(error)) return RESULT.GENERAL_ERROR;
  if (error.kind === 'limited') return RESULT.TOO_FAST;
  return error.retryable ? RESULT.TEMPORARY_ERROR : RESULT.GENERAL_ERROR;
}
