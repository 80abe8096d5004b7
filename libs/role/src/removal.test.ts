/** Removed records, on real storage: gone for everybody, and nothing brings them back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildFilter, MosaicError, parseRecord, type RecordView } from '@mosaic-cluster/protocol';
import {
  type Location,
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
  type RecordIndex,
} from '@mosaic-cluster/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { intercept } from '../testing/intercept.ts';
import { kind, moment, nonce, notify, person, record, schedule } from '../testing/people.ts';
import { idOf, TestRoles } from '../testing/test-roles.ts';
import {
  type NewRemoval,
  rebuildIndex,
  type RecordPlace,
  RemovalFollower,
  type RemovalFollowerOptions,
  RemovedRecords,
  RestoredRecords,
  restoreRecords,
} from './index.ts';

const ALICE = person(0);
const BOB = person(1);
const SUBKEY = person(10);
const BY_ALICE = buildFilter([{ name: 'authors', keys: [ALICE.key] }]);
const REPLACEABLE = kind({ duplicateHandling: 'replaceable' });

let folder: string;
let store: ObjectStore;
let registry: Registry;
let removed: RemovedRecords;
let roles: TestRoles;
let follower: RemovalFollower;
let wrapIndex = (index: RecordIndex): RecordIndex => index;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-removal-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({ store });
  removed = new RemovedRecords(registry, 'outbox');
  wrapIndex = (index) => index;
  roles = await TestRoles.open({ deps: { removed }, wrapIndex: (index) => wrapIndex(index) });
  follower = follow();
});
afterEach(async () => {
  await follower.close();
  await roles.close();
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

function follow(options: Partial<RemovalFollowerOptions> = {}, role = 'outbox'): RemovalFollower {
  const { index, log } = roles.role(role as 'outbox');
  const restored = new RestoredRecords(registry, role);
  const { directory } = roles;
  return new RemovalFollower({ index, log, directory, removed, restored, ...options });
}

/** As a command does that has found them. */
async function remove(...records: readonly RecordView[]): Promise<void> {
  const removals = await Promise.all(
    records.map(async (each) => {
      const [found] = await roles.role('outbox').index.lookup([each.id]);
      return { ...named(each), places: found === undefined ? [] : [placeAt(found.location)] };
    }),
  );
  await removed.removeFound(removals);
  await follower.followUp(records.map(({ id }) => id));
}

/** As a command does that knows where it lies. */
async function restore(each: RecordView, location: Location): Promise<void> {
  await restoreRecords(registry, [{ ...named(each), places: [placeAt(location)] }]);
}

function placeAt(location: Location): RecordPlace {
  return { role: 'outbox', location };
}

function named({ id, address, duplicateHandling }: RecordView): NewRemoval {
  return duplicateHandling === 'replaceable' ? { id, address } : { id };
}

async function locationOf(entry: RecordView): Promise<Location> {
  const [found] = await roles.role('outbox').index.lookup([entry.id]);
  return Uint8Array.from(found!.location);
}

function numbered(n: number): RecordView {
  return record(ALICE, { timestamp: moment(n) });
}

function version(n: number): RecordView {
  return record(ALICE, { timestamp: moment(n), kind: REPLACEABLE, nonce: nonce(1) });
}

