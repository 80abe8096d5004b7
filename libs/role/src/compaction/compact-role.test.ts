/** Compaction as an operator sees it, on real servers: what is found is the same as without it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectStore, RedisRecordIndex } from '@mosaic-cluster/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assortment } from '../../testing/assortment.ts';
import { ClusterServers, recordsOf } from '../../testing/cluster-roles.ts';
import { Operated } from '../../testing/operated-role.ts';
import { kind, moment, nonce, person, record, schedule } from '../../testing/people.ts';
import { idOf } from '../../testing/test-roles.ts';

const DAY_MS = 86_400_000;
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

/** Numbers that are the same for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}

describe('a role that is compacted', PATIENT, () => {
  it.each([1])('finds the same as one that is not, case %d', async (seed) => {
    const roll = dice(seed * 7_919);
    const [one, other] = [await Operated.start(servers), await Operated.start(servers)];
    let sent = 0;
    for (let step = 0; step < 32; step++) {
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
    const role = await Operated.start(servers);
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
    const role = await Operated.start(servers);
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
    const role = await Operated.start(servers);
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

  it('sweeps again what it could not sweep while its parts were there', async () => {
    const role = await Operated.start(servers);
    // When a sweep was is told by the clock of the store.
    role.nowMs = Date.now() + 30 * DAY_MS;
    const records = assortment(10);
    await role.submit(...records);
    await role.remove(records[0]!);
    expect(await role.compact({ graceMs: 1000 * DAY_MS, sweep: 'never' })).toMatchObject({
      runs: 1,
    });
    const soon = await role.compact({ bounds: { keepMs: 10 * DAY_MS } });
    expect(soon).toMatchObject({ isSwept: true, leftOut: { removed: 0 } });
    expect(await role.compact({ bounds: { keepMs: 0 } })).toMatchObject({
      isSwept: true,
      leftOut: { removed: 1 },
    });
    await role.close();
  });

  it('is left alone while somebody else makes its index anew or compacts', async () => {
    const role = await Operated.start(servers);
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
