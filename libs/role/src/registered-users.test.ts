/** Registered users: kept with their notes, and asked for by those who serve. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import type { PublicKey } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { intercept } from '../testing/intercept.ts';
import { person } from '../testing/people.ts';
import { RegisteredUsers, type ServedUsers, servedUsers, USERS_COLLECTION } from './index.ts';

const [ALICE, BOB, CAROL] = [person(0).key, person(1).key, person(2).key];

let folder: string;
let store: ObjectStore;
let registry: Registry;
let users: RegisteredUsers;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-users-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({ store });
  users = new RegisteredUsers(registry);
});
afterEach(async () => {
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

describe('registered users', () => {
  it('are kept with who added them and why', async () => {
    await users.add([{ key: ALICE, note: 'Ålice, from work', addedBy: 'bö' }, { key: BOB }]);
    expect(await users.find([ALICE, CAROL, BOB])).toMatchObject([
      { note: 'Ålice, from work', addedBy: 'bö' },
      undefined,
      { note: '', addedBy: '' },
    ]);
    await users.add([{ key: BOB, note: 'again' }]);
    await users.remove([ALICE, CAROL]);
    const { users: listed, hasMore } = await users.list();
    expect(listed).toMatchObject([{ key: Uint8Array.from(BOB), note: 'again' }]);
    expect(hasMore).toBe(false);
    expect((await users.list(BOB)).users).toEqual([]);
  });

  it('have notes of a bounded length', () => {
    const refused = expect.objectContaining({ kind: 'invalid', code: 'user' });
    expect(() => users.add([{ key: ALICE, note: 'ö'.repeat(513) }])).toThrow(refused);
    expect(() => users.add([{ key: ALICE, addedBy: 'x'.repeat(256) }])).toThrow(refused);
  });

  it('are registered whatever a newer version wrote of them', async () => {
    const value = Uint8Array.of(9, 9, 9);
    await registry.change([{ collection: USERS_COLLECTION, key: ALICE, value }]);
    expect(await users.find([ALICE])).toMatchObject([{ note: '' }]);
  });
});

function answers(
  served: ServedUsers,
  question: keyof ServedUsers,
  ...keys: readonly PublicKey[]
): Promise<boolean[]> {
  return Promise.all(keys.map(async (key) => served[question](key)));
}

describe('served users', () => {
  it('are the registered ones, and those that a setting names', async () => {
    const served = servedUsers({ admission: 'registered', registry, always: [CAROL] });
    await users.add([{ key: ALICE }]);
    expect(await answers(served, 'serves', ALICE, BOB, CAROL)).toEqual([true, false, true]);
    expect(await answers(served, 'knows', ALICE, BOB, CAROL)).toEqual([true, false, true]);
    await users.remove([ALICE, CAROL]);
    expect(await answers(served, 'serves', ALICE, CAROL)).toEqual([false, true]);
  });

  it('are all where everybody is welcome, though not everybody is known', async () => {
    const served = servedUsers({ admission: 'open', registry });
    await users.add([{ key: ALICE }]);
    expect(await served.serves(BOB)).toBe(true);
    expect(await answers(served, 'knows', ALICE, BOB)).toEqual([true, false]);
  });

  it('are asked for where the registry does not remember, and fail as it does', async () => {
    const asked: string[] = [];
    const forgetful = intercept(registry, {
      peek: () => undefined,
      get: async (collection: string, keys: readonly Uint8Array[]) => {
        asked.push(collection);
        return registry.get(collection, keys);
      },
    });
    await users.add([{ key: ALICE }]);
    const served = servedUsers({ admission: 'registered', registry: forgetful });
    expect(await answers(served, 'serves', ALICE, BOB)).toEqual([true, false]);
    expect(asked).toEqual(['users', 'users']);
    await registry.close();
    await expect(served.serves(ALICE)).rejects.toMatchObject({ code: 'registry-closed' });
  });
});
