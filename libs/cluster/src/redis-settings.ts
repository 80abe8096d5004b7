/** How a process is told where Redis is, how its servers work together, and who it is there. */
import { isMosaicError } from '@mosaic-cluster/protocol';
import { planRedis, type RedisConnectionOptions } from '@mosaic-cluster/store/redis';
import type { ConfigOf } from '@mosaic-cluster/runtime';
import { faultsOf, pairFault, pemFault } from './pem.ts';

const redisUrls = {
  name: 'MOSAIC_REDIS_URLS',
  type: 'list',
  of: { type: 'secretUrl', protocols: ['redis', 'rediss'] },
  countMin: 1,
  countMax: 32,
  default: 'redis://127.0.0.1:6379',
  doc: 'One Redis server, the Sentinels, or some nodes of a Redis Cluster, which name the others. rediss:// is with TLS.',
} as const;

const optionalUrls = {
  name: 'MOSAIC_REDIS_URLS',
  type: 'list',
  of: { type: 'secretUrl', protocols: ['redis', 'rediss'] },
  countMin: 1,
  countMax: 32,
  optional: true,
  doc: 'Where gateways share budgets and learn of bans: the Redis of the workers, named as there. Without it each gateway is alone with what it knows.',
} as const;

const access = {
  redisMode: {
    name: 'MOSAIC_REDIS_MODE',
    type: 'enum',
    values: ['single', 'sentinel', 'cluster'],
    default: 'single',
    doc: 'How the servers at MOSAIC_REDIS_URLS work together.',
  },
  redisSentinelMaster: {
    name: 'MOSAIC_REDIS_SENTINEL_MASTER',
    type: 'string',
    optional: true,
    doc: 'The name under which the Sentinels know the master.',
  },
  redisUser: {
    name: 'MOSAIC_REDIS_USER',
    type: 'string',
    optional: true,
    doc: 'The ACL user; by default what the first URL says.',
  },
  redisPassword: {
    name: 'MOSAIC_REDIS_PASSWORD',
    type: 'secret',
    optional: true,
    doc: 'Its password; by default what the first URL says.',
  },
  redisTlsCa: {
    name: 'MOSAIC_REDIS_TLS_CA',
    type: 'string',
    lengthMax: 1_000_000,
    fromFile: true,
    optional: true,
    doc: 'Who signed the certificate of the Redis servers (PEM). By default those whom the system trusts.',
  },
  redisTlsCert: {
    name: 'MOSAIC_REDIS_TLS_CERT',
    type: 'string',
    lengthMax: 1_000_000,
    fromFile: true,
    optional: true,
    doc: 'A client certificate for Redis (PEM).',
  },
  redisTlsKey: {
    name: 'MOSAIC_REDIS_TLS_KEY',
    type: 'secret',
    optional: true,
    doc: 'Its key (PEM).',
  },
  redisKeyPrefix: {
    name: 'MOSAIC_REDIS_KEY_PREFIX',
    type: 'string',
    pattern: '[^{}\\s]{1,64}',
    allowed: '1 to 64 characters without braces and blanks',
    default: 'mosaic:',
    doc: 'What all keys begin with, where Redis is shared with others.',
  },
  redisTimeout: {
    name: 'MOSAIC_REDIS_TIMEOUT',
    type: 'duration',
    min: '50ms',
    max: '1m',
    default: '2s',
    doc: 'How long a call of Redis may take.',
  },
} as const;

const indexSecret = {
  name: 'MOSAIC_INDEX_SECRET',
  type: 'secret',
  lengthMin: 16,
  optional: true,
  doc: 'Makes it unforeseeable which entries of the record index lie together, so that nobody can fill one place on purpose. The same for all workers; changing it means rebuilding the index.',
} as const;

/** Settings of Redis. */
export const redisSettings: { readonly redisUrls: typeof redisUrls } & typeof access & {
    readonly indexSecret: typeof indexSecret;
  } = { redisUrls, ...access, indexSecret };

