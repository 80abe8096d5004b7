// Gives the environment of each rendered container to the parser of the service that runs in it: what the
// chart says must be what the service takes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../libs/runtime/dist/config.js';
import { settings as encryption } from '../../services/encryption/dist/config.js';
import { settings as gateway } from '../../services/gateway/dist/config.js';
import { settings as inbox } from '../../services/inbox/dist/config.js';
import { settings as outbox } from '../../services/outbox/dist/config.js';
import { podsIn } from './chart-expectations.mjs';

const TABLES = { gateway, outbox, inbox, encryption };

/** What services would say against the environments in `objects`, in sentences. */
export function settingsProblems(objects) {
  const folder = mkdtempSync(join(tmpdir(), 'mosaic-settings-'));
  const secret = join(folder, 'secret');
  // As long as an index secret must be; addresses may stand in a file too.
  writeFileSync(secret, 'redis://redis:6379/0123456789');
  try {
    return podsIn(objects).flatMap(({ name, pod }) => {
      const [{ args, env = [] }] = pod.containers;
      const table = TABLES[args?.[0]];
      if (table === undefined) return [];
      const valueOf = ({ name: setting, value }) => (setting.endsWith('_FILE') ? secret : value);
      const said = env.filter(({ name: setting }) => setting.startsWith('MOSAIC_'));
      const environment = Object.fromEntries(said.map((one) => [one.name, valueOf(one) ?? 'x']));
      try {
        readConfig(table, environment, undefined);
        return [];
      } catch (error) {
        return [`${name}: ${error.message}`];
      }
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
