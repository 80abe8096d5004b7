/** The embedded server: gateway and roles composed in one process on a data folder. */
import { MemoryBus } from '@mosaic-cluster/bus';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import {
  createGateway,
  type Gateway,
  type GatewayLimits,
  type Listener,
  type ListenerOptions,
  openFastListener,
  openMtlsListener,
} from '@mosaic-cluster/gateway';
import {
  encodeServerKey,
  hexEncode,
  isMosaicError,
  MosaicError,
  type PublicKey,
} from '@mosaic-cluster/protocol';
import type { HostPort, Lifecycle, Readiness } from '@mosaic-cluster/runtime';
import { createVerifier, fastTools, type Verifier } from '@mosaic-cluster/verifier';
import type { StandaloneConfig } from './config.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { openHealth } from './health.ts';
import { type OpenRole, openRoles } from './open-roles.ts';
import { listedUsers } from './served-users.ts';

/** A server that serves. It stops with the lifecycle that it was started with. */
export interface StandaloneServer {
  /** `wss://host:port/`; undefined: the listener is off. */
  readonly mtlsUrl: string | undefined;
  /** `wss://host:port/`, or `ws://…` without TLS; undefined: the listener is off. */
  readonly uwsUrl: string | undefined;
  readonly serverKey: PublicKey;
  readonly folder: DataFolder;
  readonly roles: readonly OpenRole[];
  readonly gateway: Gateway;
}

/** In place of the defaults where an operator turns limits off to measure. */
const WITHOUT_LIMITS: Partial<GatewayLimits> = {
  openRequestsMax: 65_536,
  connectionSubmissionsMax: 16_384,
};

const VERSION = '0.1.0';

/** Time that closing everything may take besides saying goodbye to clients. */
const CLOSE_MS = 20_000;

/**
 * Starts the server.
 *
 * @throws MosaicError or ConfigError with a sentence that names what is wrong and the remedy
 */
export async function startServer(
  config: StandaloneConfig,
  lifecycle: Lifecycle,
): Promise<StandaloneServer> {
  const users = listedUsers(config.admission, config.users);
  lifecycle.closeAllTimeoutMs = config.drainTime + CLOSE_MS;
  // At the same time: threads take as long to start as everything else together.
  const [folder, verifier, { tools }] = await Promise.all([
    openDataFolder(config.dataDir).then((opened) => lifecycle.add('data folder', opened)),
    openVerifier(config, lifecycle),
    fastTools(),
  ]);
  const bus = lifecycle.add('bus', new MemoryBus());
  const roles = await openRoles({
    config,
    folder,
    users,
    verifier,
    scheduleTools: tools,
    bus,
    lifecycle,
  });
  const gateway = createGateway({
    bus,
    roles: config.roles,
    logger: lifecycle.log,
    limits: config.limits ? {} : WITHOUT_LIMITS,
  });
  lifecycle.add('gateway', { close: async () => gateway.close() });
  const listeners = await openListeners(config, folder, gateway, lifecycle);
  const readiness = await openHealthPort(config, gateway, roles, lifecycle);
  lifecycle.add(
    'clients',
    {
      close: async () => {
        for (const listener of [listeners.mtls, listeners.uws]) listener?.stopAccepting();
        await gateway.drain(config.drainTime);
      },
    },
    config.drainTime + CLOSE_MS,
  );
  lifecycle.add('readiness', { close: async () => readiness?.setState('draining') });
  return {
    mtlsUrl: listeners.mtls?.url,
    uwsUrl: listeners.uws?.url,
    serverKey: folder.serverKey,
    folder,
    roles,
    gateway,
  };
}

async function openHealthPort(
  config: StandaloneConfig,
  { counters }: Gateway,
  roles: readonly OpenRole[],
  lifecycle: Lifecycle,
): Promise<Readiness | undefined> {
  if (config.healthListen === 'off') return undefined;
  return openHealth(config.healthListen, { version: VERSION, counters, roles, lifecycle });
}

async function openVerifier(config: StandaloneConfig, lifecycle: Lifecycle): Promise<Verifier> {
  const verifier = await createVerifier({
    ...(config.verifyThreads === undefined ? {} : { workers: config.verifyThreads }),
    onFallback: (reason) => lifecycle.log.warn(reason.message),
    onWorkerLost: (error) => lifecycle.log.error('a verification thread failed', { error }),
  });
  return lifecycle.add('verifier', verifier);
}

interface OpenListeners {
  readonly mtls: Listener | undefined;
  readonly uws: Listener | undefined;
}

async function openListeners(
  config: StandaloneConfig,
  folder: DataFolder,
  gateway: Gateway,
  lifecycle: Lifecycle,
): Promise<OpenListeners> {
  const tls = makeTlsIdentity(folder.serverSecretKey);
  const optionsAt = ({ host, port }: HostPort): Omit<ListenerOptions, 'tls'> => ({
    host,
    port,
    serviceUrl: config.serviceUrl,
    page: pageText(folder.serverKey),
    limits: { connectionsMax: config.connectionsMax, idleTimeoutMs: config.idleTimeout },
    accept: (socket) => gateway.accept(socket),
    failed: (error) => lifecycle.log.error('a connection failed', { error }),
  });
  const { mtlsListen, uwsListen } = config;
  const mtls =
    mtlsListen === 'off'
      ? undefined
      : await namingSetting('MOSAIC_MTLS_LISTEN', () =>
          openMtlsListener({ ...optionsAt(mtlsListen), tls }),
        );
  if (mtls !== undefined) lifecycle.add('mTLS listener', mtls);
  const uws =
    uwsListen === 'off'
      ? undefined
      : await namingSetting('MOSAIC_UWS_LISTEN', () =>
          openFastListener(
            { ...optionsAt(uwsListen), tls: config.uwsTls ? tls : undefined },
            (sentence) => lifecycle.log.warn(sentence),
          ),
        );
  if (uws !== undefined) lifecycle.add('uWS listener', uws);
  return { mtls, uws };
}

/** Opens a listener; where it cannot, the error says which setting asks for it. */
async function namingSetting(name: string, open: () => Promise<Listener>): Promise<Listener> {
  try {
    return await open();
  } catch (cause) {
    if (!isMosaicError(cause)) throw cause;
    throw new MosaicError(cause.kind, cause.code, `${name}: ${cause.message}`, { cause });
  }
}

function pageText(serverKey: PublicKey): string {
  return [
    'This is a Mosaic server. Mosaic is a network where people own their identity and their records.',
    '',
    'There is nothing to see for a browser: clients connect here by WebSocket, with the',
    'subprotocol mosaic2024.',
    '',
    `Server key: ${encodeServerKey(serverKey)}`,
    `In hex:     ${hexEncode(serverKey)}`,
  ].join('\n');
}
