/** Starts an inbox worker. */
import { runService } from '@mosaic-cluster/cluster';
import { startWorker } from '@mosaic-cluster/cluster/worker';
import { settingTexts } from '@mosaic-cluster/runtime';
import { readInboxConfig, settings } from './config.ts';
import { inboxPolicy } from './policy.ts';

await runService({
  name: 'inbox',
  about: 'a worker that keeps what others send to users, held for a moderator where asked.',
  settings,
  readConfig: readInboxConfig,
  start: (config, service) =>
    startWorker(
      {
        role: 'inbox',
        policy: (decisions) => inboxPolicy(config.moderation, decisions),
        isModerated: true,
        rules: settingTexts({ moderation: settings.moderation }, config),
      },
      config,
      service,
    ),
});
