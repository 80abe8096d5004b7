/** The settings of the embedded server; the only place that looks at the environment. */
import { decodeUserKey, isMosaicError, parseServerUrl } from '@mosaic-cluster/protocol';
import { ConfigError, type ConfigOf, loadConfigFile, readConfig } from '@mosaic-cluster/runtime';

/** Every setting: the source of the parser, of `--help` and of docs/configuration.md. */
export const settings = {
  dataDir: {
    name: 'MOSAIC_DATA_DIR',
    type: 'string',
    default: './data',
    doc: 'The folder that holds everything: the server key, the records, the index. Made at the first start.',
  },
  mtlsListen: {
    name: 'MOSAIC_MTLS_LISTEN',
    type: 'hostPort',
    default: '127.0.0.1:8443',
    doc: 'Where clients with or without a client certificate connect. Port 0 takes any free one; use 0.0.0.0 to be reached from other machines.',
  },
  uwsListen: {
    name: 'MOSAIC_UWS_LISTEN',
    type: 'hostPort',
    default: '127.0.0.1:8444',
    doc: 'Where clients without a client certificate connect: the faster listener.',
  },
  uwsTls: {
    name: 'MOSAIC_UWS_TLS',
    type: 'boolean',
    default: true,
    doc: 'Whether the second listener speaks TLS. Turn it off only behind a balancer that does, or to measure.',
  },
  healthListen: {
    name: 'MOSAIC_HEALTH_LISTEN',
    type: 'hostPort',
    default: 'off',
    doc: 'Where /livez, /readyz and /metrics are served.',
  },
  serviceUrl: {
    name: 'MOSAIC_SERVICE_URL',
    type: 'string',
    optional: true,
    doc: 'The URL that clients are told to use, as mosaicwss://host[:port]/.',
  },
  roles: {
    name: 'MOSAIC_ROLES',
    type: 'list',
    of: { type: 'enum', values: ['outbox', 'inbox', 'encryption'] },
    countMin: 1,
    default: 'outbox,inbox,encryption',
    doc: 'The roles to play.',
  },
  admission: {
    name: 'MOSAIC_ADMISSION',
    type: 'enum',
    values: ['open', 'registered'],
    default: 'open',
    doc: 'Whom the server serves: everybody, or those in MOSAIC_USERS.',
  },
  users: {
    name: 'MOSAIC_USERS',
    type: 'list',
    of: { type: 'string' },
    countMax: 100_000,
    default: 'none',
    doc: 'Registered users, as mopub0 keys.',
  },
  moderation: {
    name: 'MOSAIC_MODERATION',
    type: 'enum',
    values: ['none', 'hold-strangers'],
    default: 'none',
    doc: 'Whether the inbox holds records of authors that are not registered, so that only their recipients see them.',
  },
  futureMax: {
    name: 'MOSAIC_FUTURE_MAX',
    type: 'duration',
    min: '0s',
    default: '15m',
    doc: 'Records dated further ahead than this are refused.',
  },
  limits: {
    name: 'MOSAIC_LIMITS',
    type: 'boolean',
    default: true,
    doc: 'Whether clients are limited in what they may ask for at once. Turn it off only to measure: bounds that protect memory stay.',
  },
  connectionsMax: {
    name: 'MOSAIC_CONNECTIONS_MAX',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 10_000,
    doc: 'Most connections at a time, per listener.',
  },
  idleTimeout: {
    name: 'MOSAIC_IDLE_TIMEOUT',
    type: 'duration',
    min: '8s',
    max: '16m',
    default: '2m',
    doc: 'A connection on which nothing moves is pinged well before this and cut after it. uWebSockets.js counts whole seconds and none below 8.',
  },
  drainTime: {
    name: 'MOSAIC_DRAIN_TIME',
    type: 'duration',
    min: '0s',
    max: '10m',
    default: '2s',
    doc: 'Time over which connections are closed when the server stops.',
  },
  verifyThreads: {
    name: 'MOSAIC_VERIFY_THREADS',
    type: 'integer',
    min: 0,
    max: 64,
    optional: true,
    doc: 'Threads that check signatures; 0 checks them on the main thread. By default one fewer than there are processors.',
  },
  cacheBytes: {
    name: 'MOSAIC_CACHE_BYTES',
    type: 'bytes',
    min: '1MiB',
    default: '128MiB',
    doc: 'Memory for record bytes, per role.',
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
    doc: 'With less free space than this the server takes no records; it goes on serving those it has.',
  },
  log: {
    name: 'MOSAIC_LOG',
    type: 'enum',
    values: ['json', 'pretty', 'auto'],
    default: 'auto',
    doc: 'How to log: json lines, pretty for people, or auto: pretty where stdout is a terminal.',
  },
  logLevel: {
    name: 'MOSAIC_LOG_LEVEL',
    type: 'enum',
    values: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    default: 'info',
    doc: 'What to log.',
  },
} as const;

/** What the settings amount to. */
export type StandaloneConfig = ConfigOf<typeof settings>;

/** Reads environment and configuration file. @throws ConfigError naming every wrong setting */
export function readStandaloneConfig(): StandaloneConfig {
  const config = readConfig(settings, process.env, loadConfigFile(process.env));
  const problems = problemsOf(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** What is wrong with settings that are well formed, each by itself. */
function problemsOf(config: StandaloneConfig): string[] {
  const { serviceUrl, users, admission, mtlsListen, uwsListen } = config;
  const problems: string[] = [];
  if (serviceUrl !== undefined) {
    const why = whyNot(() => parseServerUrl(serviceUrl));
    if (why !== undefined) problems.push(`MOSAIC_SERVICE_URL="${serviceUrl}": ${why}`);
  }
  for (const user of users) {
    const why = whyNot(() => decodeUserKey(user));
    if (why !== undefined) problems.push(`MOSAIC_USERS: "${user}" is no user key: ${why}`);
  }
  if (admission === 'registered' && users.length === 0) {
    problems.push(
      'MOSAIC_ADMISSION=registered serves nobody as long as MOSAIC_USERS names nobody: ' +
        'list mopub0 keys there, or set MOSAIC_ADMISSION=open',
    );
  }
  if (mtlsListen === 'off' && uwsListen === 'off') {
    problems.push('MOSAIC_MTLS_LISTEN and MOSAIC_UWS_LISTEN are both off: nobody could connect');
  }
  return problems;
}

function whyNot(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (isMosaicError(error)) return error.message;
    throw error;
  }
}
