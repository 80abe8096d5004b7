/** Compaction as an operator sees it, on real servers: what is found is the same as without it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import {
  openMemoryRegistry,
  type ObjectStore,
  type RedisRecordIndex,
  type Registry,
  withKeyPrefix,
} from '@mosaic-cluster/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assortment } from '../../testing/assortment.ts';
import {
  type ClusterRoles,
  ClusterServers,
  type ClusterWorker,
  recordsOf,
} from '../../testing/cluster-roles.ts';
import { kind, moment, nonce, person, record, schedule } from '../../testing/people.ts';
import { idOf } from '../../testing/test-roles.ts';
import { rebuildIndex } from '../rebuild.ts';
import { RemovalFollower } from '../removal-follower.ts';
import { RemovedRecords } from '../removed-records.ts';
import { type CompactedRole, compactRole, type CompactRoleOptions } from './compact-role.ts';

const START_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ALICE = person(0);
const SUBKEY = person(10);
const REPLACEABLE = kind({ duplicateHandling: 'replaceable' });
const ADDRESS = { kind: REPLACEABLE, nonce: nonce(1) };
/** Real servers take their time on a busy machine. */
const PATIENT = { timeout: 120_000 } as const;

let servers: ClusterServers;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-compaction-'));
  servers = await ClusterServers.start(folder);
}, 120_000);
afterAll(async () => {
  await servers.stop();
  await rm(folder, { recursive: true });
});

/** A cluster with one worker, whose time passes when a test says so. */
class Operated {
  readonly cluster: ClusterRoles = servers.cluster();
  readonly registry: Registry;
  readonly removed: RemovedRecords;
  worker!: ClusterWorker;
  nowMs: number = START_MS;

  private constructor(registry: Registry) {
    this.registry = registry;
    this.removed = new RemovedRecords(registry, 'outbox');
    this.cluster.clock = { now: () => this.nowMs };
  }

  static async start(): Promise<Operated> {
    const store = withKeyPrefix(servers.store, `registry-${Math.random().toString(16).slice(2)}/`);
    let now = (): number => START_MS;
    const operated = new Operated(await openMemoryRegistry({ store, now: () => now() }));
    now = () => operated.nowMs;
    const { removed } = operated;
    operated.worker = await operated.cluster.worker({ removed, keeper: { reindex: 'off' } });
    return operated;
  }

