/** The registry in memory, over objects in a folder. */
import { afterAll } from 'vitest';
import { openFileObjectStore } from './object-store-files.ts';
import { describeRegistry } from './registry-contract.ts';
import { openMemoryRegistry } from './registry-memory.ts';
import { TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

describeRegistry({
  name: 'in memory',
  runs: 25,
  place: async () => {
    const directory = await folders.next();
    const store = await openFileObjectStore({ directory });
    return {
      store,
      open: (options = {}) => openMemoryRegistry({ store, pollMs: 50, ...options }),
      forget: async () => {},
    };
  },
});
