// Whether there is room: CPU, memory, Redis, connections, and what it will be.
import { chart, dashboard, figure, ours } from './build.mjs';

export const capacity = dashboard({
  uid: 'mosaic-capacity',
  title: 'Mosaic / Capacity',
  text: 'What is used of what there is, and when it will be full.',
  rows: [
    [
      'Redis',
      figure(
        'Fullest server',
        'percentunit',
        'Used memory of the fullest master by its maxmemory; 0 where none has one. Above 80 %: runbook redis-memory-high.',
        'max(mosaic_redis_memory_fullest_ratio{POD})',
        0.8,
      ),
      figure(
        'Grows per day',
        'bytes',
        'By how much the memory of all masters grows per day, from the last 6 hours. More than planned: mosaic-admin plan says what room that needs.',
        'max(deriv(mosaic_redis_memory_used_bytes{POD}[6h])) * 86400',
      ),
      chart(
        'Memory',
        'bytes',
        'What all masters use together, and what they may. It grows with the records kept: raise maxmemory or add shards in time.',
        ['max(mosaic_redis_memory_used_bytes{POD})', 'used'],
        ['max(mosaic_redis_memory_max_bytes{POD}) > 0', 'limit'],
      ),
      chart(
        'In three days',
        'bytes',
        'What they will use in three days if they grow as in the last 6 hours. Above the limit: runbook redis-memory-forecast.',
        [
          'predict_linear(max(mosaic_redis_memory_used_bytes{POD})[6h:5m], 259200)',
          'in three days',
        ],
        ['max(mosaic_redis_memory_max_bytes{POD}) > 0', 'limit'],
      ),
    ],
    [
      'Processes',
      chart(
        'CPU',
        'none',
        'Cores used by pod. The main thread uses one at most, the verifier its threads. At the limit: add pods.',
        [
          `sum by (pod) ${ours('rate(process_cpu_seconds_total{POD}[$__rate_interval])')}`,
          '{{pod}}',
        ],
      ),
      chart(
        'Event loop busy',
        'percentunit',
        'Share of the time in which the main thread worked. Above 80 %: add pods.',
        [`max by (pod) ${ours('nodejs_eventloop_utilization_ratio{POD}')}`, '{{pod}}'],
      ),
      chart(
        'Event loop lag',
        's',
        '99th percentile by pod. Above 0.1 s everything that the pod does is late: runbook event-loop-busy.',
        [`max by (pod) ${ours('nodejs_eventloop_lag_p99_seconds{POD}')}`, '{{pod}}'],
      ),
      chart(
        'Memory',
        'bytes',
        'Memory by pod. It is bounded: caches, buffers and queues of limits.md. Growing beyond them: report it.',
        [`sum by (pod) ${ours('process_resident_memory_bytes{POD}')}`, '{{pod}}'],
      ),
      chart(
        'JavaScript memory',
        'bytes',
        'Of that, what JavaScript uses. A steady rise over days is a leak: report it.',
        [`sum by (pod) ${ours('nodejs_heap_size_used_bytes{POD}')}`, '{{pod}}'],
      ),
      chart(
        'Garbage collection',
        'percentunit',
        'Share of the time spent collecting garbage. Above 10 %: give the pod more memory.',
        [
          `sum by (pod) ${ours('rate(nodejs_gc_duration_seconds_sum{POD}[$__rate_interval])')}`,
          '{{pod}}',
        ],
      ),
      chart(
        'Files and sockets',
        'percentunit',
        'Open ones by how many may be. Near 100 %: raise the limit of open files.',
        [`max by (pod) ${ours('process_open_fds{POD} / process_max_fds{POD}')}`, '{{pod}}'],
      ),
      chart(
        'Segment cache',
        'bytes',
        'Memory that cached records take, bounded by MOSAIC_CACHE_BYTES. At the bound and few found in memory (Roles and storage): raise it, if there is memory.',
        ['sum by (pod, role) (mosaic_segment_cache_bytes{ROLE})', '{{pod}} {{role}}'],
      ),
      chart(
        'Spans of traces',
        'ops',
        'What the collector of traces has taken, and what was dropped; 0 where there is none. queue: lower MOSAIC_TRACES_SAMPLE; collector: the log says what it answered.',
        ['sum(rate(mosaic_trace_spans_sent_total{POD}[$__rate_interval]))', 'taken'],
        [
          'sum by (reason) (rate(mosaic_trace_spans_dropped_total{POD}[$__rate_interval]))',
          'dropped: {{reason}}',
        ],
      ),
    ],
    [
      'Growth and traffic',
      chart(
        'Records per day',
        'none',
        'Records committed per day at the present rate, by role: what index and object store grow by.',
        [
          'sum by (role) (rate(mosaic_role_committed_records_total{ROLE}[$__rate_interval])) * 86400',
          '{{role}}',
        ],
      ),
      chart(
        'Bytes per day',
        'bytes',
        'Their bytes: what the object store grows by. More than planned: a quota for authors holds it (MOSAIC_ACCEPT).',
        [
          'sum by (role) (rate(mosaic_role_committed_bytes_total{ROLE}[$__rate_interval])) * 86400',
          '{{role}}',
        ],
      ),
      chart(
        'Object store traffic',
        'Bps',
        'Bytes put and got. Much got for few queries: raise MOSAIC_CACHE_BYTES.',
        ['sum(rate(mosaic_object_store_written_bytes_total{POD}[$__rate_interval]))', 'put'],
        ['sum(rate(mosaic_object_store_read_bytes_total{POD}[$__rate_interval]))', 'got'],
      ),
      chart(
        'PUTs per record',
        'none',
        'Requests to put by records committed: the cost of a record. It falls as load grows; more workers raise it.',
        [
          'sum(rate(mosaic_object_store_request_duration_seconds_count{POD,operation="put"}[$__rate_interval])) / sum(rate(mosaic_role_committed_records_total{ROLE}[$__rate_interval]))',
          'PUTs',
        ],
      ),
      chart(
        'Connections',
        'none',
        'Connections by pod: add gateways before MOSAIC_CONNECTIONS_MAX.',
        ['sum by (pod) (mosaic_connections{POD})', '{{pod}}'],
      ),
      chart(
        'Bus',
        'ops',
        'Live records published by workers, and requests that they served. dropped: NATS does not take them, see its log.',
        ['sum(rate(mosaic_bus_live_published_total{POD}[$__rate_interval]))', 'published'],
        ['sum(rate(mosaic_bus_served_total{POD}[$__rate_interval]))', 'served'],
        ['sum(rate(mosaic_bus_live_dropped_total{POD}[$__rate_interval]))', 'dropped'],
      ),
    ],
  ],
});
