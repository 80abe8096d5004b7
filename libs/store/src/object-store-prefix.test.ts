/** The contract on a part of a store, and that nothing of the rest shows or is touched. */
import { afterAll, expect, it } from 'vitest';
import { describeObjectStore } from './object-store-contract.ts';
import { openFileObjectStore } from './object-store-files.ts';
import { withKeyPrefix } from './object-store-prefix.ts';
import { TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

describeObjectStore({
  name: 'object store under a prefix',
  place: async () => {
    const directory = await folders.next();
    return async (options = {}) =>
      withKeyPrefix(await openFileObjectStore({ directory, ...options }), 'a/b/');
  },
});

it('sees and changes only what is under its prefix', async () => {
  const whole = await openFileObjectStore({ directory: await folders.next() });
  const part = withKeyPrefix(whole, 'a/');
  await whole.put('b', Uint8Array.of(1));
  await part.put('b', Uint8Array.of(2));
  await part.delete(['b']);
  expect((await whole.list({ prefix: '' })).objects.map(({ key }) => key)).toEqual(['b']);
  expect(await part.head('b')).toBeUndefined();
});

it('takes no prefix that no key can start with', async () => {
  const whole = await openFileObjectStore({ directory: await folders.next() });
  for (const prefix of ['', '../', 'a//']) expect(() => withKeyPrefix(whole, prefix)).toThrow();
});
