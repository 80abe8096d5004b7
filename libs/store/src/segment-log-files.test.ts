/** The contract on files. */
import { afterAll } from 'vitest';
import { describeSegmentLog } from './segment-log-contract.ts';
import { openSegmentLog } from './segment-log-files.ts';
import { TestFolders } from './segment-log-fixture.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

describeSegmentLog({
  name: 'segment log on files',
  place: async () => {
    const directory = await folders.next();
    return {
      open: (options = {}) =>
        openSegmentLog({ directory, role: 'outbox', freeBytesMin: 0, ...options }),
      remove: async () => undefined,
    };
  },
});
