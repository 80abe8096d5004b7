/** What the gateway counts about itself; whoever serves metrics reads them from here. */
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';

/** Figures of one gateway. Those named `…Open` and `…InFlight` go up and down, others only grow. */
export interface GatewayCounters {
  connectionsOpen: number;
  /** Gets and queries. */
  queriesOpen: number;
  subscriptionsOpen: number;
  submissionsInFlight: number;
  messagesReceived: number;
  /** Connections that were closed for a broken protocol rule. */
  violations: number;
  /** Pages asked of roles. */
  pages: number;
  /** Record messages that answered Gets and queries, and the stored part of subscriptions. */
  recordsStored: number;
  /** Record messages for live records. */
  deliveries: number;
  /** Live records that were looked at. */
  liveRecords: number;
  /** Subscriptions that lost their place: their client did not read, or records are missing. */
  subscriptionsShed: number;
  /** Times at which live records may have been missed. */
  gaps: number;
  /** Looks into storage for what a subscription may have missed. */
  catchUps: number;
  /** Those that failed and were repeated. */
  catchUpsFailed: number;
  /** Record messages for what they found. */
  recordsCaughtUp: number;
  /** Batches of submissions sent to roles. */
  submissionBatches: number;
  /** Submission Results, by result code. */
  readonly submissionResults: Map<ResultCode, number>;
  /** Query Closed, by result code. */
  readonly queryResults: Map<ResultCode, number>;
  /** Errors of roles that no client's behaviour explains. */
  serverFaults: number;
}

/** Counters at zero. */
export function createCounters(): GatewayCounters {
  const zeros = (): Map<ResultCode, number> =>
    new Map(Object.values(RESULT).map((code) => [code, 0]));
  return {
    connectionsOpen: 0,
    queriesOpen: 0,
    subscriptionsOpen: 0,
    submissionsInFlight: 0,
    messagesReceived: 0,
    violations: 0,
    pages: 0,
    recordsStored: 0,
    deliveries: 0,
    liveRecords: 0,
    subscriptionsShed: 0,
    gaps: 0,
    catchUps: 0,
    catchUpsFailed: 0,
    recordsCaughtUp: 0,
    submissionBatches: 0,
    submissionResults: zeros(),
    queryResults: zeros(),
    serverFaults: 0,
  };
}

/** Adds one to a code's count. */
export function countResult(counts: Map<ResultCode, number>, code: ResultCode): void {
  counts.set(code, (counts.get(code) ?? 0) + 1);
}
