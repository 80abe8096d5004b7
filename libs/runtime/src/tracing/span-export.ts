/**
 * Sends spans to a collector from a bounded queue, counts what does not get there, and says once
 * that, and once that it does again.
 */
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger.ts';
import { TRACE_LIMIT_TABLE } from './trace-limits.ts';
import type { DropReason } from './trace-metrics.ts';

/** What an export needs. */
export interface SpanExportOptions {
  readonly url: string;
  readonly sent: (spans: number) => void;
  readonly dropped: (reason: DropReason, spans: number) => void;
  readonly log: () => Logger;
  /** In place of the bound of the table. */
  readonly sendTimeoutMs?: number;
}

const SPANS_MAX = TRACE_LIMIT_TABLE.spansMax.value;
const BATCH_SPANS = TRACE_LIMIT_TABLE.batchSpansMax.value;
/** For a span to be on its way. */
const DELAY_MS = 1_000;

/** The way of a process's spans to its collector. */
export class SpanExport {
  /** Takes spans. */
  readonly processor: SpanProcessor;
  readonly #options: SpanExportOptions;
  readonly #exporter: SpanExporter;
  /** The collector, for logs: what follows the path of its address may be a secret. */
  readonly #place: string;
  /** Waiting or on their way. */
  #held = 0;
  #isFailing = false;

  constructor(options: SpanExportOptions) {
    const { sendTimeoutMs = TRACE_LIMIT_TABLE.sendTimeoutMs.value } = options;
    const { origin, pathname } = new URL(options.url);
    this.#options = options;
    this.#place = origin + pathname;
    this.#exporter = new OTLPTraceExporter({
      url: options.url,
      timeoutMillis: sendTimeoutMs,
      // One at a time, but for the end, when all that is left goes at once.
      concurrencyLimit: SPANS_MAX / BATCH_SPANS,
    });
    const batches = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => this.#send(spans, done),
        shutdown: () => this.#exporter.shutdown(),
      },
      maxQueueSize: SPANS_MAX,
      maxExportBatchSize: BATCH_SPANS,
      scheduledDelayMillis: DELAY_MS,
      exportTimeoutMillis: 2 * sendTimeoutMs,
    });
    this.processor = {
      onStart: () => {},
      onEnd: (span) => {
        if (this.#held >= SPANS_MAX) {
          options.dropped('queue', 1);
          return;
        }
        this.#held += 1;
        batches.onEnd(span);
      },
      forceFlush: () => batches.forceFlush(),
      shutdown: () => batches.shutdown(),
    };
  }

  /** Sends what is left, for at most so long. Never rejects. */
  async close(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.processor.shutdown().catch(() => {}), late]);
    clearTimeout(timer);
  }

  #send(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      this.#held -= spans.length;
      if (result.code === ExportResultCode.SUCCESS) this.#taken(spans.length);
      else this.#refused(spans.length, result.error);
      done(result);
    });
  }

  #taken(spans: number): void {
    const { sent, log } = this.#options;
    sent(spans);
    if (!this.#isFailing) return;
    this.#isFailing = false;
    log().info(`traces reach ${this.#place} again`);
  }

  #refused(spans: number, error: Error | undefined): void {
    const { dropped, log } = this.#options;
    dropped('collector', spans);
    if (this.#isFailing) return;
    this.#isFailing = true;
    const why = error === undefined || error.message === '' ? 'no answer' : error.message;
    log().warn(
      `traces do not reach ${this.#place}: ${why}. They are dropped and counted until they do; nothing else suffers`,
    );
  }
}
