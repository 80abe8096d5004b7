/** Traces with the SDK of OpenTelemetry. Loaded only where traces are turned on. */
import {
  ROOT_CONTEXT,
  type Span as SdkSpan,
  type SpanContext,
  SpanKind as SdkSpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import type { TracedProcess } from './open-tracing.ts';
import { PresentSpan } from './present-span.ts';
import { SpanExport, type SpanExportOptions } from './span-export.ts';
import { TRACE_LIMIT_TABLE } from './trace-limits.ts';
import type { Span, SpanAttributes, SpanKind, SpanStart, TraceContext, Tracer } from './tracer.ts';

/** What a tracer needs. */
export interface OtlpTracerOptions extends TracedProcess, SpanExportOptions {
  /** Of the requests, how many are traced: 0 to 1. */
  readonly share: number;
}

/** A tracer that sends what it has. */
export interface OtlpTracer extends Tracer {
  /** Sends what is left, for at most so long. Never rejects. */
  close(timeoutMs: number): Promise<void>;
}

const KINDS: Readonly<Record<SpanKind, SdkSpanKind>> = {
  internal: SdkSpanKind.INTERNAL,
  server: SdkSpanKind.SERVER,
  client: SdkSpanKind.CLIENT,
};

/** Attributes, links and their lengths that a span has at most; further ones are left out. */
const SPAN_LIMITS = {
  attributeCountLimit: TRACE_LIMIT_TABLE.attributesMax.value,
  attributeValueLengthLimit: 256,
  linkCountLimit: TRACE_LIMIT_TABLE.linksMax.value,
  eventCountLimit: 0,
  attributePerLinkCountLimit: 0,
};

/** Makes the tracer of a process. */
export function createOtlpTracer(options: OtlpTracerOptions): OtlpTracer {
  const { service, version, instance, share } = options;
  const spanExport = new SpanExport(options);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': `mosaic-${service}`,
      'service.version': version,
      'service.instance.id': instance,
    }),
    // Who is sampled is decided below, before anything is made for it.
    sampler: new AlwaysOnSampler(),
    spanLimits: SPAN_LIMITS,
    spanProcessors: [spanExport.processor],
  });
  const tracer = provider.getTracer('mosaic', version);
  const present = new PresentSpan();
  const ended = (span: TraceContext): void => present.ended(span);
  const begin = (name: string, parent: TraceContext | undefined, start: SpanStart = {}): Span => {
    const { kind = 'internal', attributes = {}, links = [] } = start;
    const context =
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote(parent));
    const settings = {
      kind: KINDS[kind],
      attributes,
      links: links.map((link) => ({ context: remote(link) })),
    };
    return new OtlpSpan(tracer.startSpan(name, settings, context), ended);
  };
  return {
    sample: (name, start) => (Math.random() < share ? begin(name, undefined, start) : undefined),
    start: (name, parent, start) => (parent === undefined ? undefined : begin(name, parent, start)),
    run: (span, work) => present.run(span?.context, work),
    current: () => present.current,
    close: (timeoutMs) => spanExport.close(timeoutMs),
  };
}

function remote({ traceId, spanId }: TraceContext): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

class OtlpSpan implements Span {
  readonly context: TraceContext;
  readonly #span: SdkSpan;
  readonly #ended: (context: TraceContext) => void;
  #isOver = false;

  constructor(span: SdkSpan, ended: (context: TraceContext) => void) {
    const { traceId, spanId } = span.spanContext();
    this.context = { traceId, spanId };
    this.#span = span;
    this.#ended = ended;
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes);
  }

  link(to: TraceContext): void {
    this.#span.addLink({ context: remote(to) });
  }

  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error !== undefined) {
      this.#span.setAttribute('error.type', codeOf(error));
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
    this.#ended(this.context);
  }
}

/** Of an error, its code alone: a message may say more than a trace should. */
function codeOf(error: unknown): string {
  const isCoded = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return isCoded ? (error.code as string) : '_OTHER';
}
