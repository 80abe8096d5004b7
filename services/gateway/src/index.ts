/** The gateway: what the standalone server and the cluster's gateway service are made of. */
export { type Clock, systemClock } from './clock.ts';
export type { GatewayCounters } from './counters.ts';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts';
export { defineGatewayMetrics } from './gateway-metrics.ts';
export { type GatewayConfig, gatewayProblems, gatewaySettings } from './gateway-settings.ts';
export {
  GATEWAY_LIMIT_TABLE,
  type GatewayLimitName,
  type GatewayLimits,
  type LimitSpec,
  resolveGatewayLimits,
} from './limits.ts';
export { type Listener, type ListenerEvent, type ListenerOptions } from './listener/listener.ts';
export { openFastListener } from './listener/listener-fast.ts';
export { openMtlsListener } from './listener/listener-mtls.ts';
export {
  configuredLimits,
  dismissClients,
  openListeners,
  type OpenListeners,
} from './serve-clients.ts';
