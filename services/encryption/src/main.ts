/** Starts an encryption worker. */
import { runService } from '@mosaic-cluster/cluster';
import { startWorker } from '@mosaic-cluster/cluster/worker';
import { readEncryptionConfig, settings } from './config.ts';
import { encryptionPolicy } from './policy.ts';

await runService({
  name: 'encryption',
  about: 'a worker that keeps private records and serves them to their readers only.',
  settings,
  readConfig: readEncryptionConfig,
  start: (config, service) =>
    startWorker({ role: 'encryption', policy: () => encryptionPolicy }, config, service),
});
