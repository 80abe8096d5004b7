/** The server under attack: its listeners, its processes, and what can be broken on its side. */
import type { ServerAddress } from '../../generator/server-address.ts';
import { parseServerAddress } from '../../generator/server-address.ts';
import { ClusterServer } from '../../server/cluster-server.ts';
import { EmbeddedServer } from '../../server/embedded-server.ts';
import { type Attack, TRIAL_BUDGETS } from '../attack.ts';
import { BreakableRedis, HangingHook, type Breakable } from './breakable.ts';

/** How to start one. */
export interface VictimOptions {
  readonly attack: Pick<Attack, 'settings' | 'breaks'>;
  readonly isCluster: boolean;
  /** Where data folders are made. */
  readonly parentFolder: string;
  /** The registered user, as `mopub0…`. */
  readonly user: string;
}

/** A server that runs. */
export interface Victim {
  /** The listeners for client certificates, one of each gateway. */
  readonly urls: readonly string[];
  readonly addresses: readonly ServerAddress[];
  /** All processes of it. */
  readonly pids: readonly number[];
  /** Those that attackers talk to. */
  readonly gatewayPids: readonly number[];
  /** Has something break, where the attack is about that. */
  breakDown(): Promise<void>;
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
  const breakable =
    breaks === undefined
      ? undefined
      : breaks === 'policy-hook'
        ? HangingHook.make(options.parentFolder)
        : await BreakableRedis.start(breaks);
  try {
    const started = options.isCluster
      ? await startCluster(options, breakable)
      : await startEmbedded(options, breakable);
    return {
      ...started,
      addresses: started.urls.map(parseServerAddress),
      breakDown: async () => breakable?.breakDown(),
      async close() {
        await breakable?.mend();
        await started.close();
        await breakable?.close();
      },
    };
  } catch (error) {
    await breakable?.close();
    throw error;
  }
}

type Started = Pick<Victim, 'urls' | 'pids' | 'gatewayPids' | 'close'>;

async function startEmbedded(
  { attack, parentFolder, user }: VictimOptions,
  breakable: Breakable | undefined,
): Promise<Started> {
  const settings = { ...COMMON, MOSAIC_USERS: user, ...attack.settings, ...breakable?.settings };
  const server = await EmbeddedServer.start({
    parentFolder,
    listener: 'mtls',
    tls: true,
    settings,
  });
  const pids = [server.pid];
  return { urls: [server.url], pids, gatewayPids: pids, close: () => server.close() };
}

async function startCluster(
  { attack, parentFolder, user }: VictimOptions,
  breakable: Breakable | undefined,
): Promise<Started> {
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
      ...breakable?.settings,
    },
    workerSettings: { MOSAIC_LIMITS: 'on', MOSAIC_USERS: user },
  });
  const { mtlsUrls = [], pids, groups = [] } = server.target;
  const gatewayPids = groups.find(({ name }) => name === 'gateway')?.pids ?? [];
  return { urls: mtlsUrls, pids, gatewayPids, close: () => server.close() };
}
