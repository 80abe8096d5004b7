/** Starts the gateway as a process of its own: on the bus between processes, without any storage. */
import { createAbuseControl, ProcessReporter } from '@mosaic-cluster/abuse';
import type { NatsBus } from '@mosaic-cluster/bus/nats';
import {
  certificatesOf,
  defineCertificateMetrics,
  openBus,
  type Service,
} from '@mosaic-cluster/cluster';
import { openSharedAbuse, type SharedAbuse } from '@mosaic-cluster/cluster/abuse';
import { encodeServerKey, hexEncode, publicKeyOf } from '@mosaic-cluster/protocol';
import { type AbuseRules, abuseRules, abuseSettingTexts } from './visitors/abuse-settings.ts';
import { systemClock } from './clock.ts';
import { type GatewayServiceConfig, serverKeyOf } from './config.ts';
import { createGateway } from './gateway.ts';
import { defineAbuseMetrics } from './visitors/abuse-metrics.ts';
import { gatewaySettingTexts } from './gateway-settings.ts';
import { defineGatewayMetrics } from './gateway-metrics.ts';
import { defineGatewayTimes } from './gateway-times.ts';
import { RolePresence } from './roles/role-presence.ts';
import { defineRolePresenceMetrics } from './roles/role-presence-metrics.ts';
import { configuredLimits, dismissClients, openListeners } from './serve-clients.ts';

/** Time that closing everything may take besides saying goodbye to clients. */
const CLOSE_MS = 20_000;

/**
 * Starts a gateway; resolves when it listens. It stops with the lifecycle: it takes no more
 * connections, says goodbye to its clients over the drain time, and leaves the bus.
 *
 * @throws MosaicError with a sentence that names what is wrong and the remedy
 */
export async function startGateway(
  config: GatewayServiceConfig,
  service: Service,
): Promise<Readonly<Record<string, unknown>>> {
  const { lifecycle, metrics, readiness } = service;
  const secretKey = serverKeyOf(config.serverKey)!;
  const { drainTime, drainDelay } = config;
  lifecycle.closeAllTimeoutMs = drainDelay + drainTime + CLOSE_MS;
  const bus = await openBus(config, service);
  const rules = abuseRules(config);
  const shared = await openSharedAbuse(config, service, rules);
  answerOperators(config, bus, service, rules, shared);
  const abuse = createAbuseControl({ ...shared, isLimiting: config.limits });
  defineCertificateMetrics(metrics, certificatesOf(config));
  readiness.addNote({ name: 'abuse control', note: () => abuse.fault() });
  const gateway = createGateway({
    bus,
    roles: config.roles,
    abuse,
    isRegistered: (keys) => shared.isRegistered(keys),
    logger: lifecycle.log,
    futureMaxMs: config.futureMax,
    knownAfterMs: config.knownAfter,
    limits: configuredLimits(config),
    events: defineGatewayTimes(metrics),
    watching: service,
  });
  shared.onChange(() => gateway.registeredChanged());
  lifecycle.add('gateway', { close: () => gateway.close() });
  defineGatewayMetrics(metrics, gateway.counters);
  defineAbuseMetrics(metrics, abuse);
  watchRoles(bus, config, service);
  const front = { gateway, door: abuse };
  const listeners = await openListeners(config, secretKey, front, metrics, lifecycle);
  const dismiss = (): Promise<void> => dismissClients(listeners, gateway, drainTime);
  lifecycle.add('clients', { close: dismiss }, drainTime + CLOSE_MS);
  lifecycle.add('balancers', { close: () => delay(drainDelay) }, drainDelay + CLOSE_MS);
  const serverKey = publicKeyOf(secretKey);
  return {
    mtlsUrl: listeners.mtls?.url ?? null,
    uwsUrl: listeners.uws?.url ?? null,
    serverKey: encodeServerKey(serverKey),
    serverKeyHex: hexEncode(serverKey),
  };
}

/** Has readiness and metrics go by which roles answer. */
function watchRoles(bus: NatsBus, config: GatewayServiceConfig, service: Service): void {
  const { lifecycle, metrics, readiness } = service;
  const { roles, rolesWait: patienceMs } = config;
  const { log } = lifecycle;
  const presence = new RolePresence({ bus, roles, patienceMs, clock: systemClock, log });
  lifecycle.add('role presence', { close: async () => presence.close() });
  defineRolePresenceMetrics(metrics, presence, roles);
  for (const role of roles) {
    const name = `role ${role}`;
    const check = async (): Promise<void> => {
      await presence.ask();
      const reason = presence.waitsFor(role);
      if (reason !== undefined) throw new Error(reason);
    };
    readiness.addCheck({ name, check });
    readiness.addNote({ name, note: () => presence.note(role) });
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Tells operators who ask over the bus what this gateway goes by, and who comes nearest to a limit. */
function answerOperators(
  config: GatewayServiceConfig,
  bus: NatsBus,
  { name, version }: Service,
  { budgets, alwaysRegistered: users }: AbuseRules,
  { limiter, isShared }: SharedAbuse,
): void {
  const reporter = new ProcessReporter({
    service: name,
    version,
    rules: { ...abuseSettingTexts(config), ...gatewaySettingTexts(config) },
    budgets,
    users,
    limiter: config.limits ? limiter : undefined,
    isShared,
  });
  bus.answer((question) => reporter.answer(question));
}
