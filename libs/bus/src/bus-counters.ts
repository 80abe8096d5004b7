/** What a bus between processes counts, for its process's metrics. */

/** Figures since the start; they only grow. */
export interface BusCounters {
  requests: number;
  /** Requests sent a second time. */
  requestsRepeated: number;
  /** Requests that nobody answered in time. */
  requestsTimedOut: number;
  /** Requests that found nobody, twice. */
  requestsWithoutResponder: number;
  /** Requests refused because too many wait. */
  requestsRefused: number;
  /** Requests of others answered. */
  served: number;
  /** Requests of others refused because too many are being served. */
  servedRefused: number;
  livePublished: number;
  /** Live records not published because the server did not take them. */
  liveDropped: number;
  liveReceived: number;
  /** Times at which records may have been missed. */
  gaps: number;
  /** Interests that not all publishers confirmed in time. */
  syncTimeouts: number;
  disconnects: number;
  reconnects: number;
  forbiddenPublishes: number;
  forbiddenSubscriptions: number;
  /** Messages that were none of this bus's, or broken. */
  malformed: number;
}

/** All at zero. */
export function createBusCounters(): BusCounters {
  return {
    requests: 0,
    requestsRepeated: 0,
    requestsTimedOut: 0,
    requestsWithoutResponder: 0,
    requestsRefused: 0,
    served: 0,
    servedRefused: 0,
    livePublished: 0,
    liveDropped: 0,
    liveReceived: 0,
    gaps: 0,
    syncTimeouts: 0,
    disconnects: 0,
    reconnects: 0,
    forbiddenPublishes: 0,
    forbiddenSubscriptions: 0,
    malformed: 0,
  };
}
