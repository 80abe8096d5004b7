/** The settings of the embedded server; the only place that looks at the environment. */
import {
  abuseProblems,
  abuseSettings,
  gatewayProblems,
  gatewaySettings,
} from '@mosaic-cluster/gateway';
import { moderationSetting } from '@mosaic-cluster/inbox';
import { roleProblems, roleSettings } from '@mosaic-cluster/role';
import {
  ConfigError,
  type ConfigOf,
  loadConfigFile,
  logSettings,
  readConfig,
  traceSettings,
} from '@mosaic-cluster/runtime';

const own = {
  dataDir: {
    name: 'MOSAIC_DATA_DIR',
    type: 'string',
    default: './data',
    doc: 'The folder that holds everything: the server key, the records, the index. Made at the first start.',
  },
  healthListen: {
    name: 'MOSAIC_HEALTH_LISTEN',
    type: 'hostPort',
    default: 'off',
    doc: 'Where /livez, /readyz and /metrics are served.',
  },
  segmentBytes: {
    name: 'MOSAIC_SEGMENT_BYTES',
    type: 'bytes',
    min: '2MiB',
    max: '1GiB',
    default: '64MiB',
    doc: 'Size at which a segment is closed and the next one begun.',
  },
  freeBytesMin: {
    name: 'MOSAIC_FREE_BYTES_MIN',
    type: 'bytes',
    default: '256MiB',
    doc: 'With less free space than this the server takes no records, until there is a quarter more than this; it goes on serving those it has.',
  },
  compact: {
    name: 'MOSAIC_COMPACT',
    type: 'enum',
    values: ['off', 'on'],
    default: 'off',
    doc: 'Whether segment files are written again without records that were removed or replaced long enough ago, in the background. A release that does not have this setting cannot read such files.',
  },
  compactGrace: {
    name: 'MOSAIC_COMPACT_GRACE',
    type: 'duration',
    default: '7d',
    min: '1m',
    doc: 'For how long removed and replaced records stay in the segments: so long they can be put back.',
  },
} as const;

/** Every setting: the source of the parser, of `--help` and of docs/configuration.md. */
export const settings: typeof own & {
  readonly moderation: typeof moderationSetting;
} & typeof gatewaySettings &
  typeof abuseSettings &
  typeof roleSettings &
  typeof logSettings &
  typeof traceSettings = {
  ...own,
  ...gatewaySettings,
  ...abuseSettings,
  ...roleSettings,
  moderation: moderationSetting,
  ...logSettings,
  ...traceSettings,
};

/** What the settings amount to. */
export type StandaloneConfig = ConfigOf<typeof settings>;

/** Reads environment and configuration file. @throws ConfigError naming every wrong setting */
export function readStandaloneConfig(): StandaloneConfig {
  const config = readConfig(settings, process.env, loadConfigFile(process.env));
  const problems = [...gatewayProblems(config), ...abuseProblems(config), ...roleProblems(config)];
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
