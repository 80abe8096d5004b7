/** The embedded server: gateway and roles composed in one process on a data folder. */
import {
  alwaysRegistered,
  isOneRegistered,
  type Limiter,
  REGISTERED_COLLECTION,
} from '@mosaic-cluster/abuse';
import { MemoryBus, ROLE_NAMES } from '@mosaic-cluster/bus';
import {
  configuredLimits,
  createGateway,
  defineAbuseMetrics,
  defineGatewayMetrics,
  defineGatewayTimes,
  dismissClients,
  type Gateway,
  openListeners,
} from '@mosaic-cluster/gateway';
import type { PublicKey } from '@mosaic-cluster/protocol';
import {
  defineRewriteMetrics,
  defineRoleMetrics,
  measureVerifier,
  openVerifier,
  type RequestWatcherOptions,
  watchModeration,
} from '@mosaic-cluster/role';
import {
  instanceName,
  type Lifecycle,
  Metrics,
  noSlowLog,
  openTracing,
  type Readiness,
  SlowLog,
} from '@mosaic-cluster/runtime';
import { fastTools } from '@mosaic-cluster/verifier';
import type { StandaloneConfig } from './config.ts';
import { openControlSocket } from './control-socket.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { openHealth } from './health.ts';
import { openAbuse } from './open-abuse.ts';
import { openRegistry } from './open-registry.ts';
import { type OpenRole, openRoles } from './open-roles.ts';
import { VERSION } from './version.ts';

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
  /** Its budgets, penalties and earned bans. */
  readonly limiter: Limiter;
}

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
  lifecycle.closeAllTimeoutMs = config.drainTime + CLOSE_MS;
  // At the same time: threads take as long to start as everything else together.
  const [folder, verifier, { tools }] = await Promise.all([
    openDataFolder(config.dataDir).then((opened) => lifecycle.add('data folder', opened)),
    openVerifier(config, lifecycle),
    fastTools(),
  ]);
  const bus = lifecycle.add('bus', new MemoryBus());
  const registry = await openRegistry(config, folder, lifecycle);
  const metrics = new Metrics({
    service: 'standalone',
    version: VERSION,
    hasExemplars: config.traces !== 'off',
  });
  const watching = await openWatching(config, metrics, lifecycle);
  const { control, limiter, reporter } = await openAbuse(config, registry, lifecycle);
  const roles = await openRoles({
    config,
    folder,
    registry,
    verifier: measureVerifier(metrics, verifier),
    scheduleTools: tools,
    bus,
    metrics: defineRoleMetrics(metrics),
    rewrites: defineRewriteMetrics(metrics, ROLE_NAMES),
    limiter: config.limits ? limiter : undefined,
    // What the gateway says of a slow request has all that its role could say, in the same log.
    watching: { ...watching, slow: noSlowLog },
    lifecycle,
  });
  const inbox = roles.find(({ role }) => role === 'inbox');
  if (inbox !== undefined) watchModeration(inbox.index, metrics, lifecycle);
  await openControlSocket(folder.path, { limiter, reporter }, lifecycle);
  const always = alwaysRegistered(config.users);
  const gateway = createGateway({
    bus,
    roles: config.roles,
    abuse: control,
    isRegistered: (keys) => isOneRegistered(registry.registry, keys, always),
    logger: lifecycle.log,
    futureMaxMs: config.futureMax,
    knownAfterMs: config.knownAfter,
    limits: configuredLimits(config),
    events: defineGatewayTimes(metrics),
    watching,
  });
  registry.onNews((news) => {
    if (news.some(({ collection }) => collection === REGISTERED_COLLECTION)) {
      gateway.registeredChanged();
    }
  });
  defineGatewayMetrics(metrics, gateway.counters);
  defineAbuseMetrics(metrics, control);
  lifecycle.add('gateway', { close: async () => gateway.close() });
  const listeners = await openListeners(
    config,
    folder.serverSecretKey,
    { gateway, door: control },
    metrics,
    lifecycle,
  );
  const readiness = await openHealthPort(config, metrics, roles, lifecycle);
  const { drainTime } = config;
  const dismiss = (): Promise<void> => dismissClients(listeners, gateway, drainTime);
  lifecycle.add('clients', { close: dismiss }, drainTime + CLOSE_MS);
  lifecycle.add('readiness', { close: async () => readiness?.setState('draining') });
  return {
    mtlsUrl: listeners.mtls?.url,
    uwsUrl: listeners.uws?.url,
    serverKey: folder.serverKey,
    folder,
    roles,
    gateway,
    limiter,
  };
}

/** Traces and the log of slow requests, of gateway and roles alike. */
async function openWatching(
  config: StandaloneConfig,
  metrics: Metrics,
  lifecycle: Lifecycle,
): Promise<Omit<RequestWatcherOptions, 'role'>> {
  const worker = instanceName();
  const traced = { service: 'standalone', version: VERSION, instance: worker };
  const tracer = await openTracing(config, traced, metrics, lifecycle);
  const slow = new SlowLog({ log: lifecycle.log, afterMs: config.slowAfter });
  return { tracer, slow, worker };
}

async function openHealthPort(
  config: StandaloneConfig,
  metrics: Metrics,
  roles: readonly OpenRole[],
  lifecycle: Lifecycle,
): Promise<Readiness | undefined> {
  if (config.healthListen === 'off') return undefined;
  return openHealth(config.healthListen, { metrics, roles, lifecycle });
}
