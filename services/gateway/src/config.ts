/** The settings of the gateway service; the only place that looks at the environment. */
import { busProblems, busSettings, processSettings } from '@mosaic-cluster/cluster';
import { optionalRedisProblems, optionalRedisSettings } from '@mosaic-cluster/cluster/abuse';
import { userProblems } from '@mosaic-cluster/abuse';
import {
  decodeSecretKey,
  hexDecode,
  isMosaicError,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import {
  ConfigError,
  type ConfigOf,
  loadConfigFile,
  readConfig,
  type Secret,
} from '@mosaic-cluster/runtime';
import { abuseProblems, abuseSettings } from './visitors/abuse-settings.ts';
import { gatewayProblems, gatewaySettings } from './gateway-settings.ts';

const own = {
  serverKey: {
    name: 'MOSAIC_SERVER_KEY',
    type: 'secret',
    doc: "The server's secret key, mosec0… or 64 hex digits, the same for all gateways: clients know the server by it. `mosaic keygen --out server.key` makes one.",
  },
  drainDelay: {
    name: 'MOSAIC_DRAIN_DELAY',
    type: 'duration',
    min: '0s',
    max: '2m',
    default: '0s',
    doc: 'Time between saying that this gateway is no longer ready and taking no more connections, for balancers to notice.',
  },
  rolesWait: {
    name: 'MOSAIC_ROLES_WAIT',
    type: 'duration',
    min: '0s',
    max: '10m',
    default: '30s',
    doc: 'How long a gateway that has just started waits for all of its roles before it is ready with those that answer. Later one is enough.',
  },
} as const;

/** Every setting: the source of the parser, of `--help` and of docs/configuration.md. */
export const settings: typeof own &
  typeof gatewaySettings &
  typeof abuseSettings &
  typeof busSettings &
  typeof optionalRedisSettings &
  typeof processSettings = {
  ...own,
  ...gatewaySettings,
  ...abuseSettings,
  ...busSettings,
  ...optionalRedisSettings,
  ...processSettings,
};

/** What the settings amount to. */
export type GatewayServiceConfig = ConfigOf<typeof settings>;

/** Reads environment and configuration file. @throws ConfigError naming every wrong setting */
export function readGatewayConfig(): GatewayServiceConfig {
  const config = readConfig(settings, process.env, loadConfigFile(process.env));
  const problems = [
    ...gatewayProblems(config),
    ...abuseProblems(config),
    ...busProblems(config),
    ...optionalRedisProblems(config),
    ...userProblems(config.users),
  ];
  if (serverKeyOf(config.serverKey) === undefined) {
    problems.push(
      'MOSAIC_SERVER_KEY holds no secret key: write mosec0… or 64 hex digits; ' +
        '`mosaic keygen --out server.key` makes one for MOSAIC_SERVER_KEY_FILE.',
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The secret key that a setting holds; undefined: it holds none. */
export function serverKeyOf(setting: Secret): SecretKey | undefined {
  const text = setting.reveal();
  try {
    return /^[0-9a-f]{64}$/i.test(text) ? hexDecode(text) : decodeSecretKey(text);
  } catch (error) {
    // Its message might repeat the key.
    if (isMosaicError(error)) return undefined;
    throw error;
  }
}
