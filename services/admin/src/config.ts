/** What `mosaic-admin` takes from its environment, so that nothing else reads it. */
import { userInfo } from 'node:os';
import { budgetSettings, userProblems } from '@mosaic-cluster/abuse';
import { blaming } from '@mosaic-cluster/client/command';
import {
  type BusConfig,
  busProblems,
  busSettings,
  type StoreConfig,
  storeProblems,
  storeSettings,
} from '@mosaic-cluster/cluster/stores';
import { type AcceptRules, parseAcceptRules } from '@mosaic-cluster/role';
import { ConfigError, loadConfigFile, readConfig } from '@mosaic-cluster/runtime';

const DATA_DIR = 'MOSAIC_DATA_DIR';
/** Settings by which an environment is one of a cluster. */
const OF_A_CLUSTER = ['MOSAIC_OBJECTS', 'MOSAIC_S3_BUCKET', 'MOSAIC_REDIS_URLS'] as const;

/** The embedded server's own setting that says where its data is. */
const embeddedSettings = {
  dataDir: {
    name: DATA_DIR,
    type: 'string',
    default: './data',
    doc: 'The folder that holds everything of the embedded server.',
  },
} as const;

/** Of the gateways: it says against which limits their reports are to be held. */
const gatewaySettings = {
  budgets: {
    name: 'MOSAIC_BUDGETS',
    type: 'string',
    lengthMax: 65_536,
    fromFile: true,
    optional: true,
    doc: 'Changes to the budgets of docs/limits.md, as gateways have them.',
  },
} as const;

/** Of the roles: it says what authors may keep. */
const roleSettings = {
  accept: {
    name: 'MOSAIC_ACCEPT',
    type: 'string',
    optional: true,
    lengthMax: 4096,
    doc: 'What the roles accept, as they have it.',
  },
} as const;

/** Of all who serve: users besides those that are registered. */
const userSettings = { users: budgetSettings.users } as const;

/** The settings of a cluster, as far as commands use them. */
export type ClusterConfig = StoreConfig & { readonly budgets: string | undefined };

/** What the environment names. */
export type AdminSettings =
  | { readonly of: 'embedded'; readonly dataDir: string }
  | { readonly of: 'cluster'; readonly config: ClusterConfig };

/**
 * Reads the settings, from the environment and from the file that `MOSAIC_CONFIG_FILE` names. Other
 * names are the server's and its business.
 *
 * @throws ConfigError
 */
export function readAdminSettings(): AdminSettings {
  const { env, text, alsoKnown } = readSource();
  const named = OF_A_CLUSTER.filter((name) => alsoKnown.includes(name));
  if (named.length === 0) {
    const { dataDir } = readConfig(embeddedSettings, env, text, { alsoKnown });
    return { of: 'embedded', dataDir };
  }
  if (alsoKnown.includes(DATA_DIR)) {
    const problem = `${DATA_DIR} names an embedded server and ${named[0]} a cluster: keep one of them, or name the folder with --data`;
    throw new ConfigError([problem]);
  }
  const config = readConfig({ ...storeSettings, ...gatewaySettings }, env, text, { alsoKnown });
  const problems = storeProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return { of: 'cluster', config };
}

/**
 * Where the processes of a cluster can be asked.
 *
 * @throws ConfigError
 */
export function readBusConfig(): BusConfig {
  const { env, text, alsoKnown } = readSource();
  const config = readConfig(busSettings, env, text, { alsoKnown });
  const problems = busProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/**
 * What authors may keep, by role, as far as the environment says what the roles have.
 *
 * @throws ConfigError, MosaicError `invalid` (`usage`) for rules that are none
 */
export function readAcceptRules(): Readonly<Record<string, AcceptRules>> {
  const { env, text, alsoKnown } = readSource();
  const { accept = '' } = readConfig(roleSettings, env, text, { alsoKnown });
  return blaming(roleSettings.accept.name, 'Give what the roles have.', () =>
    parseAcceptRules(accept),
  );
}

/**
 * Users that the environment names, as `mopub0…`.
 *
 * @throws ConfigError
 */
export function readUsers(): readonly string[] {
  const { env, text, alsoKnown } = readSource();
  const { users } = readConfig(userSettings, env, text, { alsoKnown });
  const problems = userProblems(users);
  if (problems.length > 0) throw new ConfigError(problems);
  return users;
}

/** The settings, and the names of those that are there, whoever they are meant for. */
function readSource(): Source {
  const { env } = process;
  const text = loadConfigFile(env);
  const inFile = (text ?? '').matchAll(/^\s*(MOSAIC_[A-Z0-9_]+)\s*=/gm);
  const alsoKnown = [
    ...Object.keys(env).filter((name) => name.startsWith('MOSAIC_') && env[name] !== ''),
    ...Array.from(inFile, ([, name]) => name!),
  ];
  return { env, text, alsoKnown };
}

interface Source {
  readonly env: NodeJS.ProcessEnv;
  readonly text: string | undefined;
  readonly alsoKnown: readonly string[];
}

/** Who runs the command: behind sudo, whoever called that. */
export function operatorName(): string {
  const caller = process.env['SUDO_USER'];
  if (caller !== undefined && caller !== '') return caller;
  try {
    return userInfo().username;
  } catch {
    // The system has no name for the user, as in many containers.
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}
