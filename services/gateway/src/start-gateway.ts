/** Starts the gateway as a process of its own: on the bus between processes, without any storage. */
import { createAbuseControl } from '@mosaic-cluster/abuse';
import type { Bus, RoleName } from '@mosaic-cluster/bus';
import {
  certificatesOf,
  defineCertificateMetrics,
  openBus,
  type Service,
} from '@mosaic-cluster/cluster';
import { openSharedAbuse } from '@mosaic-cluster/cluster/abuse';
import { encodeServerKey, hexEncode, publicKeyOf } from '@mosaic-cluster/protocol';
import { abuseRules } from './abuse-settings.ts';
import { type GatewayServiceConfig, serverKeyOf } from './config.ts';
import { createGateway } from './gateway.ts';
import { defineAbuseMetrics } from './abuse-metrics.ts';
import { defineGatewayMetrics } from './gateway-metrics.ts';
import { defineGatewayTimes } from './gateway-times.ts';
import { configuredLimits, dismissClients, openListeners } from './serve-clients.ts';

/** Time that closing everything may take besides saying goodbye to clients. */
const CLOSE_MS = 20_000;
/** An ID that no record has: its hash would have to be all zeros. */
const NO_RECORD: Uint8Array = new Uint8Array(48);
const LEAST_BUDGET = { records: 1, bytes: 1, scanned: 1 } as const;

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
  const shared = await openSharedAbuse(config, service, abuseRules(config));
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
    limits: configuredLimits(config),
    events: defineGatewayTimes(metrics),
  });
  shared.onChange(() => gateway.registeredChanged());
  lifecycle.add('gateway', { close: () => gateway.close() });
  defineGatewayMetrics(metrics, gateway.counters);
  defineAbuseMetrics(metrics, abuse);
  for (const role of config.roles) {
    readiness.addCheck({ name: `role ${role}`, check: () => askRole(bus, role) });
  }
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

/** A round trip to one of a role's workers, and through it to its index. */
async function askRole(bus: Bus, role: RoleName): Promise<void> {
  const references = [NO_RECORD];
  const budget = LEAST_BUDGET;
  await bus.role(role).get({ references, reader: undefined, cursor: undefined, budget });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
