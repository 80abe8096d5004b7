// Is it well? The signals by which the users of a server judge it, and what it depends on.
import { chart, dashboard, FAULTS, figure, ours, rate, slowest, times } from './build.mjs';

const JUDGED = `success|accepted|duplicate|no_consumers|not_found|${FAULTS}`;
const share = (metric) =>
  `1 - sum(rate(${metric}{POD,result=~"${FAULTS}"}[$__rate_interval])) / sum(rate(${metric}{POD,result=~"${JUDGED}"}[$__rate_interval]))`;
const within = (metric, seconds) =>
  `sum(rate(${metric}_bucket{POD,le="${seconds}"}[$__rate_interval])) / sum(rate(${metric}_count{POD}[$__rate_interval]))`;

export const overview = dashboard({
  uid: 'mosaic-overview',
  title: 'Mosaic / Overview',
  text: 'Whether the server is well, as its users see it. Start here.',
  rows: [
    [
      'What was promised',
      figure(
        'Submissions stored',
        'percentunit',
        'Share of submissions that did not fail for a fault of the server; the aim is 99.9 %. Below: runbook submission-errors.',
        share('mosaic_submission_results_total'),
        0.999,
        true,
      ),
      figure(
        'Submissions within 1 s',
        'percentunit',
        'Share of submissions answered within a second; the aim is 99 %. Below: runbook submissions-slow.',
        within('mosaic_submission_duration_seconds', '1'),
        0.99,
        true,
      ),
      figure(
        'Queries answered',
        'percentunit',
        'Share of gets, queries and subscriptions that did not fail for a fault of the server; the aim is 99.9 %. Below: runbook query-errors.',
        share('mosaic_query_results_total'),
        0.999,
        true,
      ),
      figure(
        'Queries within 1 s',
        'percentunit',
        'Share of requests whose stored records were all written within a second; the aim is 99 %. Below: runbook queries-slow.',
        within('mosaic_stored_answer_duration_seconds', '1'),
        0.99,
        true,
      ),
      figure(
        'Live within 2.5 s',
        'percentunit',
        'Share of live batches written to subscribers within 2.5 seconds of being received; the aim is 99 %. Below: runbook live-delivery-slow.',
        within('mosaic_live_delivery_delay_seconds', '2.5'),
        0.99,
        true,
      ),
      figure(
        'Indexes whole',
        'none',
        '1 while every worker knows its index to hold all that was acknowledged. 0: answers may lack records, runbook index-not-whole.',
        'min(mosaic_index_whole{POD})',
        1,
        true,
      ),
    ],
    [
      'Traffic',
      chart(
        'Submissions by result',
        'ops',
        'What became of submissions. accepted and duplicate are well; invalid, unauthorized and too_fast are what clients did; temporary_error is ours: look at Roles and storage.',
        [`${rate('mosaic_submission_results_total', 'result')[0]} > 0`, '{{result}}'],
      ),
      chart(
        'Requests by result',
        'ops',
        'How gets, queries and subscriptions were closed. temporary_error is ours: a role is away. too_fast many times: clients over their budgets, see Abuse.',
        [`${rate('mosaic_query_results_total', 'result')[0]} > 0`, '{{result}}'],
      ),
      chart(
        'Live records',
        'ops',
        'Records held against subscriptions, and records sent to subscribers. When the first goes on and the second stops, see Gateway.',
        ['sum(rate(mosaic_live_records_total{POD}[$__rate_interval]))', 'looked at'],
        ['sum(rate(mosaic_live_deliveries_total{POD}[$__rate_interval]))', 'sent'],
      ),
    ],
    [
      'Delay',
      chart(
        'Submissions',
        's',
        'From a submission to its result. When it rises, look at the commits under Roles and storage, then at event loops.',
        ...times('mosaic_submission_duration_seconds'),
      ),
      chart(
        'Stored records of requests',
        's',
        '99 % of requests had all their records written within this time. One kind alone: its queries are costly; all: roles are slow.',
        slowest('mosaic_stored_answer_duration_seconds', 'request'),
      ),
      chart(
        'Live delivery',
        's',
        'From a worker receiving records to their being written to subscribers. It holds the commit: compare with submissions. More than that: NATS or a busy gateway.',
        ...times('mosaic_live_delivery_delay_seconds'),
      ),
    ],
    [
      'What it stands on',
      chart(
        'Event loop lag',
        's',
        'How late the event loops are, 99th percentile by pod. Above 0.1 s a process is short of CPU: add pods.',
        [`max by (pod) ${ours('nodejs_eventloop_lag_p99_seconds{POD}')}`, '{{pod}}'],
      ),
      chart(
        'NATS connections',
        'none',
        '1 for each pod that is connected. 0: runbook bus-disconnected.',
        ['min by (pod) (mosaic_bus_connected{POD})', '{{pod}}'],
      ),
      chart(
        'Roles that answer',
        'percentunit',
        'By role, the share of gateways that reach a worker of it. Below 100 %: runbook role-away.',
        ['avg by (role) (mosaic_role_answers{POD})', '{{role}}'],
      ),
      chart(
        'Failures of Redis and the object store',
        'ops',
        'Requests that failed. Any for long: runbooks group-commits-failing and object-store-failing.',
        ['sum(rate(mosaic_redis_request_failures_total{POD}[$__rate_interval]))', 'Redis'],
        ['sum(rate(mosaic_object_store_failures_total{POD}[$__rate_interval]))', 'object store'],
      ),
      chart(
        'Pods by state',
        'none',
        'How many pods start, serve and end. Starting for long: /readyz says for what. Draining for long: runbook pod-not-draining.',
        ['sum by (state) (mosaic_process_state{POD})', '{{state}}'],
      ),
      chart('Versions', 'none', 'Pods by version. Two for long: a rolling update is stuck.', [
        'count by (service, version) (mosaic_build_info{POD})',
        '{{service}} {{version}}',
      ]),
      chart(
        'Server faults',
        'ops',
        'Errors that no client explains. Any: the log of the gateway names role and reason.',
        rate('mosaic_server_faults_total', 'pod'),
      ),
      chart(
        'Age',
        's',
        'How long ago each process started. One that is young again and again crashes: see the end of its log before that.',
        [`time() - min by (pod) ${ours('process_start_time_seconds{POD}')}`, '{{pod}}'],
      ),
      chart(
        'Certificates',
        'd',
        'Days until the certificates for NATS and Redis end; empty where there are none. Runbook certificate-expires.',
        [
          '(min by (use) (mosaic_certificate_expiry_timestamp_seconds{POD}) < +Inf) / 86400 - time() / 86400',
          '{{use}}',
        ],
      ),
    ],
  ],
});
