/** A gateway's figures as metrics, for whichever process it is part of. */
import { RESULT, resultName } from '@mosaic-cluster/protocol';
import type { GaugeHandle, Metrics } from '@mosaic-cluster/runtime';
import { type GatewayCounters, RECEIVED_TYPES, SHED_REASONS } from './counters.ts';

const RESULTS: readonly string[] = Object.values(RESULT).map(nameOf);

type Described = readonly [name: `mosaic_${string}`, help: string, remedy?: string];

const totals = {
  violations: [
    'mosaic_violations_total',
    'Connections closed for a broken protocol rule.',
    'Clients that break rules earn bans by themselves; a rise after an update of yours is yours.',
  ],
  pages: ['mosaic_query_pages_total', 'Pages of stored records asked of roles.'],
  recordsStored: ['mosaic_stored_records_sent_total', 'Stored records sent to clients.'],
  deliveriesOwed: [
    'mosaic_live_deliveries_owed_total',
    'Live records that subscribers were to get, each counted for each of them.',
    'For long more than were sent: clients that do not read, see what is shed.',
  ],
  deliveries: ['mosaic_live_deliveries_total', 'Live records sent to subscribers.'],
  liveRecords: ['mosaic_live_records_total', 'Live records held against subscriptions.'],
  gaps: [
    'mosaic_live_gaps_total',
    'Times at which live records may have been missed.',
    'NATS was away, or a worker ended badly; subscriptions catch up by themselves.',
  ],
  catchUps: ['mosaic_catch_ups_total', 'Looks into storage for what a subscription missed.'],
  catchUpsFailed: [
    'mosaic_catch_ups_failed_total',
    'Looks that failed and were repeated.',
    'A role or its stores are away: see the results of queries.',
  ],
  recordsCaughtUp: ['mosaic_caught_up_records_total', 'Records sent that had been missed live.'],
  submissionBatches: ['mosaic_submission_batches_total', 'Batches of submissions sent to roles.'],
  serverFaults: [
    'mosaic_server_faults_total',
    'Errors that no client explains.',
    'The log of the gateway has each, with the role.',
  ],
} as const;

const levels = {
  queriesOpen: [
    'mosaic_queries',
    'Gets and queries open.',
    'Where it grows without end, roles are slow, or clients do not read.',
  ],
  subscriptionsOpen: ['mosaic_subscriptions', 'Subscriptions open.'],
  interestKeysOpen: [
    'mosaic_subscription_keys',
    'Authors, tags and the like that subscriptions wait for.',
    'Near interestKeysMax of limits.md: more gateways, or look who subscribes to so much.',
  ],
  submissionsInFlight: [
    'mosaic_submissions_in_flight',
    'Submissions not answered yet.',
    'Where it grows without end, roles are slow: see their requests.',
  ],
} as const;

/** Has the metrics of a process say what a gateway counts. */
export function defineGatewayMetrics(metrics: Metrics, counters: Readonly<GatewayCounters>): void {
  for (const [key, [name, help, remedy]] of Object.entries<Described>(totals)) {
    const { it } = metrics.define({
      it: { type: 'counter', name, help, ...(remedy && { remedy }) },
    });
    it.readFrom(() => counters[key as keyof typeof totals]);
  }
  for (const [key, [name, help, remedy]] of Object.entries<Described>(levels)) {
    const { it } = metrics.define({ it: { type: 'gauge', name, help, ...(remedy && { remedy }) } });
    it.readFrom(() => counters[key as keyof typeof levels]);
  }
  defineByKind(metrics, counters);
  const { submissions, queries } = metrics.define({
    submissions: {
      type: 'counter',
      name: 'mosaic_submission_results_total',
      help: 'Submissions answered, by result.',
      remedy:
        'temporary_error, general_error: a role cannot store, see its commits. too_fast: queues are full or budgets used up. invalid and unauthorized are what clients did.',
      labels: { result: RESULTS },
    },
    queries: {
      type: 'counter',
      name: 'mosaic_query_results_total',
      help: 'Gets, queries and subscriptions closed, by result; not those that were shed as their clients did not read.',
      remedy:
        'temporary_error: a role is away or its stores are. too_fast: clients are over their budgets. too_open, not_found: what clients asked.',
      labels: { result: RESULTS },
    },
  });
  for (const code of Object.values(RESULT)) {
    const result = nameOf(code);
    submissions.with({ result }).readFrom(() => counters.submissionResults.get(code) ?? 0);
    queries.with({ result }).readFrom(() => counters.queryResults.get(code) ?? 0);
  }
}

function defineByKind(metrics: Metrics, counters: Readonly<GatewayCounters>): void {
  const { messages, connections, shed } = metrics.define({
    messages: {
      type: 'counter',
      name: 'mosaic_messages_received_total',
      help: 'Messages that clients sent, by type.',
      labels: { type: RECEIVED_TYPES },
    },
    connections: {
      type: 'gauge',
      name: 'mosaic_connections',
      help: 'Connections open, by whether their client proved a key.',
      remedy: 'Near MOSAIC_CONNECTIONS_MAX: add gateways.',
      labels: { identity: ['anonymous', 'authenticated'] },
    },
    shed: {
      type: 'counter',
      name: 'mosaic_subscriptions_shed_total',
      help: 'Subscriptions that lost their place: their clients did not read or are over budget, or records were missed for good.',
      remedy:
        'unread: slow clients; of all at once: the gateway is short of CPU. missed: see the gaps. over-budget: see what limits refuse.',
      labels: { reason: SHED_REASONS },
    },
  });
  for (const reason of SHED_REASONS) {
    shed.with({ reason }).readFrom(() => counters.subscriptionsShed[reason]);
  }
  for (const type of RECEIVED_TYPES) {
    messages.with({ type }).readFrom(() => counters.messagesReceived[type]);
  }
  const of = (identity: 'anonymous' | 'authenticated'): GaugeHandle =>
    connections.with({ identity });
  of('authenticated').readFrom(() => counters.authenticatedOpen);
  of('anonymous').readFrom(() => counters.connectionsOpen - counters.authenticatedOpen);
}

/** A result code as the value of a label. */
export function nameOf(code: (typeof RESULT)[keyof typeof RESULT]): string {
  return resultName(code)?.toLowerCase() ?? String(code);
}
