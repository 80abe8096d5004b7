/** Outbox workers as in processes of their own: each with a log, an index and a key directory, all of
 * them on one bucket, one Redis and one bus. */
import {
  type LiveListener,
  type LiveRecord,
  MemoryBus,
  type PageBudget,
} from '@mosaic-cluster/bus';
import {
  compareBytes,
  type FilterView,
  type RecordView,
  type ResultName,
  resultName,
} from '@mosaic-cluster/protocol';
import {
  createRedisIndex,
  type ObjectStore,
  openFileObjectStore,
  openObjectSegmentLog,
  openRedis,
  openS3ObjectStore,
  type RecordIndex,
  type RedisConnection,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { type RedisServer, type S3Server, startRedis, startS3 } from '@mosaic-cluster/test-servers';
import { createVerifier, fastTools, type Verifier } from '@mosaic-cluster/verifier';
import {
  IndexKeeper,
  type IndexKeeperOptions,
  type IndexState,
  KeyDirectory,
  NOTHING_REMOVED,
  type RemovalLookup,
  type RolePolicy,
  RoleWorker,
} from '../src/index.ts';
import { moment } from './people.ts';
import { openPolicy } from './policies.ts';
import { idOf } from './test-roles.ts';

const { tools } = await fastTools();
const BUCKET = 'mosaic';
const BIG: PageBudget = { records: 100_000, bytes: 1e9, scanned: 1_000_000 };

/** What a test may put in place of the usual. */
export interface ClusterWorkerOptions {
  readonly wrapLog?: (log: SegmentLog) => SegmentLog;
  readonly wrapIndex?: (index: RecordIndex) => RecordIndex;
  readonly keeper?: Partial<IndexKeeperOptions>;
  /** Whether it hears of the key schedules of others. */
  readonly isDeaf?: boolean;
  readonly believedMs?: number;
  readonly policy?: RolePolicy;
  readonly removed?: RemovalLookup;
}

/** The servers that a cluster needs, and clusters on them. */
export class ClusterServers {
  readonly redis: RedisServer;
  readonly store: ObjectStore;
  readonly verifier: Verifier;
  readonly #s3: S3Server | undefined;
  #clusters = 0;

  private constructor(
    redis: RedisServer,
    s3: S3Server | undefined,
    store: ObjectStore,
    verifier: Verifier,
  ) {
    this.redis = redis;
    this.#s3 = s3;
    this.store = store;
    this.verifier = verifier;
  }

  /** @param folder for tests of many small steps: objects are in it, and no S3 server is started */
  static async start(folder?: string): Promise<ClusterServers> {
    if (folder !== undefined) {
      const [redis, store] = [await startRedis(), await openFileObjectStore({ directory: folder })];
      return new ClusterServers(redis, undefined, store, await createVerifier({ workers: 0 }));
    }
    const [redis, s3] = await Promise.all([startRedis(), startS3()]);
    s3.createBucket(BUCKET);
    const { url: endpoint, region, accessKeyId, secretAccessKey } = s3;
    const credentials = { accessKeyId, secretAccessKey };
    const store = await openS3ObjectStore({ bucket: BUCKET, region, endpoint, credentials });
    return new ClusterServers(redis, s3, store, await createVerifier({ workers: 0 }));
  }

  /** A cluster on keys of its own. */
  cluster(): ClusterRoles {
    return new ClusterRoles(this, `test-${this.#clusters++}`);
  }

  async stop(): Promise<void> {
    await this.verifier.close();
    await Promise.all([this.redis.stop(), this.#s3?.stop()]);
  }
}

/** A cluster of outbox workers. */
export class ClusterRoles {
  readonly servers: ClusterServers;
  readonly name: string;
  readonly bus: MemoryBus = new MemoryBus();
  readonly live: LiveRecord[] = [];
  /** Nanoseconds of its clock. */
  now = 1_000_000_000;
  /** Names segments. */
  clock: { now(): number } = Date;
  readonly #workers: ClusterWorker[] = [];

  constructor(servers: ClusterServers, name: string) {
    this.servers = servers;
    this.name = name;
    this.bus.listen((records) => {
      this.live.push(...records);
      return records.map(() => 0);
    });
  }

  /** Starts one more worker. */
  async worker(options: ClusterWorkerOptions = {}): Promise<ClusterWorker> {
    const worker = await ClusterWorker.open(this, options);
    this.#workers.push(worker);
    return worker;
  }

  /** A log, of which nearly each commit is a part of its own, and an index. */
  async view(): Promise<{ log: SegmentLog; index: RecordIndex; connection: RedisConnection }> {
    const connection = await openRedis({
      urls: [this.servers.redis.url],
      keyPrefix: this.keyPrefix,
    });
    const index = createRedisIndex({ connection, name: 'outbox' });
    const { store } = this.servers;
    const log = await openObjectSegmentLog({
      store,
      role: 'outbox',
      prefix: `${this.name}/`,
      joinsPrefix: `${this.name}-joins/`,
      partBytes: 300,
      clock: { now: () => this.clock.now() },
    });
    return { log, index, connection };
  }

  get keyPrefix(): string {
    return `${this.name}:`;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await this.bus.close();
  }
}

/** One worker. */
export class ClusterWorker {
  readonly log: SegmentLog;
  readonly index: RecordIndex;
  readonly connection: RedisConnection;
  readonly directory: KeyDirectory;
  readonly keeper: IndexKeeper;
  readonly worker: RoleWorker;
  readonly failures: unknown[] = [];
  /** What its keeper found the index to be, one after the other. */
  readonly states: string[] = [];
  readonly #listener: LiveListener | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    cluster: ClusterRoles,
    { log, index, connection }: Awaited<ReturnType<ClusterRoles['view']>>,
    directory: KeyDirectory,
    listener: LiveListener | undefined,
    options: ClusterWorkerOptions,
  ) {
    this.log = log;
    this.index = index;
    this.connection = connection;
    this.directory = directory;
    this.#listener = listener;
    const events = {
      changed: (state: IndexState) => this.states.push(state.is),
      caughtUp: () => this.states.push('caught up'),
    };
    this.keeper = new IndexKeeper({
      index,
      log,
      directory,
      checkMs: 50,
      events,
      removed: options.removed ?? NOTHING_REMOVED,
      ...options.keeper,
    });
    this.worker = new RoleWorker({
      index,
      log,
      directory,
      policy: options.policy ?? openPolicy,
      removed: options.removed ?? NOTHING_REMOVED,
      users: { serves: () => true, knows: () => true },
      verifier: cluster.servers.verifier,
      bus: cluster.bus,
      now: () => moment((cluster.now += 1)),
      scheduleTools: tools,
      futureNanosMax: 1_000_000_000n,
      commitBounds: { entriesMax: 10_000, rowsMax: 1_000_000, bytesMax: 64 * 1024 * 1024 },
      events: { failed: (_, error) => this.failures.push(error) },
    });
  }

  static async open(cluster: ClusterRoles, options: ClusterWorkerOptions): Promise<ClusterWorker> {
    const { wrapLog = (log) => log, wrapIndex = (index) => index, believedMs } = options;
    const view = await cluster.view();
    const wrapped = { ...view, log: wrapLog(view.log), index: wrapIndex(view.index) };
    const directory = new KeyDirectory([wrapped], believedMs === undefined ? {} : { believedMs });
    const listener = options.isDeaf === true ? undefined : await directory.listen(cluster.bus);
    const worker = new ClusterWorker(cluster, wrapped, directory, listener, options);
    await worker.keeper.start();
    return worker;
  }

  /** Submits records in one batch. */
  async submit(...records: RecordView[]): Promise<(ResultName | undefined)[]> {
    const submissions = records.map((record) => ({ record, submitter: undefined }));
    return (await this.worker.submit(submissions)).map((result) => resultName(result));
  }

  /** IDs that a filter finds. */
  async query(filter: FilterView): Promise<string[]> {
    const ids: string[] = [];
    let cursor: Uint8Array | undefined;
    do {
      const page = await this.worker.query({ filter, reader: undefined, cursor, budget: BIG });
      ids.push(...page.records.map(({ record }) => idOf(record)));
      cursor = page.next;
    } while (cursor !== undefined);
    return ids;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#listener?.close();
    await this.keeper.close();
    await this.worker.close();
    await this.log.close();
    await this.connection.close();
  }
}

/** Records of a log, oldest first. */
export async function recordsOf(log: SegmentLog): Promise<RecordView[]> {
  const records: RecordView[] = [];
  for await (const { entries } of log.scan(undefined)) {
    for (const { record } of entries) records.push(record);
  }
  return records.toSorted((a, b) => compareBytes(a.id, b.id));
}