describe('a removed record', () => {
  it('is found no more, by query or by reference, and refused when it comes again', async () => {
    const [good, bad] = [numbered(1), numbered(2)];
    await roles.submit('outbox', [good, bad]);
    await remove(bad);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(good)]);
    expect(await roles.get('outbox', [bad.id, good.id])).toEqual([idOf(good)]);
    expect(await roles.get('outbox', [bad.address])).toEqual([idOf(good)]);
    expect(await roles.submit('outbox', [bad, good])).toEqual(['UNAUTHORIZED', 'DUPLICATE']);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(good)]);
  });

  it('is refused before the index has forgotten it, and before it ever arrives', async () => {
    const [held, coming] = [numbered(1), numbered(2)];
    await roles.submit('outbox', [held]);
    await removed.remove([held.id, coming.id]);
    const { end } = roles.role('outbox').log;
    expect(await roles.submit('outbox', [held, coming])).toEqual(['UNAUTHORIZED', 'UNAUTHORIZED']);
    expect(roles.role('outbox').log.end).toEqual(end);
    expect(roles.live).toHaveLength(1);
  });

  it('is refused in the words of the role, and what only claims its ID as ever', async () => {
    const secret = record(ALICE, {
      kind: kind({ audience: 'author-and-tagged' }),
      tags: [notify(BOB)],
    });
    const forged = Uint8Array.from(secret.bytes);
    forged.fill(1, forged.length - 32);
    const submitForged = () => roles.submit('encryption', [parseRecord(forged)]);
    const before = await submitForged();
    await roles.submit('encryption', [secret]);
    await removed.remove([secret.id]);
    await follow({}, 'encryption').start();
    expect(await roles.get('encryption', [secret.id], BOB.key)).toEqual([]);
    expect(await submitForged()).toEqual(before);
    expect(await roles.submit('encryption', [secret])).toEqual(['UNAUTHORIZED']);
  });

  it('reaches no subscriber where it is ephemeral', async () => {
    roles.reached = 1;
    const passing = record(ALICE, { kind: kind({ duplicateHandling: 'ephemeral' }) });
    await removed.remove([passing.id]);
    expect(await roles.submit('outbox', [passing])).toEqual(['UNAUTHORIZED']);
    expect(roles.live).toEqual([]);
  });

  it('stays gone when the index is made anew', async () => {
    const [good, bad] = [numbered(1), numbered(2)];
    await roles.submit('outbox', [good, bad]);
    await remove(bad);
    await roles.restart(true);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(good)]);
    expect(await roles.submit('outbox', [bad])).toEqual(['UNAUTHORIZED']);
    await roles.restart(false);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(good)]);
  });

  describe('that is replaceable', () => {
    it('makes room at its address for newer ones, and not for what it replaced or might have', async () => {
      await roles.submit('outbox', [version(1)]);
      await roles.submit('outbox', [version(3)]);
      await remove(version(3));
      // As before: nobody learns that the newer one is gone.
      expect(await roles.submit('outbox', [version(2), version(1)])).toEqual([
        'ACCEPTED',
        'ACCEPTED',
      ]);
      expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
      const { end } = roles.role('outbox').log;
      await roles.submit('outbox', [version(1)]);
      expect(roles.role('outbox').log.end).toEqual(end);
      expect(await roles.submit('outbox', [version(4)])).toEqual(['ACCEPTED']);
      expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(version(4))]);
    });

    it('leaves what it replaced to be found by no index that is made anew either', async () => {
      for (const n of [1, 2, 3]) await roles.submit('outbox', [version(n)]);
      await remove(version(3));
      await roles.restart(true);
      expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
      // Nor where its bytes have left the log: the fact alone says so.
      const { index, log, directory } = { ...roles.role('outbox'), directory: roles.directory };
      await rebuildIndex({ index, log, directory, removed, isFresh: true });
      expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
      await roles.submit('outbox', [version(4)]);
      await roles.restart(true);
      expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(version(4))]);
    });

    it('of several versions that are removed the newest counts', async () => {
      await roles.submit('outbox', [version(1)]);
      const places = [placeAt(await locationOf(version(1)))];
      const both = [version(3), version(2)].map((each) => ({ ...named(each), places }));
      await removed.removeFound(both);
      await removed.removeFound([both[1]!]);
      expect(await roles.submit('outbox', [version(2), version(1)])).toEqual([
        'UNAUTHORIZED',
        'DUPLICATE',
      ]);
      await roles.restart(true);
      expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
    });
  });

  it('admits no more keys where it was a key schedule', async () => {
    const listed = schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
    const bySubkey = (n: number): RecordView =>
      record(ALICE, { signer: SUBKEY, timestamp: moment(n) });
    expect(await roles.submit('outbox', [listed, bySubkey(2)])).toEqual(['ACCEPTED', 'ACCEPTED']);
    await remove(listed);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
    expect(await roles.submit('outbox', [bySubkey(3)])).toEqual(['UNAUTHORIZED']);
  });

  it('holds up nobody beside it where it is removed while it is stored', async () => {
    const [good, bad] = [numbered(1), numbered(2)];
    wrapIndex = (real) =>
      intercept(real, {
        lookup: async (ids) => {
          const found = await real.lookup(ids);
          // The moment after the worker asked whether the two are held or removed.
          await removed.remove([bad.id]);
          return found;
        },
      });
    await roles.restart(false);
    const results = await roles.submit('outbox', [good, bad]);
    expect(results).toEqual(['ACCEPTED', 'UNAUTHORIZED']);
    expect(roles.live.map((each) => idOf(each.record))).toEqual([idOf(good)]);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(good)]);
  });
});

