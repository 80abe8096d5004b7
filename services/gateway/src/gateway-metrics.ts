/** A gateway's figures as metrics, for whichever process it is part of. */
import { RESULT, resultName } from '@mosaic-cluster/protocol';
import type { Metrics } from '@mosaic-cluster/runtime';
import type { GatewayCounters } from './counters.ts';

const RESULTS: readonly string[] = Object.values(RESULT).map(nameOf);

const totals = {
  messagesReceived: ['mosaic_messages_received_total', 'Messages that clients sent.'],
  violations: ['mosaic_violations_total', 'Connections closed for a broken protocol rule.'],
  pages: ['mosaic_query_pages_total', 'Pages of stored records asked of roles.'],
  recordsStored: ['mosaic_stored_records_sent_total', 'Stored records sent to clients.'],
  deliveries: ['mosaic_live_deliveries_total', 'Live records sent to subscribers.'],
  liveRecords: ['mosaic_live_records_total', 'Live records held against subscriptions.'],
  subscriptionsShed: [
    'mosaic_subscriptions_shed_total',
    'Subscriptions lost by slow readers, or because records were missed for good.',
  ],
  gaps: ['mosaic_live_gaps_total', 'Times at which live records may have been missed.'],
  catchUps: ['mosaic_catch_ups_total', 'Looks into storage for what a subscription missed.'],
  catchUpsFailed: ['mosaic_catch_ups_failed_total', 'Looks that failed and were repeated.'],
  recordsCaughtUp: ['mosaic_caught_up_records_total', 'Records sent that had been missed live.'],
  submissionBatches: ['mosaic_submission_batches_total', 'Batches of submissions sent to roles.'],
  serverFaults: ['mosaic_server_faults_total', 'Errors that no client explains.'],
} as const;

const levels = {
  connectionsOpen: ['mosaic_connections', 'Connections open.'],
  queriesOpen: ['mosaic_queries', 'Gets and queries open.'],
  subscriptionsOpen: ['mosaic_subscriptions', 'Subscriptions open.'],
  submissionsInFlight: ['mosaic_submissions_in_flight', 'Submissions not answered yet.'],
} as const;

/** Has the metrics of a process say what a gateway counts. */
export function defineGatewayMetrics(metrics: Metrics, counters: Readonly<GatewayCounters>): void {
  for (const [key, [name, help]] of Object.entries(totals)) {
    const { it } = metrics.define({ it: { type: 'counter', name, help } });
    it.readFrom(() => counters[key as keyof typeof totals]);
  }
  for (const [key, [name, help]] of Object.entries(levels)) {
    const { it } = metrics.define({ it: { type: 'gauge', name, help } });
    it.readFrom(() => counters[key as keyof typeof levels]);
  }
  const { submissions, queries } = metrics.define({
    submissions: {
      type: 'counter',
      name: 'mosaic_submission_results_total',
      help: 'Submissions answered, by result.',
      labels: { result: RESULTS },
    },
    queries: {
      type: 'counter',
      name: 'mosaic_query_results_total',
      help: 'Gets, queries and subscriptions closed, by result.',
      labels: { result: RESULTS },
    },
  });
  for (const code of Object.values(RESULT)) {
    const result = nameOf(code);
    submissions.with({ result }).readFrom(() => counters.submissionResults.get(code) ?? 0);
    queries.with({ result }).readFrom(() => counters.queryResults.get(code) ?? 0);
  }
}

/** A result code as the value of a label. */
export function nameOf(code: (typeof RESULT)[keyof typeof RESULT]): string {
  return resultName(code)?.toLowerCase() ?? String(code);
}
