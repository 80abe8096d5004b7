/** The contract on a folder, and what is particular to one. */
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeObjectStore } from './object-store-contract.ts';
import { openFileObjectStore } from './object-store-files.ts';
import { failureOf, TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

describeObjectStore({
  name: 'object store in a folder',
  place: async () => {
    const directory = await folders.next();
    return (options = {}) => openFileObjectStore({ directory, ...options });
  },
});

describe('the folder', () => {
  it('holds objects under their keys, and nothing else after a write', async () => {
    const directory = await folders.next();
    const store = await openFileObjectStore({ directory });
    await store.put('a/b', Uint8Array.of(1));
    await failureOf(store.put('a/b', Uint8Array.of(2)));
    expect((await readdir(directory, { recursive: true })).toSorted()).toEqual([
      '.new',
      'a',
      'a/b',
    ]);
  });

  it('loses what a crash left unfinished, once it is old', async () => {
    const directory = await folders.next();
    await mkdir(join(directory, '.new'), { recursive: true });
    for (const name of ['old', 'young']) await writeFile(join(directory, '.new', name), 'part');
    await utimes(join(directory, '.new', 'old'), 1, 1);
    const store = await openFileObjectStore({ directory });
    expect(await readdir(join(directory, '.new'))).toEqual(['young']);
    expect((await store.list({ prefix: '' })).objects).toEqual([]);
  });

  it('is named where it cannot be used', async () => {
    const directory = await folders.next();
    await writeFile(directory, 'in the way');
    const error = await failureOf(openFileObjectStore({ directory }));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'store-failed' });
    expect(String(error)).toContain(directory);
  });
});
