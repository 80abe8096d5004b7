/** Removed records: kept with the reason, and looked up by those who judge submissions. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reference } from '@mosaic-cluster/protocol';
import {
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { intercept } from '../testing/intercept.ts';
import { moment, person, record } from '../testing/people.ts';
import { REMOVED_COLLECTION, RemovedRecords, removedRecords } from './index.ts';

const ALICE = person(0);
/** In the order of their IDs, which begin with their time. */
const [FIRST, SECOND, THIRD] = [1, 2, 3].map((n) => record(ALICE, { timestamp: moment(n) }).id) as [
  Reference,
  Reference,
  Reference,
];

let folder: string;
let store: ObjectStore;
let registry: Registry;
let removed: RemovedRecords;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-removed-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({ store });
  removed = new RemovedRecords(registry);
});
afterEach(async () => {
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

describe('removed records', () => {
  it('are kept with who removed them and why, and listed by ID', async () => {
    await removed.remove([THIRD, FIRST], { removedBy: 'bö', reason: 'a cöurt said so' });
    expect(await removed.find([FIRST, SECOND])).toMatchObject([
      { removedBy: 'bö', reason: 'a cöurt said so' },
      undefined,
    ]);
    expect(await removed.areRemoved([FIRST, SECOND, THIRD])).toEqual([true, false, true]);
    const page = await removed.list(undefined, 1);
    expect(page).toMatchObject({ removals: [{ id: Uint8Array.from(FIRST) }], hasMore: true });
    const rest = await removed.list(FIRST, 1);
    expect(rest).toMatchObject({ removals: [{ id: Uint8Array.from(THIRD) }], hasMore: false });
  });

  it('are asked for together where they are not in memory', async () => {
    await removed.remove([SECOND]);
    const asked: number[] = [];
    const forgetful = new RemovedRecords(
      intercept(registry, {
        peek: (collection, key) =>
          Buffer.compare(key, FIRST) === 0 ? registry.peek(collection, key) : undefined,
        get: (collection, keys) => {
          asked.push(keys.length);
          return registry.get(collection, keys);
        },
      }),
    );
    const many = Array.from({ length: 1000 }, () => THIRD);
    const answers = await forgetful.areRemoved([FIRST, SECOND, THIRD, ...many]);
    expect(answers).toEqual([false, true, false, ...many.map(() => false)]);
    expect(asked).toEqual([1000, 2]);
  });

  it('are removed whatever a newer version wrote of them', async () => {
    const value = Uint8Array.of(9, 9, 9);
    await registry.change([{ collection: REMOVED_COLLECTION, key: FIRST, value }]);
    expect(await removed.areRemoved([FIRST])).toEqual([true]);
    expect(await removed.find([FIRST])).toMatchObject([{ reason: '' }]);
  });

  it('are named by IDs, with notes of a bounded length', () => {
    const refused = expect.objectContaining({ kind: 'invalid', code: 'removal' });
    expect(() => removed.remove([record(ALICE).address])).toThrow(refused);
    expect(() => removed.remove([FIRST.subarray(1)])).toThrow(refused);
    expect(() => removed.remove([FIRST], { reason: 'ö'.repeat(513) })).toThrow(refused);
    expect(() => removed.remove([FIRST], { removedBy: 'x'.repeat(256) })).toThrow(refused);
  });

  it('are told apart from other news', () => {
    const value = Uint8Array.of(1, 0);
    expect(
      removedRecords([
        { collection: REMOVED_COLLECTION, key: FIRST, value },
        { collection: REMOVED_COLLECTION, key: SECOND, value: undefined },
        { collection: 'users', key: THIRD, value },
      ]),
    ).toEqual([FIRST]);
  });
});
