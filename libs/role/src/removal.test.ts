/** Removed records, on real storage: gone for everybody, and nothing brings them back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildFilter, parseRecord, type RecordView } from '@mosaic-cluster/protocol';
import {
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
import { RemovalFollower, type RemovalFollowerOptions, RemovedRecords } from './index.ts';

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
  removed = new RemovedRecords(registry);
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
  return new RemovalFollower({ index, log, directory: roles.directory, removed, ...options });
}

async function remove(...records: readonly RecordView[]): Promise<void> {
  const ids = records.map(({ id }) => id);
  await removed.remove(ids);
  await follower.followUp(ids);
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

  it('makes room at its address, for older ones too', async () => {
    await roles.submit('outbox', [version(3)]);
    await remove(version(3));
    expect(await roles.submit('outbox', [version(2)])).toEqual(['ACCEPTED']);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(version(2))]);
  });

  it('leaves the version before it to be found once the index is made anew', async () => {
    await roles.submit('outbox', [version(1)]);
    await roles.submit('outbox', [version(2)]);
    await remove(version(2));
    expect(await roles.query('outbox', BY_ALICE)).toEqual([]);
    await roles.restart(true);
    expect(await roles.query('outbox', BY_ALICE)).toEqual([idOf(version(1))]);
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
    follower = follow({ settleMs: 1, removed: { list } });
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
});
