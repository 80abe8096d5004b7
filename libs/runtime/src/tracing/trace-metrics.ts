/** What becomes of the spans of a process, as metrics. */
import type { CounterHandle, Metrics } from '../metrics.ts';

/** Why a span was dropped: too many waited, or the collector did not take it. */
export type DropReason = 'queue' | 'collector';

/** Where spans are counted. */
export interface TraceMetrics {
  readonly sent: CounterHandle;
  readonly dropped: (reason: DropReason, spans: number) => void;
}

/** Defines the metrics of the traces of a process. */
export function defineTraceMetrics(metrics: Metrics): TraceMetrics {
  const { sent, dropped } = metrics.define({
    sent: {
      type: 'counter',
      name: 'mosaic_trace_spans_sent_total',
      help: 'Spans of traces that the collector has taken.',
    },
    dropped: {
      type: 'counter',
      name: 'mosaic_trace_spans_dropped_total',
      help: 'Spans of traces that were dropped: too many waited, or the collector did not take them.',
      remedy:
        'queue: lower MOSAIC_TRACES_SAMPLE. collector: the log says what it answered. Nothing else suffers.',
      labels: { reason: ['queue', 'collector'] },
    },
  });
  return { sent, dropped: (reason, spans) => dropped.with({ reason }).increment(spans) };
}