  async submit(...records: RecordView[]): Promise<void> {
    for (const each of records) {
      expect(await this.worker.submit(each)).not.toContain('INVALID');
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
      store: servers.store,
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

/** Numbers that are the same for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}

describe('a role that is compacted', PATIENT, () => {
  it.each([1, 2, 3])('finds the same as one that is not, case %d', async (seed) => {
    const roll = dice(seed * 7_919);
    const [one, other] = [await Operated.start(), await Operated.start()];
    let sent = 0;
    for (let step = 0; step < 40; step++) {
      const what = roll(10);
      const number = 1 + roll(6);
      const crashAfter = roll(60);
      for (const each of [one, other]) {
        if (what < 6) await each.submit(...assortment(number, sent));
        else if (what === 6) {
          const [gone] = assortment(1, Math.max(0, sent - number));
          await each.remove(gone!);
        } else {
          // The other waits as long, and is sent the same.
          const isOther = each === other;
          const work = each.compact(
            isOther ? { isDryRun: true } : what === 7 ? { store: dyingAfter(crashAfter) } : {},
          );
          await work.catch((error: unknown) => expect(String(error)).toContain('crashed'));
        }
      }
      if (what < 6) sent += number;
      expect(await one.visible()).toEqual(await other.visible());
    }
    await servers.redis.command('FLUSHALL');
    await one.rebuild();
    await other.rebuild();
    const visible = await other.visible();
    expect(await one.visible()).toEqual(visible);
    // Not because nothing happened.
    expect(visible.length).toBeGreaterThan(40);
    // Once the parts are gone, what was left out is; what is joined on the way has its parts beside it.
    await one.compact({ bounds: { keepMs: 0 } });
    await one.compact({ bounds: { keepMs: 0, sourcesMin: 1000 } });
    const kept = new Set((await recordsOf(one.worker.log)).map(idOf));
    const all = new Set((await recordsOf(other.worker.log)).map(idOf));
    expect([...kept].filter((id) => !all.has(id))).toHaveLength(2);
    expect(kept.size).toBeLessThan(all.size);
    expect(await one.visible()).toHaveLength(visible.length + 2);
    await one.close();
    await other.close();
  });

  it('keeps what a revocation, an operator or time may still want', async () => {
    const role = await Operated.start();
    const active = schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
    const revoked = schedule(ALICE, moment(2), [
      { subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n },
    ]);
    const mine = record(ALICE, { ...ADDRESS, timestamp: moment(10) });
    const stolen = record(ALICE, { ...ADDRESS, timestamp: moment(20), signer: SUBKEY });
    const removed = record(ALICE, { timestamp: moment(30) });
    const plain = record(ALICE, { timestamp: moment(40) });
    await role.submit(active, mine, stolen, removed, plain, revoked);
    await role.remove(removed);
    const ids = async (): Promise<string[]> => (await recordsOf(role.worker.log)).map(idOf);
    // The removal is two days old by now, and kept for three.
    const first = await role.compact({ graceMs: 3 * DAY_MS });
    expect(first).toMatchObject({ runs: 1, joined: 6, leftOut: { removed: 0, replaced: 1 } });
    await role.compact({ sweep: 'never' });
    const held = await ids();
    // The revoked schedule replaced the one before. What the stolen key replaced is not dropped.
    expect(held).not.toContain(idOf(active));
    for (const each of [mine, stolen, removed, plain, revoked]) expect(held).toContain(idOf(each));
    // Old enough: a sweep takes the removed one out of the joined segment, and it is gone a day later.
    expect(await role.compact()).toMatchObject({ isSwept: true, leftOut: { removed: 1 } });
    expect(await role.compact()).toMatchObject({ isSwept: false });
    expect(await ids()).not.toContain(idOf(removed));
    await role.close();
  });

  it.each([
    ['what is valid is not lost to what a stolen key had signed', false],
    ['what a stolen key replaced stays replaced', true],
  ])('is the same after a rebuild while its parts are there: %s', async (_, isReplaced) => {
    const role = await Operated.start();
    const active = schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
    const revoked = schedule(ALICE, moment(2), [
      { subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n },
    ]);
    const mine = record(ALICE, { ...ADDRESS, timestamp: moment(10) });
    const stolen = record(ALICE, { ...ADDRESS, timestamp: moment(20), signer: SUBKEY });
    const removed = record(ALICE, { timestamp: moment(30) });
    const last = isReplaced ? stolen : mine;
    await role.submit(active, isReplaced ? mine : stolen);
    if (!isReplaced) await role.submit(revoked);
    // Of this segment something is left out, so it is read beside the joined one.
    await role.worker.submit(last, removed);
    role.nowMs += 5;
    if (isReplaced) await role.submit(revoked);
    await role.submit(record(ALICE, { timestamp: moment(40) }));
    await role.remove(removed);
    expect(await role.compact()).toMatchObject({ leftOut: { removed: 1 } });
    const visible = await role.visible();
    expect(visible.some((each) => each.startsWith(idOf(last)))).toBe(true);
    await servers.redis.command('FLUSHALL');
    await role.rebuild(1);
    expect(await role.visible()).toEqual(visible);
    await role.close();
  });

  it('keeps what was removed until a worker has taken it out of the index', async () => {
    const role = await Operated.start();
    const records = assortment(10);
    await role.submit(...records);
    const visible = await role.visible();
    const gone = records.find((each) => visible.some((line) => line.startsWith(idOf(each))))!;
    await role.removeUnnoticed(gone);
    const now = { graceMs: 0, bounds: { keepMs: 0 } };
    role.nowMs += 2 * DAY_MS;
    expect(await role.compact(now)).toMatchObject({ leftOut: { removed: 0 } });
    await role.compact(now);
    // It is found and can be read, or whoever asks for its neighbours would get an error.
    expect(await role.visible()).toHaveLength(visible.length + 2);
    await role.takeOut(gone);
    expect(await role.visible()).toHaveLength(visible.length + 1);
    expect(await role.compact({ ...now, sweep: 'always' })).toMatchObject({
      leftOut: { removed: 1 },
    });
    await role.close();
  });

  it('is left alone while somebody else makes its index anew or compacts', async () => {
    const role = await Operated.start();
    await role.submit(...assortment(10));
    const index = role.worker.index as RedisRecordIndex;
    const claim = await index.claimRebuild({ owner: 'somebody', leaseMs: 60_000 });
    await expect(role.compact()).rejects.toMatchObject({ code: 'index-claimed' });
    await claim!.release();
    expect(await role.compact()).toMatchObject({ runs: 1 });
    // The claim was given back.
    expect(await index.claimRebuild({ owner: 'another', leaseMs: 1 })).toBeDefined();
    await role.close();
  });
});

/** The store, for a process that dies after some calls. */
function dyingAfter(calls: number): ObjectStore {
  const { store } = servers;
  let left = calls;
  const call = <T>(run: () => Promise<T>): Promise<T> =>
    left-- > 0 ? run() : Promise.reject(new Error('crashed'));
  return {
    name: store.name,
    put: (...args) => call(() => store.put(...args)),
    get: (...args) => call(() => store.get(...args)),
    head: (...args) => call(() => store.head(...args)),
    list: (...args) => call(() => store.list(...args)),
    delete: (...args) => call(() => store.delete(...args)),
    selfTest: () => store.selfTest(),
    close: () => store.close(),
  };
}
