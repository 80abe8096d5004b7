/**
 * Tracing as the rest of the code sees it: spans that exist only where somebody wants them. Nobody
 * but this folder knows which library keeps and sends them, and where nothing is traced, nothing
 * of it is loaded.
 */

/** Names a span in every process: the ids of W3C Trace Context, in lower-case hex. */
export interface TraceContext {
  /** 32 digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
}

/**
 * What a span says besides its name and times: counts, and words from fixed lists. Never what a record
 * says, whose it is, or an error's message: whoever reads traces may not be who may read records.
 */
export type SpanAttributes = Readonly<Record<string, string | number>>;

/** A piece of work that is being traced. */
export interface Span {
  readonly context: TraceContext;
  set(attributes: SpanAttributes): void;
  /** Says that another trace's span has to do with it. */
  link(to: TraceContext): void;
  /** Ends it; with an error it counts as failed, and says its code. Only the first call counts. */
  end(error?: unknown): void;
}

/** Which side of a call a span is; `internal` where nothing is said. */
export type SpanKind = 'internal' | 'server' | 'client';

/** What a span may begin with. */
export interface SpanStart {
  readonly kind?: SpanKind;
  readonly attributes?: SpanAttributes;
  /** Spans of other traces that it does the work of, too. */
  readonly links?: readonly TraceContext[];
}

/** Begins spans. */
export interface Tracer {
  /** The first span of a trace, for as many requests as are sampled; undefined: not this one. */
  sample(name: string, start?: SpanStart): Span | undefined;
  /** A span within a trace; undefined where there is no parent, and so no trace. */
  start(name: string, parent: TraceContext | undefined, start?: SpanStart): Span | undefined;
  /** Does work that {@link current} knows the span of; undefined: work that no trace is about. */
  run<T>(span: Span | undefined, work: () => T): T;
  /** The span that the present work belongs to. */
  current(): TraceContext | undefined;
}

/** Traces nothing. */
export const noTracer: Tracer = {
  sample: () => undefined,
  start: () => undefined,
  run: (_, work) => work(),
  current: () => undefined,
};

/**
 * Does work within a span of its own, where the present work is traced.
 *
 * @throws what the work throws
 */
export async function traced<T>(
  tracer: Tracer,
  name: string,
  start: SpanStart,
  work: () => Promise<T>,
): Promise<T> {
  const span = tracer.start(name, tracer.current(), start);
  if (span === undefined) return work();
  try {
    const result = await tracer.run(span, work);
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}
