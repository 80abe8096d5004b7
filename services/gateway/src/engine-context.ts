/** What all connections of one gateway share. */
import type { Clock } from './clock.ts';
import type { GatewayCounters } from './counters.ts';
import type { GatewayEvents } from './gateway-events.ts';
import type { GatewayLimits } from './limits.ts';
import type { MessageWriter } from './message-writer.ts';
import type { ResultFlusher } from './submissions/result-flusher.ts';
import type { Roles } from './roles/roles.ts';
import type { Router } from './submissions/router.ts';
import type { Standings } from './visitors/standings.ts';
import type { SubscriptionHub } from './live/subscription-hub.ts';
import type { GatewayWatcher } from './watch/gateway-watcher.ts';

/** The parts of a gateway's engine. */
export interface EngineContext {
  readonly writer: MessageWriter;
  readonly hub: SubscriptionHub;
  readonly roles: Roles;
  readonly router: Router;
  readonly flusher: ResultFlusher;
  readonly standings: Standings;
  readonly clock: Clock;
  /** How far ahead roles let records be dated, in milliseconds. */
  readonly futureMaxMs: number;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly events: GatewayEvents;
  readonly watcher: GatewayWatcher;
  /** Takes an error that a client is only told the result code of, and the name of its request. */
  readonly failed: (error: unknown, requestId?: string) => void;
}
