/** Turns tracing on where the settings say so; what it takes is loaded only then. */
import type { ConfigOf } from '../setting.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Metrics } from '../metrics.ts';
import { defineTraceMetrics } from './trace-metrics.ts';
import type { traceSettings } from './trace-settings.ts';
import { noTracer, type Tracer } from './tracer.ts';

/** What the settings of traces amount to. */
export type TraceConfig = Pick<ConfigOf<typeof traceSettings>, 'traces' | 'tracesSample'>;

/** Who traces. */
export interface TracedProcess {
  /** Such as `outbox`. */
  readonly service: string;
  readonly version: string;
  /** Tells processes of one service apart. */
  readonly instance: string;
}

/** Where OTLP over HTTP goes when an address has no path (the protocol's specification). */
const DEFAULT_PATH = '/v1/traces';
/** For what is left to send at the end; less than anything else may take. */
const CLOSE_MS = 2_000;

/**
 * Gives the tracer of a process. What was traced is sent until the lifecycle ends; a collector that
 * is away costs spans, which are counted, and nothing else.
 */
export async function openTracing(
  { traces, tracesSample }: TraceConfig,
  process_: TracedProcess,
  metrics: Metrics,
  lifecycle: Lifecycle,
): Promise<Tracer> {
  const counted = defineTraceMetrics(metrics);
  if (traces === 'off') return noTracer;
  const { createOtlpTracer } = await import('./otlp-tracer.ts');
  const url = new URL(traces);
  if (url.pathname === '/') url.pathname = DEFAULT_PATH;
  const tracer = createOtlpTracer({
    url: url.href,
    share: tracesSample,
    ...process_,
    sent: (spans) => counted.sent.increment(spans),
    dropped: counted.dropped,
    log: () => lifecycle.log,
  });
  lifecycle.add('traces', { close: () => tracer.close(CLOSE_MS) }, 2 * CLOSE_MS);
  lifecycle.log.info(`sends traces to ${url.origin}${url.pathname}`, { share: tracesSample });
  return tracer;
}