describe('who follows what is removed', () => {
  it('takes out everything that was removed while nobody followed', async () => {
    const records = Array.from({ length: 150 }, (_, n) => numbered(n));
    await roles.submit('outbox', records);
    await removed.remove(records.slice(1).map(({ id }) => id));
    await removed.remove([numbered(900).id]);
    await follower.start();
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(records[0]!)]);
  });

  it('looks again: what was removed may have been on its way in', async () => {
    await follower.close();
    let isStored = (): void => {};
    const stored = new Promise<void>((resolve) => (isStored = resolve));
    const list: RemovedRecords['list'] = async (...args) => {
      await stored;
      return removed.list(...args);
    };
    follower = follow({ settleMs: 1, removed: intercept(removed, { list }) });
    const late = numbered(1);
    await remove(late);
    // As a worker does that asked before it was removed.
    const { index, log } = roles.role('outbox');
    const entry = { record: late, receivedAt: roles.now, held: false };
    const { locations } = await log.append([entry]);
    await index.add([{ ...entry, location: locations[0]! }]);
    isStored();
    await expect.poll(() => roles.query('outbox', BY_ALICE)).toEqual([]);
  });

  it('tries again where the index failed, and says so once', async () => {
    const bad = numbered(1);
    await roles.submit('outbox', [bad]);
    await follower.close();
    const { index } = roles.role('outbox');
    const errors: unknown[] = [];
    let failures = 3;
    const failing = intercept(index, {
      remove: async (records) => {
        failures -= 1;
        if (failures >= 0) throw new Error('no room');
        await index.remove(records);
      },
    });
    const onError = (error: unknown): unknown => errors.push(error);
    follower = follow({ index: failing, settleMs: 5, onError });
    await remove(bad);
    await expect.poll(() => roles.query('outbox', BY_ALICE)).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  it('passes over what cannot be read, says so once, and goes on with the others', async () => {
    const records = [1, 2, 3].map(numbered);
    await roles.submit('outbox', records);
    const { log } = roles.role('outbox');
    const damaged = await locationOf(records[1]!);
    let isDamaged = true;
    const failing = intercept(log, {
      read: async (locations) => {
        if (isDamaged && locations.some((each) => Buffer.compare(each, damaged) === 0)) {
          throw new MosaicError('corrupt', 'segment', 'not what was written');
        }
        return log.read(locations);
      },
    });
    await follower.close();
    const told: string[] = [];
    const errors: unknown[] = [];
    follower = follow({
      log: failing,
      settleMs: 1,
      onUnreadable: (id) => told.push(id),
      onError: (error) => errors.push(error),
    });
    await removed.remove(records.map(({ id }) => id));
    await follower.start();
    expect(await roles.role('outbox').index.lookup(records.map(({ id }) => id))).toMatchObject([
      undefined,
      { location: damaged },
      undefined,
    ]);
    expect(told).toEqual([idOf(records[1]!)]);
    expect(errors).toEqual([]);
    expect(follower.unreadable).toBe(1);
    isDamaged = false;
    await follower.followUp([]);
    await expect.poll(() => follower.unreadable).toBe(0);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
    expect(told).toHaveLength(1);
  });
});

describe('a record that is put back', () => {
  const waiting = async (): Promise<number> =>
    (await new RestoredRecords(registry, 'outbox').list()).restorations.length;

  it('is found again, taken as a duplicate, and nothing is left to do', async () => {
    const [good, bad] = [numbered(1), numbered(2)];
    await roles.submit('outbox', [good, bad]);
    const location = await locationOf(bad);
    await remove(bad);
    await restore(bad, location);
    expect(await waiting()).toBe(1);
    await follower.putBack([{ id: bad.id, location }]);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(bad), idOf(good)]);
    expect(await roles.submit('outbox', [bad])).toEqual(['DUPLICATE']);
    expect(await waiting()).toBe(0);
    await roles.restart(true);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(bad), idOf(good)]);
  });

  it('is brought back by who starts later, where nobody served', async () => {
    const bad = numbered(1);
    await roles.submit('outbox', [bad]);
    const location = await locationOf(bad);
    await remove(bad);
    await restore(bad, location);
    await follow({}, 'inbox').start();
    expect(await waiting()).toBe(1);
    await follow().start();
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(bad)]);
    expect(await waiting()).toBe(0);
  });

  it('has its address again, unless a newer version is there', async () => {
    for (const n of [1, 2]) await roles.submit('outbox', [version(n)]);
    const location = await locationOf(version(2));
    await remove(version(2));
    await restore(version(2), location);
    await follower.start();
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(version(2))]);
    await remove(version(2));
    await roles.submit('outbox', [version(3)]);
    await restore(version(2), location);
    await follower.start();
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(version(3))]);
    // A newer one that was removed had replaced it all the same.
    await remove(version(3));
    await remove(version(2));
    await restore(version(2), location);
    await follower.start();
    expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
    expect(await waiting()).toBe(0);
  });

  it('stays gone where it was removed once more, and nothing is left to do', async () => {
    const bad = numbered(1);
    await roles.submit('outbox', [bad]);
    const location = await locationOf(bad);
    await remove(bad);
    await restore(bad, location);
    await removed.remove([bad.id]);
    await follower.start();
    expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
    expect(await waiting()).toBe(0);
  });

  it('waits where its bytes cannot be found, and holds up no other', async () => {
    const [lost, good] = [numbered(1), numbered(2)];
    await roles.submit('outbox', [lost, good]);
    const places = [await locationOf(lost), await locationOf(good)] as const;
    await remove(lost, good);
    // Something else lies there by now.
    await restore(lost, places[1]);
    await restore(good, places[1]);
    await follower.start();
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(good)]);
    expect(await waiting()).toBe(1);
    expect(follower.unreadable).toBe(1);
  });

  it('acts for its author again where it was a key schedule', async () => {
    const listed = schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
    await roles.submit('outbox', [listed]);
    const location = await locationOf(listed);
    await remove(listed);
    const bySubkey = record(ALICE, { signer: SUBKEY, timestamp: moment(3) });
    expect(await roles.submit('outbox', [bySubkey])).toEqual(['UNAUTHORIZED']);
    await restore(listed, location);
    await follower.start();
    expect(await roles.submit('outbox', [bySubkey])).toEqual(['ACCEPTED']);
  });
});
