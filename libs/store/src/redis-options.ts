/**
 * What an operator says about Redis, checked and turned into the driver's options: one server,
 * servers watched by Sentinels, or a Redis Cluster.
 */
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';

/** What the driver takes for a connection to one node of a cluster. */
type NodeOptions = NonNullable<ClusterOptions['redisOptions']> & {
  readonly replyMapping: 'legacy';
};

/** How the servers at the URLs work together. */
export type RedisMode = 'single' | 'sentinel' | 'cluster';

/** Where Redis is and how it is used. */
export interface RedisConnectionOptions {
  /**
   * `redis://[user[:password]@]host[:port][/database]`, or `rediss://` with TLS. For `single` one;
   * for `sentinel` the Sentinels; for `cluster` one or more nodes, which name the others.
   */
  readonly urls: readonly string[];
  /** Undefined: `single`. */
  readonly mode?: RedisMode | undefined;
  /** The name under which Sentinels know the master. */
  readonly sentinelMaster?: string | undefined;
  /** ACL user; undefined: what the first URL says. With Sentinels it is the user at the master. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Certificates and names for TLS; given, or with `rediss://`, all connections use TLS. */
  readonly tls?: TlsOptions | undefined;
  /** Stands before every key; undefined: `mosaic:`. No braces. */
  readonly keyPrefix?: string | undefined;
  /** How long a call may take, 50 to 60,000; undefined: 2,000. */
  readonly commandTimeoutMs?: number | undefined;
  /** How long connecting may take; undefined: 5,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Most commands that wait for an answer; beyond it calls fail with `limited`. Undefined: 20,000. */
  readonly pendingMax?: number | undefined;
  /** 0 to 1, for the jitter of reconnects. */
  readonly random?: () => number;
}

/** Options that were checked, as the driver takes them. */
export interface RedisPlan {
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly pendingMax: number;
  /** Where it connects to, without user and password, for people. */
  readonly addresses: string;
  /** What the driver is told. */
  readonly servers:
    | { readonly isCluster: false; readonly options: RedisOptions & NodeOptions }
    | {
        readonly isCluster: true;
        readonly nodes: readonly ClusterNode[];
        readonly options: ClusterOptions & { readonly redisOptions: NodeOptions };
      };
}

const RECONNECT_FIRST_MS = 50;
const RECONNECT_MS_MAX = 2_000;
const PORTS: Readonly<Record<RedisMode, number>> = { single: 6379, sentinel: 26379, cluster: 6379 };

/**
 * Checks the options.
 *
 * @throws MosaicError `invalid` (`redis-options`) naming what is wrong, never a password
 */
export function planRedis(options: RedisConnectionOptions): RedisPlan {
  const { mode = 'single', keyPrefix = 'mosaic:', sentinelMaster } = options;
  const { commandTimeoutMs = 2_000, connectTimeoutMs = 5_000, pendingMax = 20_000 } = options;
  if (/[{}]/.test(keyPrefix)) throw fault(`the key prefix ${keyPrefix} has braces`);
  if (!(commandTimeoutMs >= 50 && commandTimeoutMs <= 60_000)) {
    throw fault(`a command timeout is 50 to 60000 ms, not ${commandTimeoutMs}`);
  }
  const servers = options.urls.map((url) => parseUrl(url, PORTS[mode]));
  const [first] = servers;
  if (first === undefined) throw fault('no URL of a Redis server is given');
  if (mode === 'single' && servers.length > 1) {
    throw fault('several URLs are given, but the mode is single: say sentinel or cluster');
  }
  if (mode === 'cluster' && first.database !== 0)
    throw fault('a Redis Cluster has database 0 only');
  if (mode === 'sentinel' && !sentinelMaster) throw fault('Sentinels need the name of the master');
  const tls = options.tls ?? (first.isTls ? {} : undefined);
  const shared = sharedOptions(options, first, commandTimeoutMs, connectTimeoutMs);
  const retry = reconnectDelay(options.random ?? Math.random);
  const nodes = servers.map(({ host, port }) => ({ host, port }));
  return {
    keyPrefix,
    commandTimeoutMs,
    connectTimeoutMs,
    pendingMax,
    addresses: nodes.map(({ host, port }) => `${host}:${port}`).join(', '),
    servers:
      mode === 'cluster'
        ? { isCluster: true, nodes, options: clusterOptions(shared, retry, connectTimeoutMs, tls) }
        : {
            isCluster: false,
            options: {
              ...(mode === 'single'
                ? { ...nodes[0]!, db: first.database }
                : sentinelOptions(nodes, sentinelMaster!, first, tls)),
              ...shared,
              ...(tls && { tls }),
              enableOfflineQueue: false,
              lazyConnect: true,
              retryStrategy: retry,
            },
          },
  };
}

interface ServerUrl {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

function parseUrl(text: string, portDefault: number): ServerUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    throw fault('a URL of a Redis server is redis://host:port or rediss://host:port');
  }
  const database = url.pathname.length > 1 ? Number(url.pathname.slice(1)) : 0;
  if (!Number.isSafeInteger(database) || database < 0) {
    throw fault(`the path of a Redis URL is the number of a database, not ${url.pathname}`);
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? portDefault : Number(url.port),
    isTls: url.protocol === 'rediss:',
    database,
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
  };
}

/** What holds for every connection: nothing waits without a bound, nothing is sent twice. */
function sharedOptions(
  { username, password }: RedisConnectionOptions,
  first: ServerUrl,
  commandTimeoutMs: number,
  connectTimeoutMs: number,
): NodeOptions {
  const user = username ?? first.username;
  const secret = password ?? first.password;
  return {
    ...(user !== undefined && { username: user }),
    ...(secret !== undefined && { password: secret }),
    protocol: 2,
    replyMapping: 'legacy',
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // A server that is frozen keeps its connections: they are given up, and what waits on them ends.
    socketTimeout: commandTimeoutMs,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    connectionName: 'mosaic',
    disableClientInfo: true,
  };
}

function clusterOptions(
  shared: NodeOptions,
  retry: (times: number) => number,
  connectTimeoutMs: number,
  tls: TlsOptions | undefined,
): ClusterOptions & { readonly redisOptions: NodeOptions } {
  return {
    redisOptions: { ...shared, ...(tls && { tls }) },
    clusterRetryStrategy: retry,
    enableOfflineQueue: false,
    lazyConnect: true,
    maxRedirections: 4,
    slotsRefreshTimeout: connectTimeoutMs,
    // Notices a failover that no command has met.
    slotsRefreshInterval: 30_000,
    // Where certificates name hosts, what the nodes call each other is what they are checked for.
    ...(tls && { dnsLookup: (host, done) => done(null, host) }),
  };
}

function sentinelOptions(
  sentinels: readonly { host: string; port: number }[],
  name: string,
  first: ServerUrl,
  tls: TlsOptions | undefined,
): RedisOptions {
  return {
    sentinels: [...sentinels],
    name,
    ...(first.username !== undefined && { sentinelUsername: first.username }),
    ...(first.password !== undefined && { sentinelPassword: first.password }),
    ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    failoverDetector: true,
  };
}

/** Doubles from 50 ms to 2 s, and is spread over half of that so that clients do not come at once. */
function reconnectDelay(random: () => number): (times: number) => number {
  return (times) => {
    const delay = Math.min(RECONNECT_FIRST_MS * 2 ** Math.min(times - 1, 10), RECONNECT_MS_MAX);
    return Math.ceil(delay * (0.5 + 0.5 * random()));
  };
}

function fault(message: string): MosaicError {
  return new MosaicError('invalid', 'redis-options', message);
}
