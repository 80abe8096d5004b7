/** What `mosaic-admin` takes from its environment, so that nothing else reads it. */
import { loadConfigFile, readConfig } from '@mosaic-cluster/runtime';

/** The server's own settings that say where its data is. */
const settings = {
  dataDir: {
    name: 'MOSAIC_DATA_DIR',
    type: 'string',
    default: './data',
    doc: 'The folder that holds everything of the embedded server.',
  },
} as const;

/** The environment's say in a run. */
export interface AdminSettings {
  /** Of the embedded server. */
  readonly dataDir: string;
}

/**
 * Reads the settings, from the environment and from the file that `MOSAIC_CONFIG_FILE` names. Other
 * names are the server's and its business.
 *
 * @throws ConfigError
 */
export function readAdminSettings(): AdminSettings {
  const { env } = process;
  const text = loadConfigFile(env);
  const named = (text ?? '').matchAll(/^\s*(MOSAIC_[A-Z0-9_]+)\s*=/gm);
  const alsoKnown = [
    ...Object.keys(env).filter((name) => name.startsWith('MOSAIC_')),
    ...Array.from(named, ([, name]) => name!),
  ];
  return readConfig(settings, env, text, { alsoKnown });
}
