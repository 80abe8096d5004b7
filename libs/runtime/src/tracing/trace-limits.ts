/** The bounds of traces and of the log of slow requests: the source of docs/limits.md. */

/** One bound. */
export interface TraceLimit {
  readonly value: number;
  /** What is counted, with its unit. */
  readonly what: string;
  /** What happens beyond it. */
  readonly overflow: string;
}

/** The names of the bounds. */
export type TraceLimitName =
  | 'spansMax'
  | 'batchSpansMax'
  | 'sendTimeoutMs'
  | 'attributesMax'
  | 'linksMax'
  | 'slowLinesMax';

/** Every bound. */
export const TRACE_LIMIT_TABLE: Readonly<Record<TraceLimitName, TraceLimit>> = {
  spansMax: {
    value: 4_096,
    what: 'spans that wait or are on their way to the collector, about a kilobyte each',
    overflow: 'further ones are dropped and counted',
  },
  batchSpansMax: {
    value: 512,
    what: 'spans sent at once',
    overflow: 'the rest goes with the next batch',
  },
  sendTimeoutMs: {
    value: 5_000,
    what: 'milliseconds for the collector to take a batch, repetitions included',
    overflow: 'the batch is dropped and counted',
  },
  attributesMax: {
    value: 32,
    what: 'attributes of a span, of at most 256 characters',
    overflow: 'further ones are left out, longer ones cut',
  },
  linksMax: {
    value: 64,
    what: 'links of a span: submissions that went to a role together',
    overflow: 'further ones are left out; those submissions have links to it all the same',
  },
  slowLinesMax: {
    value: 5,
    what: 'lines about slow requests in ten seconds of one process',
    overflow: 'the next line says how many were not told',
  },
};
