/**
 * Spans reach a collector as they were made; and a collector that is away, or hangs, costs spans, is
 * counted and told once, and nothing else.
 */
import { startTraceCollector, type TraceCollector } from '@mosaic-cluster/test-servers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Lifecycle } from '../lifecycle.ts';
import { type Logger, silentLogger } from '../logger.ts';
import { Metrics } from '../metrics.ts';
import { openTracing } from './open-tracing.ts';
import { createOtlpTracer, type OtlpTracer } from './otlp-tracer.ts';
import { PresentSpan } from './present-span.ts';
import { noTracer, traced } from './tracer.ts';

const PROCESS = { service: 'outbox', version: '1.2.3', instance: 'host/1' };
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function collectorAt(port?: number): Promise<TraceCollector> {
  const collector = await startTraceCollector(port);
  closing.push(() => collector.close());
  return collector;
}

interface Watched {
  readonly tracer: OtlpTracer;
  readonly counts: Record<'sent' | 'queue' | 'collector', number>;
  readonly lines: string[];
}

function tracerTo(url: string): Watched {
  const counts = { sent: 0, queue: 0, collector: 0 };
  const lines: string[] = [];
  const say = (message: string): void => void lines.push(message);
  const log: Logger = { ...silentLogger, info: say, warn: say };
  const tracer = createOtlpTracer({
    ...PROCESS,
    url: `${url}/v1/traces?key=hunter2`,
    share: 1,
    sent: (spans) => {
      counts.sent += spans;
    },
    dropped: (reason, spans) => {
      counts[reason] += spans;
    },
    log: () => log,
    sendTimeoutMs: 300,
  });
  closing.push(() => tracer.close(100));
  return { tracer, counts, lines };
}

describe('tracing by settings', () => {
  function open(traces: URL | 'off', tracesSample: number): ReturnType<typeof openTracing> {
    const metrics = new Metrics({ service: 'test', version: '0' });
    const lifecycle = new Lifecycle({ log: silentLogger });
    closing.push(() => lifecycle.close());
    return openTracing({ traces, tracesSample }, PROCESS, metrics, lifecycle);
  }

  it('does nothing where it is off', async () => {
    expect(await open('off', 1)).toBe(noTracer);
    expect(noTracer.sample('submission')).toBeUndefined();
  });

  it('sends what is left when the process ends, to the usual path', async () => {
    const collector = await collectorAt();
    const tracer = await open(new URL(collector.url), 1);
    tracer.sample('submission')!.end();
    await closing.pop()!();
    expect(collector.spans.map(({ name, service }) => [name, service])).toEqual([
      ['submission', 'mosaic-outbox'],
    ]);
    expect(collector.received).toMatch(/^\/v1\/traces /);
    expect(collector.received).toContain('host/1');
  });

  it('samples nobody where the share is 0, and follows those whom others sample', async () => {
    const collector = await collectorAt();
    const tracer = await open(new URL(collector.url), 0);
    for (let i = 0; i < 1000; i++) expect(tracer.sample('submission')).toBeUndefined();
    expect(tracer.start('child', undefined)).toBeUndefined();
    tracer.start('child', { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) })!.end();
    await closing.pop()!();
    expect(collector.spans).toMatchObject([
      { name: 'child', traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16) },
    ]);
  });
});

describe('spans', () => {
  it('belong to what is present, however it waits, and to nothing where that is said', async () => {
    const collector = await collectorAt();
    const { tracer } = tracerTo(collector.url);
    const root = tracer.sample('root', { attributes: { 'mosaic.count': 2 } })!;
    const other = tracer.sample('other')!;
    root.link(other.context);
    await tracer.run(root, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await traced(tracer, 'inner', {}, async () => {});
      expect(tracer.run(undefined, () => tracer.current())).toBeUndefined();
    });
    expect(tracer.current()).toBeUndefined();
    const secret = Object.assign(new Error('what nobody should read'), { code: 'object-store' });
    const failing = tracer.run(other, () =>
      traced(tracer, 'fails', {}, () => Promise.reject(secret)),
    );
    await expect(failing).rejects.toBe(secret);
    root.end();
    root.end();
    other.end();
    await tracer.close(5_000);
    const named = (name: string): unknown => collector.spans.filter((span) => span.name === name);
    expect(collector.spans).toHaveLength(4);
    expect(named('root')).toMatchObject([
      { attributes: { 'mosaic.count': 2 }, links: [other.context] },
    ]);
    expect(named('inner')).toMatchObject([
      { traceId: root.context.traceId, parentSpanId: root.context.spanId },
    ]);
    expect(named('fails')).toMatchObject([
      { parentSpanId: other.context.spanId, attributes: { 'error.type': 'object-store' } },
    ]);
    expect(collector.received).not.toContain('nobody should read');
  });
});

describe('the present span', () => {
  const [one, two] = ['1', '2'].map((digit) => ({ traceId: digit, spanId: digit }));

  it("is each work's own, and none once all have ended", async () => {
    const present = new PresentSpan();
    const seen: unknown[] = [];
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const work = async (turns: number): Promise<void> => {
      for (let i = 0; i < turns; i++) await turn();
      seen.push(present.current);
    };
    const [first, second] = [present.run(one, () => work(2)), present.run(two, () => work(1))];
    const nobody = present.run(undefined, () => work(1));
    await second;
    present.ended(two!);
    await Promise.all([first, nobody]);
    expect(seen).toEqual([two, undefined, one]);
    const late = present.run(one, () => work(2));
    present.ended(one!);
    await late;
    expect(seen.at(-1)).toBeUndefined();
    // And from the beginning.
    await present.run(two, () => work(1));
    expect(seen.at(-1)).toBe(two);
    expect(present.current).toBeUndefined();
  });
});

describe('a collector', () => {
  it('that is away is told once, and once that it is back', async () => {
    const first = await startTraceCollector();
    const port = Number(new URL(first.url).port);
    await first.close();
    const { tracer, counts, lines } = tracerTo(first.url);
    const lost = 600;
    for (let i = 0; i < lost; i++) tracer.sample('lost')!.end();
    await vi.waitFor(() => expect(counts.collector).toBe(lost), 10_000);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^traces do not reach http.*ECONNREFUSED/);
    expect(lines[0]).not.toContain('hunter2');
    const back = await collectorAt(port);
    tracer.sample('found')!.end();
    await vi.waitFor(() => expect(counts.sent).toBe(1), 10_000);
    expect(back.spans.map(({ name }) => name)).toEqual(['found']);
    expect(lines.slice(1)).toEqual([`traces reach ${first.url}/v1/traces again`]);
  });

  it('that hangs holds no more spans than fit, and nobody at the end', async () => {
    const collector = await collectorAt();
    collector.hang();
    const { tracer, counts } = tracerTo(collector.url);
    for (let i = 0; i < 10_000; i++) tracer.sample('many')!.end();
    expect(counts.queue).toBe(10_000 - 4_096);
    await tracer.close(50);
    expect(counts.sent).toBe(0);
  });
});
