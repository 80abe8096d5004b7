/**
 * The figures every Node.js process reports about itself: CPU, memory, garbage collection, and
 * how late its event loop is, which is the first thing to look at when a service is slow.
 */
import { type EventLoopUtilization, performance } from 'node:perf_hooks';

import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

// Gauges with a counter's ending: Prometheus' linter rejects them. The same figures are there by
// type, as nodejs_active_handles, nodejs_active_requests and nodejs_active_resources.
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Adds the process's own metrics, and one that tells service and version, to `registry`. */
export function addProcessMetrics(
  registry: Registry,
  process: { readonly service: string; readonly version: string },
): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  addEventLoopUtilization(registry);
  const info = new Gauge({
    name: 'mosaic_build_info',
    help: 'Always 1; its labels tell which service and version runs here.',
    labelNames: ['service', 'version'],
    registers: [registry],
  });
  info.set({ service: process.service, version: process.version }, 1);
}

function addEventLoopUtilization(registry: Registry): void {
  let previous: EventLoopUtilization = performance.eventLoopUtilization();
  const gauge = new Gauge({
    name: 'nodejs_eventloop_utilization_ratio',
    help: 'Share of the time since the last scrape in which the event loop was busy, 0 to 1.',
    registers: [registry],
    collect: () => {
      const now = performance.eventLoopUtilization();
      gauge.set(performance.eventLoopUtilization(now, previous).utilization);
      previous = now;
    },
  });
}
