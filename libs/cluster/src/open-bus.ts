/** Connects a process to the bus, watches it for readiness and counts what it does. */
import type { NatsBus } from '@mosaic-cluster/bus/nats';
import { defineBusMetrics } from './bus-metrics.ts';
import { type BusConfig, busOptions } from './bus-settings.ts';
import { quietWarnings } from './quiet-log.ts';
import type { Service } from './service.ts';

const PING_TIMEOUT_MS = 1_500;
/** Until what is under way is answered and the connection is closed. */
const CLOSE_TIMEOUT_MS = 15_000;

/** Connects to NATS, waiting for it where it is not there yet. It closes with the lifecycle. */
export async function openBus(config: BusConfig, service: Service): Promise<NatsBus> {
  const { lifecycle, readiness, metrics, name } = service;
  const { connectNatsBus } = await import('@mosaic-cluster/bus/nats');
  const bus = await service.await('NATS', () =>
    connectNatsBus({
      ...busOptions(config),
      name: `mosaic-${name}`,
      // One attempt each: the service itself is what is patient.
      limits: { startTimeoutMs: 0 },
      notice: quietWarnings(() => lifecycle.log),
      failed: (error, request) =>
        lifecycle.log.error('the bus met an error', { error, ...(request && { request }) }),
    }),
  );
  lifecycle.add('bus', bus, CLOSE_TIMEOUT_MS);
  readiness.addCheck({ name: 'NATS', check: () => bus.ping(PING_TIMEOUT_MS) });
  defineBusMetrics(metrics, bus);
  return bus;
}
