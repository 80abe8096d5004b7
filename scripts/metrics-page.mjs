// Makes docs/metrics.md from what processes define: every metric is declared once, in the code.
import { defineKeeperMetrics } from '../libs/cluster/dist/keep-index.js';
import { defineBusMetrics } from '../libs/cluster/dist/bus-metrics.js';
import { defineCompactionMetrics } from '../libs/cluster/dist/compaction-metrics.js';
import { defineCertificateMetrics } from '../libs/cluster/dist/certificate-metrics.js';
import { measureIndex } from '../libs/cluster/dist/index-metrics.js';
import { measureObjects } from '../libs/cluster/dist/object-metrics.js';
import { measureRedis } from '../libs/cluster/dist/redis-metrics.js';
import { defineServingMetrics } from '../libs/cluster/dist/serving-metrics.js';
import { defineRoleMetrics } from '../libs/role/dist/role-metrics.js';
import { defineRewriteMetrics } from '../libs/role/dist/rewrite-metrics.js';
import { defineModerationMetrics } from '../libs/role/dist/moderation-metrics.js';
import { measureVerifier } from '../libs/role/dist/verifier-metrics.js';
import { renderMetricsMarkdown } from '../libs/runtime/dist/metric-table.js';
import { Metrics } from '../libs/runtime/dist/metrics.js';
import { defineTraceMetrics } from '../libs/runtime/dist/tracing/trace-metrics.js';
import { defineAbuseMetrics } from '../services/gateway/dist/visitors/abuse-metrics.js';
import { createCounters } from '../services/gateway/dist/counters.js';
import { defineGatewayMetrics } from '../services/gateway/dist/gateway-metrics.js';
import { defineGatewayTimes } from '../services/gateway/dist/gateway-times.js';
import { defineRolePresenceMetrics } from '../services/gateway/dist/roles/role-presence-metrics.js';
import { ListenerFigures } from '../services/gateway/dist/listener/listener-metrics.js';

/** Those of every process that are worth an operator's look; prom-client has them, and more. */
const PROCESS_SPECS = [
  {
    name: 'mosaic_build_info',
    type: 'gauge',
    labels: { service: ['…'], version: ['…'] },
    help: 'Always 1; its labels tell which service and version runs here.',
    remedy: 'Two versions for long: a rolling update is stuck.',
  },
  {
    name: 'nodejs_eventloop_lag_p99_seconds',
    type: 'gauge',
    help: 'How late the event loop was, of the slowest hundredth of its turns since the last scrape.',
    remedy: 'Above 0.1: the process is short of CPU, or one request keeps it busy: add processes.',
  },
  {
    name: 'nodejs_eventloop_utilization_ratio',
    type: 'gauge',
    help: 'Share of the time since the last scrape in which the event loop was busy, 0 to 1.',
    remedy: 'Above 0.8: add processes.',
  },
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU that the process has used, all threads together.',
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Memory of the process.',
    remedy:
      'It is bounded by the cache of segments and the bounds of limits.md: compare, then give more.',
  },
  {
    name: 'nodejs_heap_size_used_bytes',
    type: 'gauge',
    help: 'Of that, what JavaScript uses.',
  },
  {
    name: 'nodejs_gc_duration_seconds',
    type: 'histogram',
    labels: { kind: ['major', 'minor', 'incremental', 'weakcb'] },
    help: 'Collections of garbage.',
  },
  {
    name: 'process_open_fds',
    type: 'gauge',
    help: 'Files and sockets open.',
    remedy: 'Near process_max_fds: raise the limit of open files.',
  },
  {
    name: 'process_max_fds',
    type: 'gauge',
    help: 'Most files and sockets that may be open.',
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process started.',
    remedy: 'It changes often: the process crashes; see its log.',
  },
];

const ROLES = ['outbox', 'inbox', 'encryption'];

// What is defined is only read at a scrape, and here is none: nothing needs to be behind it.
const nothing = new Proxy(() => {}, { get: () => nothing });

const SECTIONS = [
  {
    title: 'Every process',
    whose: 'The state and the certificates are those of the processes of a cluster.',
    define: (metrics) => {
      defineServingMetrics(metrics, nothing);
      defineCertificateMetrics(metrics, {});
      defineTraceMetrics(metrics);
    },
  },
  {
    title: 'Gateways',
    whose: 'Also of the embedded server, but for the roles that answer.',
    define: (metrics) => {
      defineRolePresenceMetrics(metrics, nothing, ROLES);
      defineGatewayTimes(metrics);
      defineGatewayMetrics(metrics, createCounters());
    },
  },
  {
    title: 'Listeners',
    whose: 'Of gateways and the embedded server.',
    define: (metrics) => new ListenerFigures(metrics, ['mtls', 'uws'], nothing),
  },
  {
    title: 'Abuse control',
    whose: 'Of gateways and the embedded server.',
    define: (metrics) => defineAbuseMetrics(metrics, nothing),
  },
  {
    title: 'Roles',
    whose:
      'Of workers, whose `role` is their own, and the embedded server. Moderation: of the inbox. Compaction: of workers; segments written again: of the embedded server.',
    define: (metrics) => {
      defineRoleMetrics(metrics, ROLES);
      measureVerifier(metrics, nothing);
      defineModerationMetrics(metrics);
      defineRewriteMetrics(metrics, ROLES);
      defineCompactionMetrics(metrics);
    },
  },
  {
    title: 'The record index of a cluster',
    whose: 'Of workers.',
    define: (metrics) => {
      defineKeeperMetrics(metrics, nothing);
      measureIndex(metrics);
    },
  },
  {
    title: 'NATS, Redis and the object store',
    whose: 'Of the processes of a cluster; a gateway uses no object store.',
    define: (metrics) => {
      defineBusMetrics(metrics, nothing);
      measureRedis(metrics, nothing, nothing);
      measureObjects(metrics, nothing, nothing);
    },
  },
];

/** Every metric that a process can have, by the page's sections. */
export function metricSections() {
  return SECTIONS.map(({ title, whose, define }, i) => {
    const metrics = new Metrics({ service: 'page', version: '0' });
    define(metrics);
    return { title, whose, specs: [...(i === 0 ? PROCESS_SPECS : []), ...metrics.specs] };
  });
}

/** The page. */
export function metricsPage() {
  const parts = metricSections().map(
    ({ title, whose, specs }) => `## ${title}\n\n${whose}\n\n${renderMetricsMarkdown(specs)}`,
  );
  return `# Metrics

<!-- Made by npm run docs from the tables in the code. -->

Every process serves its metrics for Prometheus at \`/metrics\` of its health port
(\`MOSAIC_HEALTH_LISTEN\`). Counters start at zero with the process and histograms of times are in
seconds; labels have no other values than those given here, so that no client can make the number of
series grow. What a metric is there for is on the dashboards, and what is wrong enough to be told is in
the alerts, each with a page in [runbooks](runbooks/README.md); both are files of the chart, in
\`charts/mosaic-cluster/files\`.

Where [traces](tracing.md) are on, the text is OpenMetrics, and the histograms
\`mosaic_submission_duration_seconds\`, \`mosaic_stored_answer_duration_seconds\` and
\`mosaic_role_request_duration_seconds\` have exemplars with the \`trace_id\` of a traced request.

${parts.join('\n')}`;
}
