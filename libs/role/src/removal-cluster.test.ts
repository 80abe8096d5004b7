/** Removed records where many workers share a log and an index, on real servers. */
import { buildFilter, type RecordView } from '@mosaic-cluster/protocol';
import { openRedisRegistry, type Registry } from '@mosaic-cluster/store';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ClusterRoles, ClusterServers, type ClusterWorker } from '../testing/cluster-roles.ts';
import { moment, person, record } from '../testing/people.ts';
import { idOf } from '../testing/test-roles.ts';
import {
  RemovalFollower,
  RemovedRecords,
  rebuildIndex,
  removedRecords,
  RestoredRecords,
  restoreRecords,
  restoredRecords,
} from './index.ts';

const ALICE = person(0);
const BY_ALICE = buildFilter([{ name: 'authors', keys: [ALICE.key] }]);
/** Real servers take their time on a busy machine. */
const SOON = { timeout: 30_000 } as const;

interface Member {
  readonly worker: ClusterWorker;
  readonly registry: Registry;
  readonly removed: RemovedRecords;
  readonly follower: RemovalFollower;
}

let servers: ClusterServers;
let cluster: ClusterRoles;
const members: Member[] = [];
beforeAll(async () => {
  servers = await ClusterServers.start();
  cluster = servers.cluster();
  members.push(await member(), await member());
}, 120_000);
afterAll(async () => {
  for (const { follower, registry } of members) {
    await follower.close();
    await registry.close();
  }
  await cluster.close();
  await servers.stop();
});

/** A worker with all that a process of its own has. */
async function member(): Promise<Member> {
  let follower: RemovalFollower | undefined = undefined as RemovalFollower | undefined;
  const { connection } = await cluster.view();
  const registry = await openRedisRegistry({
    connection,
    store: servers.store,
    newsGroup: 'outbox',
    onNews: (news) => {
      void follower?.followUp(removedRecords(news));
      void follower?.putBack(restoredRecords(news, 'outbox'));
    },
  });
  const removed = new RemovedRecords(registry, 'outbox');
  const restored = new RestoredRecords(registry, 'outbox');
  const worker = await cluster.worker({ removed });
  const { index, log, directory } = worker;
  follower = new RemovalFollower({ index, log, directory, removed, restored });
  await follower.start();
  return { worker, registry, removed, follower };
}

it('are gone at every worker, whoever removes them, and stay so', SOON, async () => {
  const [first, second] = members as [Member, Member];
  const [good, bad, late] = [1, 2, 3].map((n) => record(ALICE, { timestamp: moment(n) })) as [
    RecordView,
    RecordView,
    RecordView,
  ];
  expect(await first.worker.submit(good, bad)).toEqual(['ACCEPTED', 'ACCEPTED']);
  const [found] = await first.worker.index.lookup([bad.id]);
  await second.removed.remove([bad.id, late.id]);
  const seen = [first, second].map(
    ({ worker }) =>
      () =>
        worker.query(BY_ALICE),
  );
  for (const query of seen) await expect.poll(query, SOON).toEqual([idOf(good)]);
  for (const { removed } of [first, second]) {
    // One that does not know yet would take them once more, until its follower looks again.
    const isKnown = async (): Promise<unknown> => removed.areRemoved([bad.id, late.id]);
    await expect.poll(isKnown, SOON).toEqual([true, true]);
  }
  for (const { worker } of [first, second]) {
    const answers = await worker.submit(bad, late, good);
    expect(answers).toEqual(['UNAUTHORIZED', 'UNAUTHORIZED', 'DUPLICATE']);
  }
  const { index, log, directory } = first.worker;
  const { removed } = first;
  const rebuilt = await rebuildIndex({ index, log, directory, removed, isFresh: true });
  expect(rebuilt?.records).toBeGreaterThanOrEqual(2);
  for (const query of seen) expect(await query()).toEqual([idOf(good)]);
  const places = [{ role: 'outbox', location: Uint8Array.from(found!.location) }];
  await restoreRecords(second.registry, [{ id: bad.id, places }]);
  for (const query of seen) await expect.poll(query, SOON).toEqual([idOf(bad), idOf(good)]);
  const isDone = async (): Promise<number> => {
    const { restorations } = await new RestoredRecords(first.registry, 'outbox').list();
    return restorations.length;
  };
  await expect.poll(isDone, SOON).toBe(0);
  for (const { worker } of [first, second]) {
    // Whoever has not heard of it yet refuses it for a moment more.
    await expect.poll(() => worker.submit(bad), SOON).toEqual(['DUPLICATE']);
  }
});
