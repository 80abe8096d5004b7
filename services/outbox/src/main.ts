/** Starts an outbox worker. */
import { runService } from '@mosaic-cluster/cluster';
import { startWorker } from '@mosaic-cluster/cluster/worker';
import { readOutboxConfig, settings } from './config.ts';
import { outboxPolicy } from './policy.ts';

await runService({
  name: 'outbox',
  about: 'a worker that keeps what users publish and serves it to everybody.',
  settings,
  readConfig: readOutboxConfig,
  start: (config, service) =>
    startWorker({ role: 'outbox', policy: () => outboxPolicy }, config, service),
});