/** Settings of Redis for processes that can do without it. */
export const optionalRedisSettings: { readonly redisUrls: typeof optionalUrls } & typeof access = {
  redisUrls: optionalUrls,
  ...access,
};

/** What they amount to. */
export type OptionalRedisConfig = ConfigOf<typeof optionalRedisSettings>;

/** The settings of a connection, as far as they say how to reach Redis. */
export type RedisAccess = Omit<RedisConfig, 'indexSecret'>;

/** The settings of the Redis that is named; undefined: none is. */
export function redisIn(config: OptionalRedisConfig): RedisAccess | undefined {
  return config.redisUrls === undefined ? undefined : { ...config, redisUrls: config.redisUrls };
}

/** As {@link redisProblems}; nothing where no Redis is named. */
export function optionalRedisProblems(config: OptionalRedisConfig): string[] {
  const redis = redisIn(config);
  return redis === undefined ? [] : redisProblems(redis);
}

/** What the settings of Redis amount to. */
export type RedisConfig = ConfigOf<typeof redisSettings>;

/** What is wrong with settings that are well formed, each by itself; sentences without secrets. */
export function redisProblems(config: RedisAccess): string[] {
  return faultsOf(
    pemFault('MOSAIC_REDIS_TLS_CA', config.redisTlsCa),
    pemFault('MOSAIC_REDIS_TLS_CERT', config.redisTlsCert),
    pemFault('MOSAIC_REDIS_TLS_KEY', config.redisTlsKey?.reveal()),
    pairFault('MOSAIC_REDIS_TLS', config.redisTlsCert, config.redisTlsKey),
    schemeFault(config),
    planFault(config),
  );
}

/** A handshake with a server that does not speak TLS has no end and no error. */
function schemeFault({ redisUrls, redisTlsCa, redisTlsCert }: RedisAccess): string | undefined {
  const name = redisTlsCa === undefined ? 'MOSAIC_REDIS_TLS_CERT' : 'MOSAIC_REDIS_TLS_CA';
  if ((redisTlsCa ?? redisTlsCert) === undefined) return undefined;
  if (redisUrls.some((url) => url.reveal().protocol === 'rediss:')) return undefined;
  return `${name} is set, but MOSAIC_REDIS_URLS names servers without TLS: write rediss:// there, or leave ${name} out.`;
}

function planFault(config: RedisAccess): string | undefined {
  const { redisMode, redisUrls, redisSentinelMaster } = config;
  if (redisMode === 'sentinel' && redisSentinelMaster === undefined) {
    return 'MOSAIC_REDIS_SENTINEL_MASTER is not set: MOSAIC_REDIS_MODE=sentinel needs the name of the master.';
  }
  if (redisMode === 'single' && redisUrls.length > 1) {
    return 'MOSAIC_REDIS_URLS names several servers: set MOSAIC_REDIS_MODE to sentinel or cluster, or keep one.';
  }
  try {
    planRedis(redisOptions(config));
    return undefined;
  } catch (error) {
    if (isMosaicError(error)) return `MOSAIC_REDIS_URLS: ${error.message}.`;
    throw error;
  }
}

/** What the connection is told of the settings. */
export function redisOptions(config: RedisAccess): RedisConnectionOptions {
  const { redisTlsCa, redisTlsCert, redisTlsKey } = config;
  const tls = {
    ...(redisTlsCa !== undefined && { ca: redisTlsCa }),
    ...(redisTlsCert !== undefined && { cert: redisTlsCert }),
    ...(redisTlsKey !== undefined && { key: redisTlsKey.reveal() }),
  };
  return {
    urls: config.redisUrls.map((url) => url.reveal().href),
    mode: config.redisMode,
    sentinelMaster: config.redisSentinelMaster,
    username: config.redisUser,
    password: config.redisPassword?.reveal(),
    tls: Object.keys(tls).length === 0 ? undefined : tls,
    keyPrefix: config.redisKeyPrefix,
    commandTimeoutMs: config.redisTimeout,
  };
}
