/** A role's service that says how long its requests took: what a worker puts on the bus. */
import type { CallContext, RoleName, RoleService } from '@mosaic-cluster/bus';
import {
  BATCH_BUCKETS,
  type CounterHandle,
  type HistogramHandle,
  LATENCY_BUCKETS,
  type Metrics,
  timed,
} from '@mosaic-cluster/runtime';

const REQUESTS = ['submit', 'query', 'get', 'identities'] as const;

/** Requests of roles, as metrics know them. */
type RequestName = (typeof REQUESTS)[number];

/** Puts the metrics of requests around the service of a role. */
export type MeasureRole = (role: RoleName, service: RoleService) => RoleService;

/**
 * Defines the metrics of the requests that roles of a process answer.
 *
 * @param names the roles that the process may play
 */
export function defineRequestMetrics(metrics: Metrics, names: readonly RoleName[]): MeasureRole {
  const labels = { role: names, request: REQUESTS } as const;
  const { seconds, failures, open, batch } = metrics.define({
    seconds: {
      type: 'histogram',
      name: 'mosaic_role_request_duration_seconds',
      help: 'From a request of a gateway (a batch of submissions, a page of a query or of a get, whose keys a key acts for) to its answer, by role.',
      remedy:
        'Compare with the times of commits, of Redis and of the object store, which are in it. Where those are well, the worker is short of CPU: add workers.',
      labels,
      buckets: LATENCY_BUCKETS,
    },
    failures: {
      type: 'counter',
      name: 'mosaic_role_request_failures_total',
      help: 'Requests that a role could not answer; submissions that it judged are not among them.',
      remedy:
        'The log of the worker names the reason: Redis, the object store, or too much at once.',
      labels,
    },
    open: {
      type: 'gauge',
      name: 'mosaic_role_requests_in_flight',
      help: 'Requests that a role has not answered yet.',
      remedy: 'Where it grows without end, what the role waits for is slow: see the times.',
      labels: { role: names },
    },
    batch: {
      type: 'histogram',
      name: 'mosaic_role_submission_batch_records',
      help: 'Submissions that came to a role in one request.',
      labels: { role: names },
      buckets: BATCH_BUCKETS,
    },
  });
  return (role, service) => {
    const inFlight = open.with({ role });
    const records = batch.with({ role });
    const measured = <A, B>(
      request: RequestName,
      answer: (asked: A, call?: CallContext) => Promise<B>,
    ): ((asked: A, call?: CallContext) => Promise<B>) =>
      measuredAnswer(
        [seconds.with({ role, request }), failures.with({ role, request })],
        (by) => inFlight.add(by),
        answer,
      );
    const submit = measured('submit', service.submit.bind(service));
    return {
      submit: (submissions, call) => {
        records.observe(submissions.length);
        return submit(submissions, call);
      },
      query: measured('query', service.query.bind(service)),
      get: measured('get', service.get.bind(service)),
      identities: measured('identities', service.identities.bind(service)),
    };
  };
}

function measuredAnswer<A, B>(
  [seconds, failures]: readonly [HistogramHandle, CounterHandle],
  opened: (by: number) => void,
  answer: (asked: A, call?: CallContext) => Promise<B>,
): (asked: A, call?: CallContext) => Promise<B> {
  return async (asked, call) => {
    opened(1);
    try {
      return await timed(seconds, failures, () => answer(asked, call), call?.trace?.traceId);
    } finally {
      opened(-1);
    }
  };
}
