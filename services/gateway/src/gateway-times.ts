/** How long a gateway lets its clients wait, as metrics. */
import { BATCH_BUCKETS, LATENCY_BUCKETS, type Metrics } from '@mosaic-cluster/runtime';
import { type GatewayEvents, STORED_REQUESTS } from './gateway-events.ts';

/** Defines the metrics of a gateway's times; give the events to the gateway. */
export function defineGatewayTimes(metrics: Metrics): GatewayEvents {
  const { submissions, batches, stored, failures, live } = metrics.define({
    submissions: {
      type: 'histogram',
      name: 'mosaic_submission_duration_seconds',
      help: 'From a submission to its result, of those that went to a role.',
      remedy: 'See the times of requests and commits of the roles, and the lag of event loops.',
      buckets: LATENCY_BUCKETS,
    },
    batches: {
      type: 'histogram',
      name: 'mosaic_submission_batch_records',
      help: 'Submissions that went to a role together.',
      buckets: BATCH_BUCKETS,
    },
    stored: {
      type: 'histogram',
      name: 'mosaic_stored_answer_duration_seconds',
      help: 'From the begin of a get, query or subscribe until all of its stored records were written, but for the time in which its client did not read; those that failed or were given up are not in it.',
      remedy: 'See the requests of the roles, the cache of segments and the index.',
      labels: { request: STORED_REQUESTS },
      buckets: LATENCY_BUCKETS,
    },
    failures: {
      type: 'counter',
      name: 'mosaic_stored_answer_failures_total',
      help: 'Gets, queries and subscribes that failed before all of their stored records were written, for reasons that no client explains.',
      remedy: 'A role is away or its stores are: see the requests of the roles.',
      labels: { request: STORED_REQUESTS },
    },
    live: {
      type: 'histogram',
      name: 'mosaic_live_delivery_delay_seconds',
      help: 'From the moment a worker received records until a gateway had written them to its subscribers: commit and bus are in it, and by how much their clocks differ.',
      remedy: 'See the times of commits, NATS, and the lag of event loops; compare the clocks.',
      buckets: LATENCY_BUCKETS,
    },
  });
  const byRequest = Object.fromEntries(
    STORED_REQUESTS.map((request) => [request, stored.with({ request })]),
  );
  return {
    submissionAnswered: (seconds, traceId) => submissions.observe(seconds, traceId),
    batchSent: (records) => batches.observe(records),
    storedSent: (request, seconds, traceId) => byRequest[request]?.observe(seconds, traceId),
    storedFailed: (request) => failures.with({ request }).increment(),
    liveDelivered: (seconds) => live.observe(seconds),
  };
}
