/** What the gateway counts about itself; whoever serves metrics reads them from here. */
import { MESSAGE, type PublicKey, RESULT, type ResultCode } from '@mosaic-cluster/protocol';

/** The types of messages that clients send, as far as they are told apart. */
export const RECEIVED_TYPES = [
  'get',
  'query',
  'subscribe',
  'unsubscribe',
  'submission',
  'other',
] as const;

/** One of them. */
export type ReceivedType = (typeof RECEIVED_TYPES)[number];

/**
 * Why a subscription lost its place: its client did not read, records are missing for good, or who
 * subscribed is out of budget.
 */
export const SHED_REASONS = ['unread', 'missed', 'over-budget'] as const;

/** One of them. */
export type ShedReason = (typeof SHED_REASONS)[number];

const TYPE_OF: ReadonlyMap<number | undefined, ReceivedType> = new Map<number, ReceivedType>([
  [MESSAGE.get, 'get'],
  [MESSAGE.query, 'query'],
  [MESSAGE.subscribe, 'subscribe'],
  [MESSAGE.unsubscribe, 'unsubscribe'],
  [MESSAGE.submission, 'submission'],
]);

/** Figures of one gateway. Those named `…Open` and `…InFlight` go up and down, others only grow. */
export interface GatewayCounters {
  connectionsOpen: number;
  /** Those of them that proved a key. */
  authenticatedOpen: number;
  /** Gets and queries. */
  queriesOpen: number;
  subscriptionsOpen: number;
  /** What all of them wait for: authors, tags and the like. */
  interestKeysOpen: number;
  submissionsInFlight: number;
  /** By type. */
  readonly messagesReceived: Record<ReceivedType, number>;
  /** Connections that were closed for a broken protocol rule. */
  violations: number;
  /** Pages asked of roles. */
  pages: number;
  /** Record messages that answered Gets and queries, and the stored part of subscriptions. */
  recordsStored: number;
  /** Record messages that live records call for: one for each subscription that may have one. */
  deliveriesOwed: number;
  /** Record messages for live records. */
  deliveries: number;
  /** Live records that were looked at. */
  liveRecords: number;
  /** Subscriptions that lost their place, by why. */
  readonly subscriptionsShed: Record<ShedReason, number>;
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
  /** Query Closed, by result code, but for subscriptions whose clients did not read: no fault of ours. */
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
    authenticatedOpen: 0,
    queriesOpen: 0,
    subscriptionsOpen: 0,
    interestKeysOpen: 0,
    submissionsInFlight: 0,
    messagesReceived: {
      get: 0,
      query: 0,
      subscribe: 0,
      unsubscribe: 0,
      submission: 0,
      other: 0,
    },
    violations: 0,
    pages: 0,
    recordsStored: 0,
    deliveriesOwed: 0,
    deliveries: 0,
    liveRecords: 0,
    subscriptionsShed: { unread: 0, missed: 0, 'over-budget': 0 },
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

/** Counts a connection that opens (1) or closes (-1). */
export function countConnection(
  counters: GatewayCounters,
  key: PublicKey | undefined,
  by: 1 | -1,
): void {
  counters.connectionsOpen += by;
  if (key !== undefined) counters.authenticatedOpen += by;
}

/** Counts a message by its first byte. */
export function countMessage(counters: GatewayCounters, type: number | undefined): void {
  counters.messagesReceived[TYPE_OF.get(type) ?? 'other'] += 1;
}

/** Adds one to a code's count. */
export function countResult(counts: Map<ResultCode, number>, code: ResultCode): void {
  counts.set(code, (counts.get(code) ?? 0) + 1);
}
