/** Roles on real storage in a temporary folder, with a clock that a test turns. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type LiveRecord,
  MemoryBus,
  type Page,
  type PageBudget,
  type RoleName,
  type ServedRecord,
} from '@mosaic-cluster/bus';
import {
  type FilterView,
  hexEncode,
  type PublicKey,
  type RecordView,
  type Reference,
  type ResultCode,
  type ResultName,
  resultName,
} from '@mosaic-cluster/protocol';
import {
  type IndexEnvironment,
  openIndexEnvironment,
  openSegmentLog,
  type RecordIndex,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { createVerifier, fastTools, type Verifier } from '@mosaic-cluster/verifier';
import {
  KeyDirectory,
  type RolePolicy,
  RoleWorker,
  type RoleWorkerDeps,
  type ServedUsers,
} from '../src/index.ts';
import { moment } from './people.ts';
import { moderatedPolicy, openPolicy, privatePolicy } from './policies.ts';

/** What a test may put in place of the usual. */
export interface TestRolesOptions {
  readonly policies?: readonly RolePolicy[];
  readonly users?: Partial<ServedUsers>;
  readonly deps?: Partial<RoleWorkerDeps>;
  /** Puts something between a worker and its log or index. */
  readonly wrapLog?: (log: SegmentLog, role: RoleName) => SegmentLog;
  readonly wrapIndex?: (index: RecordIndex, role: RoleName) => RecordIndex;
}

/** A role of a test. */
export interface TestRole {
  readonly worker: RoleWorker;
  readonly index: RecordIndex;
  readonly log: SegmentLog;
}

const BIG: PageBudget = { records: 1000, bytes: 1e9, scanned: 100_000 };
const { tools } = await fastTools();

/** An ID as text. */
export function idOf(record: RecordView): string {
  return hexEncode(record.id);
}

/** The roles of a server. */
export class TestRoles {
  readonly live: LiveRecord[] = [];
  readonly failures: unknown[] = [];
  /** The steps at which commits failed. */
  readonly failedSteps: string[] = [];
  /** What the clock says; a test turns it. */
  now = moment(1_000_000);
  /** Live records that subscribers say they got, for ephemeral ones. */
  reached = 0;
  #directory!: KeyDirectory;
  #bus!: MemoryBus;
  #environment!: IndexEnvironment;
  readonly #options: TestRolesOptions;
  readonly #folder: string;
  readonly #verifier: Verifier;
  readonly #roles = new Map<RoleName, TestRole>();

  private constructor(options: TestRolesOptions, folder: string, verifier: Verifier) {
    this.#options = options;
    this.#folder = folder;
    this.#verifier = verifier;
  }

  static async open(options: TestRolesOptions = {}): Promise<TestRoles> {
    const folder = await mkdtemp(join(tmpdir(), 'mosaic-role-'));
    const verifier = await createVerifier({ workers: 0 });
    const roles = new TestRoles(options, folder, verifier);
    await roles.#start();
    return roles;
  }

  get directory(): KeyDirectory {
    return this.#directory;
  }

  get bus(): MemoryBus {
    return this.#bus;
  }

  role(name: RoleName): TestRole {
    return this.#roles.get(name)!;
  }

