/** The server under attack: its listeners, its processes, and what can be broken on its side. */
import type { ServerAddress } from '../../generator/server-address.ts';
import { parseServerAddress } from '../../generator/server-address.ts';
import { ClusterServer } from '../../server/cluster-server.ts';
import { EmbeddedServer, type ListenerName } from '../../server/embedded-server.ts';
import { type Attack, TRIAL_BUDGETS } from '../attack.ts';
import { breakRedis, HangingHook, mendRedis } from './breakable.ts';

/** How to start one. */
export interface VictimOptions {
  readonly attack: Pick<Attack, 'settings' | 'breaks'>;
  readonly isCluster: boolean;
  readonly listener: ListenerName;
  /** Where data folders are made. */
  readonly parentFolder: string;
  /** The registered user, as `mopub0…`. */
  readonly user: string;
}

/** A server that runs. */
export interface Victim {
  /** The listeners under attack, one of each gateway. */
  readonly urls: readonly string[];
  readonly addresses: readonly ServerAddress[];
  /** The listeners for who proves a key: the same, where those take client certificates. */
  readonly keyAddresses: readonly ServerAddress[];
  /** Its own processes: gateways and workers, or the one that is both. */
  readonly pids: readonly number[];
  /** Has something break, where the attack is about that. */
  breakDown(): void;
  /** Has it work again. */
  mend(): void;
  close(): Promise<void>;
}

/** Nobody is allowed what they like for being on this machine: here everybody is. */
const COMMON = {
  MOSAIC_ALLOWED: 'none',
  MOSAIC_LIMITS: 'on',
  MOSAIC_BUDGETS: TRIAL_BUDGETS,
} as const;
const GATEWAYS = 2;

/** Starts a server. @throws LoadError where it does not come up */
export async function startVictim(options: VictimOptions): Promise<Victim> {
  const { breaks } = options.attack;
  const hook = breaks === 'policy-hook' ? HangingHook.make(options.parentFolder) : undefined;
  let started: Started;
  try {
    started = options.isCluster
      ? await startCluster(options)
      : await startEmbedded(options, hook?.settings);
  } catch (error) {
    hook?.close();
    throw error;
  }
  const { redisPids } = started;
  let isBroken = false;
  const mend = (): void => {
    hook?.mend();
    if (isBroken && breaks !== undefined && breaks !== 'policy-hook') mendRedis(breaks, redisPids);
    isBroken = false;
  };
  return {
    ...started,
    addresses: started.urls.map(parseServerAddress),
    keyAddresses: started.keyUrls.map(parseServerAddress),
    breakDown() {
      isBroken = true;
      hook?.breakDown();
      if (breaks !== undefined && breaks !== 'policy-hook') breakRedis(breaks, redisPids);
    },
    mend,
    async close() {
      mend();
      await started.close();
      hook?.close();
    },
  };
}

type Started = Pick<Victim, 'urls' | 'pids' | 'close'> & {
  readonly keyUrls: readonly string[];
  readonly redisPids: readonly number[];
};

async function startEmbedded(
  { attack, listener, parentFolder, user }: VictimOptions,
  more: Readonly<Record<string, string>> | undefined,
): Promise<Started> {
  const settings = {
    ...COMMON,
    MOSAIC_MTLS_LISTEN: '127.0.0.1:0',
    MOSAIC_USERS: user,
    ...attack.settings,
    ...more,
  };
  const server = await EmbeddedServer.start({ parentFolder, listener, tls: true, settings });
  const { url, mtlsUrl = url, pid } = server;
  const close = (): Promise<void> => server.close();
  return { urls: [url], keyUrls: [mtlsUrl], pids: [pid], redisPids: [], close };
}

async function startCluster({ attack, parentFolder, user }: VictimOptions): Promise<Started> {
  const server = await ClusterServer.start({
    parentFolder,
    tls: true,
    workers: 1,
    gateways: GATEWAYS,
    gatewaySettings: {
      ...COMMON,
      MOSAIC_MTLS_LISTEN: undefined,
      MOSAIC_USERS: user,
      ...attack.settings,
    },
    workerSettings: { MOSAIC_LIMITS: 'on', MOSAIC_USERS: user },
  });
  const { mtlsUrls = [], groups = [] } = server.target;
  const pidsOf = (wanted: (name: string) => boolean): number[] =>
    groups.flatMap(({ name, pids }) => (wanted(name) ? pids : []));
  // A Redis that was killed is another process afterwards: the project's own are what is watched.
  const pids = pidsOf((name) => !['NATS', 'Redis', 'S3'].includes(name));
  const redisPids = pidsOf((name) => name === 'Redis');
  return { urls: mtlsUrls, keyUrls: mtlsUrls, pids, redisPids, close: () => server.close() };
}
