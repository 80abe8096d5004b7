/** A cluster whose operator removes records and compacts, and whose days pass when a test says so. */
import { hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import {
  openMemoryRegistry,
  type RedisRecordIndex,
  type Registry,
  withKeyPrefix,
} from '@mosaic-cluster/store';
import {
  type CompactedRole,
  compactRole,
  type CompactRoleOptions,
} from '../src/compaction/compact-role.ts';
import { rebuildIndex } from '../src/rebuild.ts';
import { RemovalFollower } from '../src/removal-follower.ts';
import { RemovedRecords } from '../src/removed-records.ts';
import type { ClusterRoles, ClusterServers, ClusterWorker } from './cluster-roles.ts';
import { moment, nonce, person, record } from './people.ts';

const START_MS = 1_790_000_000_000;
const DAY_MS = 86_400_000;
const ALICE = person(0);

/** A cluster with one worker, whose time passes when a test says so. */
export class Operated {
  readonly servers: ClusterServers;
  readonly cluster: ClusterRoles;
  readonly registry: Registry;
  readonly removed: RemovedRecords;
  worker!: ClusterWorker;
  nowMs: number = START_MS;

  private constructor(servers: ClusterServers, registry: Registry) {
    this.servers = servers;
    this.cluster = servers.cluster();
    this.registry = registry;
    this.removed = new RemovedRecords(registry, 'outbox');
    this.cluster.clock = { now: () => this.nowMs };
  }

  static async start(servers: ClusterServers): Promise<Operated> {
    const store = withKeyPrefix(servers.store, `registry-${Math.random().toString(16).slice(2)}/`);
    let now = (): number => START_MS;
    const operated = new Operated(servers, await openMemoryRegistry({ store, now: () => now() }));
    now = () => operated.nowMs;
    const { removed } = operated;
    operated.worker = await operated.cluster.worker({ removed, keeper: { reindex: 'off' } });
    return operated;
  }

  async submit(...records: RecordView[]): Promise<void> {
    for (const each of records) {
      const results = await this.worker.submit(each);
      if (results.includes('INVALID')) throw new Error('a test submits what is not valid');
      this.nowMs += 5;
    }
  }

  /** As `mosaic-admin records remove` does it. */
  async remove(record: RecordView): Promise<void> {
    await this.removeUnnoticed(record);
    await this.takeOut(record);
  }

  /** Where no worker is there to see it. */
  async removeUnnoticed({ id, address }: RecordView): Promise<void> {
    const [found] = await this.worker.index.lookup([id]);
    const places = found === undefined ? [] : [{ role: 'outbox', location: found.location }];
    await this.removed.removeFound([{ id, address, places }]);
  }

  /** As a worker does it that learns of a removal. */
  async takeOut({ id }: RecordView): Promise<void> {
    const { index, log, directory } = this.worker;
    const { removed } = this;
    const follower = new RemovalFollower({ index, log, directory, removed });
    await follower.followUp([id]);
    await follower.close();
  }

  /** Lets days pass, then compacts. The newest segment is left alone, and with it what is near. */
  async compact(options: Partial<CompactRoleOptions> = {}): Promise<CompactedRole> {
    this.nowMs += 2 * DAY_MS;
    // The clock by which records are dated stands nearly still.
    const timestamp = moment(Math.floor((this.nowMs - START_MS) / 1000));
    await this.submit(record(ALICE, { timestamp, nonce: nonce(9) }));
    const { log, directory } = this.worker;
    return compactRole({
      store: this.servers.store,
      role: 'outbox',
      prefix: `${this.cluster.name}/`,
      joinsPrefix: `${this.cluster.name}-joins/`,
      index: this.worker.index as RedisRecordIndex,
      log,
      directory,
      removed: this.removed,
      clock: { now: () => this.nowMs },
      graceMs: DAY_MS,
      ...options,
    });
  }

  /** @param lanes 1: what is met when does not change from run to run */
  async rebuild(lanes = 4): Promise<void> {
    const { index, log, directory } = this.worker;
    const { removed } = this;
    await rebuildIndex({ index, log, directory, removed, isFresh: true, lanes });
    directory.forgetAll();
  }

  /** What is found, and whether it can be read: IDs, in order. */
  async visible(): Promise<string[]> {
    const { index, log } = this.worker;
    const entries = await index.scan({ path: 'all' }, { limit: 100_000 });
    const read = await log.read(entries.map(({ location }) => location));
    return read.map((entry) => `${hexEncode(entry.record.id)} ${entry.held} ${entry.receivedAt}`);
  }

  async close(): Promise<void> {
    await this.cluster.close();
    await this.registry.close();
  }
}
