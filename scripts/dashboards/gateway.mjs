// The gateways: who is connected, what they ask, how live delivery goes.
import { chart, dashboard, FAULTS, rate, slowest, times } from './build.mjs';

export const gateway = dashboard({
  uid: 'mosaic-gateway',
  title: 'Mosaic / Gateway',
  text: 'Connections, messages, queries and live delivery of the gateways.',
  rows: [
    [
      'Connections',
      chart(
        'Open, by listener',
        'none',
        'WebSockets open. Near MOSAIC_CONNECTIONS_MAX of a pod: add gateways. One pod with most: the balancer keeps them there.',
        ['sum by (pod, listener) (mosaic_listener_connections{POD})', '{{pod}} {{listener}}'],
      ),
      chart(
        'Open, by identity',
        'none',
        'Connections whose client proved a key, and those without. A sudden rise of anonymous ones: see Abuse.',
        ['sum by (identity) (mosaic_connections{POD})', '{{identity}}'],
      ),
      chart(
        'Opened and ended',
        'ops',
        'WebSockets accepted, and those that ended by reason. unread and receiving: clients too slow; server: limits, bans or a drain.',
        ['sum(rate(mosaic_listener_opened_total{POD}[$__rate_interval]))', 'opened'],
        [`${rate('mosaic_listener_closed_total', 'reason')[0]} > 0`, 'ended: {{reason}}'],
      ),
      chart(
        'Handshakes failed',
        'ops',
        'What did not become a WebSocket, by reason. proxy: the balancer is set up wrongly; tls, certificate, request: clients.',
        rate('mosaic_listener_handshakes_failed_total', 'reason'),
      ),
      chart(
        'Refused at the door',
        'ops',
        'Connections refused or dropped before they cost much. full: add gateways; others: crowds of one address, see Abuse.',
        rate('mosaic_listener_refused_total', 'reason'),
        [
          'sum by (reason) (rate(mosaic_listener_handshakes_dropped_total{POD}[$__rate_interval]))',
          'dropped: {{reason}}',
        ],
      ),
      chart(
        'Handshakes under way',
        'none',
        'Connections that are no WebSockets yet, and those of them that wait for their turn. Waiting for long: a crowd, or the gateway is short of CPU; uws does not tell.',
        ['sum by (listener) (mosaic_listener_handshakes{POD}) >= 0', '{{listener}}'],
        [
          'sum by (listener) (mosaic_listener_handshakes_waiting{POD}) >= 0',
          '{{listener}} waiting',
        ],
      ),
    ],
    [
      'Messages',
      chart(
        'Received, by type',
        'ops',
        'What clients send. other: unknown or forbidden types, an old or hostile client.',
        rate('mosaic_messages_received_total', 'type'),
      ),
      chart(
        'Broken rules',
        'ops',
        'Connections closed for a broken rule of the protocol. A rise after an update of a client: tell its authors.',
        rate('mosaic_violations_total', 'pod'),
      ),
      chart(
        'Bytes of unfinished messages',
        'bytes',
        'What clients have sent of messages that are not complete. Near the bound of limits.md the heaviest address is cut off.',
        ['sum by (pod) (mosaic_receiving_bytes{POD})', '{{pod}}'],
      ),
      chart(
        'Submissions in flight',
        'none',
        'Submissions that roles have not answered. Growing without end: roles are slow.',
        ['sum by (pod) (mosaic_submissions_in_flight{POD})', '{{pod}}'],
      ),
      chart(
        'Queries open',
        'none',
        'Gets and queries that are not answered in full. Growing: roles are slow, or clients do not read.',
        ['sum by (pod) (mosaic_queries{POD})', '{{pod}}'],
      ),
      chart(
        'Pages and records sent',
        'ops',
        'Pages asked of roles, and stored records sent. Many pages for few records: queries that find little, which budgets charge for.',
        ['sum(rate(mosaic_query_pages_total{POD}[$__rate_interval]))', 'pages'],
        ['sum(rate(mosaic_stored_records_sent_total{POD}[$__rate_interval]))', 'records'],
      ),
      chart(
        'Delay by request',
        's',
        'Until all stored records of a request were written, 99th percentile. When it rises, see Roles and storage.',
        slowest('mosaic_stored_answer_duration_seconds', 'request'),
      ),
      chart(
        'Delay of submissions',
        's',
        'From a submission to its result. When it rises, see the commits in Roles and storage, then event loops.',
        ...times('mosaic_submission_duration_seconds'),
      ),
      chart(
        'Failed, by type',
        'ops',
        'Requests and submissions that failed for reasons that no client explains. Any for long: a role or its stores are away, see Roles and storage.',
        rate('mosaic_stored_answer_failures_total', 'request'),
        [
          `sum(rate(mosaic_submission_results_total{POD,result=~"${FAULTS}"}[$__rate_interval]))`,
          'submission',
        ],
      ),
    ],
    [
      'Roles, as gateways see them',
      chart(
        'Requests to roles',
        'ops',
        'Requests over NATS, and those that found nobody, no answer or no room. Any of these for long: workers are away or overloaded.',
        ['sum(rate(mosaic_bus_requests_total{POD}[$__rate_interval]))', 'sent'],
        [
          'sum(rate(mosaic_bus_requests_without_responder_total{POD}[$__rate_interval]))',
          'nobody there',
        ],
        ['sum(rate(mosaic_bus_requests_timed_out_total{POD}[$__rate_interval]))', 'no answer'],
        ['sum(rate(mosaic_bus_requests_refused_total{POD}[$__rate_interval]))', 'no room'],
      ),
      chart(
        'Roles that answer',
        'percentunit',
        'By role, the share of gateways that reach a worker of it. Below 100 %: clients of the others do without it, runbook role-away.',
        ['avg by (role) (mosaic_role_answers{POD})', '{{role}}'],
      ),
      chart(
        'Submissions of a batch',
        'none',
        'How many submissions go to a role together. Large ones are good: the cost is shared; they come with load.',
        ...times('mosaic_submission_batch_records'),
      ),
    ],
    [
      'Live delivery',
      chart(
        'Subscriptions',
        'none',
        'Subscriptions open by pod, and subjects of NATS that it listens to for them. All at one pod: the balancer keeps clients there; falling at once: see Shed.',
        ['sum by (pod) (mosaic_subscriptions{POD})', '{{pod}}'],
        [
          'sum by (pod) (mosaic_bus_live_subjects{POD} and on (namespace, pod, instance) mosaic_subscriptions{POD})',
          '{{pod}} subjects',
        ],
      ),
      chart(
        'Keys of subscriptions',
        'none',
        'Authors, tags and the like that subscriptions wait for. Near interestKeysMax of limits.md: add gateways, or look who subscribes to so much.',
        ['sum by (pod) (mosaic_subscription_keys{POD})', '{{pod}}'],
      ),
      chart(
        'Owed and sent',
        'ops',
        'Live records that arrived, and were owed and sent to subscribers. Less sent than owed for long: clients that do not read, see Shed; none owed: nobody waits for what arrives.',
        ['sum(rate(mosaic_bus_live_received_total{POD}[$__rate_interval]))', 'arrived'],
        ['sum(rate(mosaic_live_deliveries_owed_total{POD}[$__rate_interval]))', 'owed'],
        ['sum(rate(mosaic_live_deliveries_total{POD}[$__rate_interval]))', 'sent'],
      ),
      chart(
        'Shed',
        'ops',
        'Subscriptions that lost their place. unread: clients that do not read; of all at once, the gateway is short of CPU. missed: records were missed for good, see the gaps. over-budget: see Abuse.',
        rate('mosaic_subscriptions_shed_total', 'reason'),
      ),
      chart(
        'Gaps and catching up',
        'ops',
        'Times at which records may have been missed, looks into storage for them, those that failed, and records found. Gaps all the time: NATS loses connections.',
        ['sum(rate(mosaic_live_gaps_total{POD}[$__rate_interval]))', 'gaps'],
        ['sum(rate(mosaic_catch_ups_total{POD}[$__rate_interval]))', 'looks'],
        ['sum(rate(mosaic_catch_ups_failed_total{POD}[$__rate_interval]))', 'failed'],
        ['sum(rate(mosaic_caught_up_records_total{POD}[$__rate_interval]))', 'records'],
      ),
      chart(
        'Delay',
        's',
        'From a worker receiving records to their being written. See the runbook live-delivery-slow.',
        ...times('mosaic_live_delivery_delay_seconds'),
      ),
    ],
  ],
});