  async #start(): Promise<void> {
    this.#environment = await openIndexEnvironment({ directory: join(this.#folder, 'index') });
    this.#bus = new MemoryBus();
    this.#bus.listen((records) => {
      this.live.push(...records);
      return records.map(() => this.reached);
    });
    const policies = this.#options.policies ?? [openPolicy, moderatedPolicy, privatePolicy];
    const stores = new Map<RolePolicy, { index: RecordIndex; log: SegmentLog }>();
    for (const policy of policies) stores.set(policy, await this.#openStore(policy.role));
    const sources = policies.filter(({ isPrivate }) => !isPrivate).map((each) => stores.get(each)!);
    this.#directory = new KeyDirectory(sources);
    for (const [policy, store] of stores) {
      const worker = new RoleWorker({
        ...store,
        policy,
        directory: this.#directory,
        users: { serves: () => true, knows: () => true, ...this.#options.users },
        verifier: this.#verifier,
        bus: this.#bus,
        now: () => this.now,
        scheduleTools: tools,
        futureNanosMax: 1_000_000_000n,
        commitBounds: { entriesMax: 1000, bytesMax: 64 * 1024 * 1024, rowsMax: 100_000 },
        events: {
          failed: (_, error) => this.failures.push(error),
          commitFailed: (step) => this.failedSteps.push(step),
        },
        ...this.#options.deps,
      });
      this.#roles.set(policy.role, { worker, ...store });
      await worker.recover();
    }
  }

  async #openStore(role: RoleName): Promise<{ index: RecordIndex; log: SegmentLog }> {
    const { wrapLog = (log) => log, wrapIndex = (index) => index } = this.#options;
    const directory = join(this.#folder, role);
    const log = await openSegmentLog({ directory, role, freeBytesMin: 0 });
    return {
      log: wrapLog(log, role),
      index: wrapIndex(this.#environment.index(role), role),
    };
  }

  /** Submits one record after the other in one batch. */
  async submit(
    role: RoleName,
    records: readonly RecordView[],
    submitter?: PublicKey,
  ): Promise<(ResultName | undefined)[]> {
    const submissions = records.map((record) => ({ record, submitter }));
    const results = await this.role(role).worker.submit(submissions);
    return results.map((result: ResultCode) => resultName(result));
  }

  /** IDs that a filter finds, page by page. */
  query(
    role: RoleName,
    filter: FilterView,
    reader?: PublicKey,
    budget: PageBudget = BIG,
  ): Promise<string[]> {
    const { worker } = this.role(role);
    return allPages((cursor) => worker.query({ filter, reader, cursor, budget }), budget);
  }

  /** IDs that references find, page by page. */
  get(
    role: RoleName,
    references: readonly Reference[],
    reader?: PublicKey,
    budget: PageBudget = BIG,
  ): Promise<string[]> {
    const { worker } = this.role(role);
    return allPages((cursor) => worker.get({ references, reader, cursor, budget }), budget);
  }

  /** Stops and starts everything. @param rebuild throws the index away in between */
  async restart(rebuild: boolean): Promise<void> {
    await this.#stop();
    if (rebuild) await rm(join(this.#folder, 'index'), { recursive: true });
    await this.#start();
  }

  async #stop(): Promise<void> {
    for (const { worker } of this.#roles.values()) await worker.close();
    for (const { log } of this.#roles.values()) await log.close();
    await this.#environment.close();
    await this.#bus.close();
    this.#roles.clear();
  }

  async close(): Promise<void> {
    await this.#stop();
    await this.#verifier.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Asks for pages until there are no more, and checks what every page promises. */
async function allPages(
  ask: (cursor: Uint8Array | undefined) => Promise<Page>,
  budget: PageBudget,
): Promise<string[]> {
  const ids: string[] = [];
  let below: string | undefined;
  let cursor: Uint8Array | undefined;
  do {
    const page = await ask(cursor);
    assertWithin(page.records, budget);
    for (const { record } of page.records) {
      if (below !== undefined && idOf(record) >= below) throw new Error('it is not below');
      ids.push(idOf(record));
    }
    const next = page.below && hexEncode(page.below);
    if (page.next !== undefined && (next === undefined || next === below)) {
      throw new Error('a page made no progress');
    }
    below = next;
    cursor = page.next;
  } while (cursor !== undefined);
  return ids;
}

function assertWithin(records: readonly ServedRecord[], budget: PageBudget): void {
  if (records.length > budget.records) throw new Error('a page has too many records');
  const bytes = records.slice(0, -1).reduce((sum, { record }) => sum + record.bytes.length, 0);
  if (bytes >= budget.bytes && records.length > 1) throw new Error('a page has too many bytes');
}
