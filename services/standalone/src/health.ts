/**
 * What the embedded server says about itself on its health port: whether it lives, whether it can
 * find records, and its figures.
 */
import type { GatewayCounters } from '@mosaic-cluster/gateway';
import { RESULT, resultName } from '@mosaic-cluster/protocol';
import {
  type CounterHandle,
  type HostPort,
  type Lifecycle,
  Metrics,
  Readiness,
  startHealthServer,
} from '@mosaic-cluster/runtime';
import type { OpenRole } from './open-roles.ts';

const RESULTS: readonly string[] = Object.values(RESULT).map(
  (code) => resultName(code)?.toLowerCase() ?? String(code),
);
const CHECK_TIMEOUT_MS = 2000;

const totals = {
  messagesReceived: ['mosaic_messages_received_total', 'Messages that clients sent.'],
  violations: ['mosaic_violations_total', 'Connections closed for a broken protocol rule.'],
  pages: ['mosaic_query_pages_total', 'Pages of stored records asked of roles.'],
  recordsStored: ['mosaic_stored_records_sent_total', 'Stored records sent to clients.'],
  deliveries: ['mosaic_live_deliveries_total', 'Live records sent to subscribers.'],
  liveRecords: ['mosaic_live_records_total', 'Live records held against subscriptions.'],
  subscriptionsShed: ['mosaic_subscriptions_shed_total', 'Subscriptions lost by slow readers.'],
  submissionBatches: ['mosaic_submission_batches_total', 'Batches of submissions sent to roles.'],
  serverFaults: ['mosaic_server_faults_total', 'Errors that no client explains.'],
} as const;

const levels = {
  connectionsOpen: ['mosaic_connections', 'Connections open.'],
  queriesOpen: ['mosaic_queries', 'Gets and queries open.'],
  subscriptionsOpen: ['mosaic_subscriptions', 'Subscriptions open.'],
  submissionsInFlight: ['mosaic_submissions_in_flight', 'Submissions not answered yet.'],
} as const;

/** What the health port speaks of. */
export interface HealthDeps {
  readonly version: string;
  readonly counters: Readonly<GatewayCounters>;
  readonly roles: readonly OpenRole[];
  readonly lifecycle: Lifecycle;
}

/**
 * Serves /livez, /readyz and /metrics until the lifecycle ends.
 *
 * @returns what says whether the server wants clients: to be told when it no longer does
 */
export async function openHealth(listen: HostPort, deps: HealthDeps): Promise<Readiness> {
  const { lifecycle, roles } = deps;
  const readiness = new Readiness({ checkTimeoutMs: CHECK_TIMEOUT_MS, log: lifecycle.log });
  // A disk that is full does not make a server unready: what it holds can be read.
  for (const { role, index } of roles) {
    readiness.addCheck({ name: `index of ${role}`, check: () => index.lookup([NO_RECORD]) });
  }
  const metrics = new Metrics({ service: 'standalone', version: deps.version });
  const refresh = defineMetrics(metrics, deps);
  const server = await startHealthServer({
    listen,
    readiness,
    metrics: {
      contentType: metrics.contentType,
      render: () => {
        refresh();
        return metrics.render();
      },
    },
    log: lifecycle.log,
  });
  lifecycle.add('health server', server);
  readiness.setState('serving');
  return readiness;
}

/** An ID that no record has: its hash would have to be all zeros. */
const NO_RECORD: Uint8Array = new Uint8Array(48);

/** @returns brings the counters up to what the gateway has counted */
function defineMetrics(metrics: Metrics, { counters, roles }: HealthDeps): () => void {
  const refreshers: (() => void)[] = [];
  for (const [key, [name, help]] of Object.entries(totals)) {
    const { it } = metrics.define({ it: { type: 'counter', name, help } });
    refreshers.push(following(it, () => counters[key as keyof typeof totals]));
  }
  for (const [key, [name, help]] of Object.entries(levels)) {
    const { it } = metrics.define({ it: { type: 'gauge', name, help } });
    it.readFrom(() => counters[key as keyof typeof levels]);
  }
  const { submissions, queries, writable } = metrics.define({
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
    writable: {
      type: 'gauge',
      name: 'mosaic_segment_log_writable',
      help: 'Whether a role takes records: 1, or 0 where its disk is full or failing.',
      labels: { role: ['outbox', 'inbox', 'encryption'] },
    },
  });
  for (const code of Object.values(RESULT)) {
    const result = resultName(code)?.toLowerCase() ?? String(code);
    refreshers.push(
      following(submissions.with({ result }), () => counters.submissionResults.get(code) ?? 0),
      following(queries.with({ result }), () => counters.queryResults.get(code) ?? 0),
    );
  }
  for (const { role, log } of roles) {
    writable.with({ role }).readFrom(() => (log.state.writable ? 1 : 0));
  }
  return () => {
    for (const refresh of refreshers) refresh();
  };
}

function following(counter: CounterHandle, total: () => number): () => void {
  let counted = 0;
  return () => {
    const now = total();
    counter.increment(now - counted);
    counted = now;
  };
}
