/** The gateway: what the standalone server and the cluster's gateway service are made of. */
export { defineAbuseMetrics } from './visitors/abuse-metrics.ts';
export {
  type AbuseConfig,
  abuseProblems,
  type AbuseRules,
  abuseRules,
  abuseSettingTexts,
  abuseSettings,
} from './visitors/abuse-settings.ts';
export { type Clock, systemClock } from './clock.ts';
export type { GatewayCounters } from './counters.ts';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts';
export type { GatewayEvents, StoredRequest } from './gateway-events.ts';
export { defineGatewayMetrics } from './gateway-metrics.ts';
export { defineGatewayTimes } from './gateway-times.ts';
export {
  type GatewayConfig,
  gatewayProblems,
  gatewaySettings,
  gatewaySettingTexts,
} from './gateway-settings.ts';
export {
  GATEWAY_LIMIT_TABLE,
  type GatewayLimitName,
  type GatewayLimits,
  resolveGatewayLimits,
} from './limits.ts';
export type { LimitSpec } from './limit-spec.ts';
export type { Listener, ListenerOptions } from './listener/listener.ts';
export type { ListenerEvent } from './listener/listener-events.ts';
export {
  LISTENER_LIMIT_TABLE,
  type ListenerLimitName,
  type ListenerLimits,
} from './listener/listener-limits.ts';
export { openFastListener } from './listener/listener-fast.ts';
export { ListenerFigures, type ListenerName } from './listener/listener-metrics.ts';
export { openMtlsListener } from './listener/listener-mtls.ts';
export { ReceiveBudget } from './listener/receive-budget.ts';
export {
  configuredLimits,
  dismissClients,
  openListeners,
  type OpenListeners,
} from './serve-clients.ts';
