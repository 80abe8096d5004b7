/**
 * The worker that all roles share: judges submissions in batches, stores what is welcome, and
 * answers queries. What differs between roles is in their policy.
 */
import type {
  CallContext,
  GetRequest,
  LiveRecord,
  Page,
  QueryRequest,
  RoleService,
  Submission,
} from '@mosaic-cluster/bus';
import { isMosaicError, type PublicKey, type ResultCode } from '@mosaic-cluster/protocol';
import type { LogEntry } from '@mosaic-cluster/store';
import { CommitPipeline } from './commit-pipeline.ts';
import { type Committed, IndexWriter } from './index-writer.ts';
import { Intake } from './intake.ts';
import { isNotWhole } from './schedule-sources.ts';
import { RecordReader } from './record-reader.ts';
import { NOTHING_REMOVED } from './removed-records.ts';
import { type RequestWatch, type RequestWatcher, unwatched } from './request-watch.ts';
import type { RoleWorkerDeps } from './role-worker-deps.ts';

/** Serves one role. */
export class RoleWorker implements RoleService {
  readonly #deps: RoleWorkerDeps;
  readonly #reader: RecordReader;
  readonly #writer: IndexWriter;
  readonly #commits: CommitPipeline;
  readonly #intake: Intake;
  readonly #watcher: RequestWatcher;

  constructor(deps: RoleWorkerDeps) {
    const { policy, index, log, directory, commitBounds: bounds, events = {} } = deps;
    const { removed = NOTHING_REMOVED } = deps;
    this.#deps = deps;
    this.#watcher = deps.watcher ?? unwatched(policy.role);
    this.#reader = new RecordReader({ policy, index, log, directory });
    const writer = new IndexWriter({ index, log, directory, removed });
    this.#writer = writer;
    const commits = new CommitPipeline({
      log,
      writer,
      bounds,
      tracer: this.#watcher.tracer,
      onCommit: (committed) => this.#deliver(committed),
      onCommitFailed: (error) => events.failed?.('live delivery', error),
      events,
    });
    this.#commits = commits;
    const scheduleTools = deps.scheduleTools ?? {};
    const toLive = (entry: LogEntry): LiveRecord | Promise<LiveRecord> => this.#toLive(entry);
    this.#intake = new Intake({ ...deps, scheduleTools, removed, writer, commits, events, toLive });
  }

  /** Records that wait for a commit. */
  get waiting(): number {
    return this.#commits.waiting;
  }

  /** Whether something is in the log that could not be indexed yet: it is tried again and again. */
  get isBehind(): boolean {
    return this.#commits.isBehind;
  }

  /**
   * Brings the index up to the log; before anything is served. For an index that other processes use
   * too there is the `IndexKeeper`. Nothing of it is published: nobody has subscribed yet. Where the
   * index has no room it stays behind, see {@link isBehind}.
   *
   * @param onProgress called after each commit with the records so far
   * @returns the records that were missing or looked at again
   * @throws MosaicError as `SegmentLog.scan`; `corrupt` (`index-ahead`) where segments are missing
   */
  async recover(onProgress: (records: number) => void = () => {}): Promise<number> {
    let records = 0;
    try {
      return await this.#writer.replay(({ entries }) => {
        records += entries.length;
        onProgress(records);
      });
    } catch (error) {
      if (!isMosaicError(error) || error.code !== 'index-full') throw error;
      this.#commits.fallBehind();
      return records;
    }
  }

  submit(submissions: readonly Submission[], call?: CallContext): Promise<readonly ResultCode[]> {
    return this.#watcher.follow('submit', submissions.length, call, (watch) =>
      this.#intake.submit(submissions, watch),
    );
  }

  query(request: QueryRequest, call?: CallContext): Promise<Page> {
    return this.#watcher.follow('query', request.budget.records, call, async (watch) =>
      this.#reader.query(request, await this.#identitiesOf(request.reader, watch), watch),
    );
  }

  get(request: GetRequest, call?: CallContext): Promise<Page> {
    return this.#watcher.follow('get', request.references.length, call, async (watch) =>
      this.#reader.get(request, await this.#identitiesOf(request.reader, watch), watch),
    );
  }

  identities(key: PublicKey): Promise<readonly PublicKey[]> {
    return this.#deps.directory.identities(key);
  }

  /** Finishes what was accepted; what comes later is refused. */
  close(): Promise<void> {
    return this.#commits.close();
  }

  /** Whom a reader acts for, as far as is known: while the index is not whole, itself. */
  async #identitiesOf(
    key: PublicKey | undefined,
    watch: RequestWatch,
  ): Promise<readonly PublicKey[]> {
    if (key === undefined) return [];
    try {
      return await watch.adding('judge', () => this.#deps.directory.identities(key));
    } catch (error) {
      if (isNotWhole(error)) return [key];
      throw error;
    }
  }

  #toLive(entry: LogEntry): LiveRecord | Promise<LiveRecord> {
    const { policy, directory } = this.#deps;
    const { record, receivedAt } = entry;
    const { role } = policy;
    const readers = policy.readers(entry, directory);
    if (!(readers instanceof Promise)) return { role, record, receivedAt, readers };
    return readers.then((keys) => ({ role, record, receivedAt, readers: keys }));
  }

  /** After a commit, before its submitters hear of it. */
  async #deliver({ entries, outcomes }: Committed): Promise<void> {
    const { bus, events } = this.#deps;
    const live: (LiveRecord | Promise<LiveRecord>)[] = [];
    let bytes = 0;
    for (let i = 0; i < entries.length; i++) {
      bytes += entries[i]!.record.bytes.length;
      // Whatever put a record in the index that was committed here, nobody else has published it.
      const isNew = outcomes[i] === 'added' || outcomes[i] === 'replayed';
      if (isNew) live.push(this.#toLive(entries[i]!));
    }
    events?.committed?.(entries.length, bytes);
    const isKnown = live.every((each) => !(each instanceof Promise));
    bus.publish(isKnown ? (live as LiveRecord[]) : await this.#settled(live));
  }

  /** Those whose readers can be told: one that cannot holds up nobody else. */
  async #settled(live: readonly (LiveRecord | Promise<LiveRecord>)[]): Promise<LiveRecord[]> {
    const settled = await Promise.allSettled(live.map(async (each) => each));
    return settled.flatMap((each) => {
      if (each.status === 'fulfilled') return [each.value];
      this.#deps.events?.failed?.('live delivery', each.reason);
      return [];
    });
  }
}
