import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openIndexEnvironment } from './index-environment.ts';
import { describeRecordIndex } from './record-index-contract.ts';

describeRecordIndex('LMDB', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'record-index-'));
  let environment = await openIndexEnvironment({ directory });
  return {
    index: environment.index('outbox'),
    reopen: async () => {
      await environment.close();
      environment = await openIndexEnvironment({ directory });
      return environment.index('outbox');
    },
    destroy: async () => {
      await environment.close();
      await rm(directory, { recursive: true });
    },
  };
});
