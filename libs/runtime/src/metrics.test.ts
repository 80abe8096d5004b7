/** What Prometheus scrapes: right values, stable series, and names its linter accepts. */
import { describe, expect, expectTypeOf, it } from 'vitest';

import { checkMetricTable, type MetricTable, renderMetricsMarkdown } from './metric-table.ts';
import { type CounterHandle, type GaugeHandle, Metrics, timed } from './metrics.ts';

const table = {
  submissions: {
    type: 'counter',
    name: 'mosaic_submissions_total',
    help: 'Records submitted.',
    labels: { role: ['outbox', 'inbox'], result: ['accepted', 'duplicate'] },
  },
  connections: { type: 'gauge', name: 'mosaic_connections', help: 'Open connections.' },
  commit: {
    type: 'histogram',
    name: 'mosaic_commit_duration_seconds',
    help: 'Time from a batch to durability.',
    buckets: [0.01, 0.1, 1],
  },
} as const;

const identity = { service: 'gateway', version: '1.2.3' };

async function seriesOf(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => /^[a-z]/.test(line));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

describe('metrics', () => {
  it('start at zero for every combination of labels, and count', async () => {
    const metrics = new Metrics(identity);
    const { submissions } = metrics.define(table);
    const accepted = submissions.with({ role: 'inbox', result: 'accepted' });
    expectTypeOf(accepted).toEqualTypeOf<CounterHandle>();
    accepted.increment();
    submissions.with({ result: 'accepted', role: 'inbox' }).increment(4);
    const series = await seriesOf(metrics);
    const named = [...series].filter(([name]) => name.startsWith('mosaic_submissions_total'));
    expect(Object.fromEntries(named)).toEqual({
      'mosaic_submissions_total{role="outbox",result="accepted"}': 0,
      'mosaic_submissions_total{role="outbox",result="duplicate"}': 0,
      'mosaic_submissions_total{role="inbox",result="accepted"}': 5,
      'mosaic_submissions_total{role="inbox",result="duplicate"}': 0,
    });
    expect(() => accepted.increment(-1)).toThrow('decrease');
  });

  it('refuse label values that are not declared', () => {
    const { submissions } = new Metrics(identity).define(table);
    // @ts-expect-error -- the type forbids it, too
    expect(() => submissions.with({ role: 'outbox', result: 'lost' })).toThrow('no labels');
    // @ts-expect-error -- a label is missing
    expect(() => submissions.with({ role: 'outbox' })).toThrow(TypeError);
  });

  it('hold gauges, set or read at each scrape', async () => {
    const metrics = new Metrics(identity);
    const { connections } = metrics.define(table);
    expectTypeOf(connections).toEqualTypeOf<GaugeHandle>();
    connections.set(5);
    connections.add();
    connections.add(-2);
    expect((await seriesOf(metrics)).get('mosaic_connections')).toBe(4);
    let current = 10;
    connections.readFrom(() => current);
    expect((await seriesOf(metrics)).get('mosaic_connections')).toBe(10);
    current = 11;
    expect((await seriesOf(metrics)).get('mosaic_connections')).toBe(11);
    connections.readFrom(() => {
      throw new Error('broken');
    });
    expect((await seriesOf(metrics)).get('mosaic_connections')).toBeNaN();
  });

  it('sort observations into buckets', async () => {
    const metrics = new Metrics(identity);
    const { commit } = metrics.define(table);
    for (const seconds of [0.005, 0.05, 0.5, 5]) commit.observe(seconds);
    const series = await seriesOf(metrics);
    const bucket = (bound: string): number | undefined =>
      series.get(`mosaic_commit_duration_seconds_bucket{le="${bound}"}`);
    expect(['0.01', '0.1', '1', '+Inf'].map(bucket)).toEqual([1, 2, 3, 4]);
    expect(series.get('mosaic_commit_duration_seconds_sum')).toBeCloseTo(5.555);
  });

  it('lead to the traces of what they observed, in the format that can', async () => {
    const traceId = '0123456789abcdef'.repeat(2);
    const observed = async (hasExemplars: boolean): Promise<readonly [string, string]> => {
      const metrics = new Metrics({ ...identity, hasExemplars });
      const { commit, connections } = metrics.define(table);
      commit.observe(0.05, traceId);
      commit.observe(0.5);
      connections.set(1);
      const text = await metrics.render();
      // Once more: what is rendered must not change what is rendered next.
      expect(await metrics.render()).toContain('mosaic_submissions_total{');
      return [metrics.contentType, text];
    };
    const [plainType, plain] = await observed(false);
    expect(plainType).toContain('version=0.0.4');
    expect(plain).not.toContain(traceId);
    const [type, text] = await observed(true);
    expect(type).toContain('application/openmetrics-text');
    expect(text).toContain('mosaic_submissions_total{');
    expect(text.endsWith('# EOF\n')).toBe(true);
    const lines = text.split('\n').filter((line) => line.includes(traceId));
    expect(lines).toEqual([
      expect.stringMatching(
        /^mosaic_commit_duration_seconds_bucket\{le="0.1"\} 1 # \{trace_id="[^"]+"\} 0.05 /,
      ),
    ]);
  });

  it('observe how long work took, and count it where it failed', async () => {
    const metrics = new Metrics(identity);
    const { seconds, failures } = metrics.define({
      seconds: { type: 'histogram', name: 'mosaic_x_seconds', help: 'X.', buckets: [60] },
      failures: { type: 'counter', name: 'mosaic_x_failures_total', help: 'X.' },
    });
    const untouched = (await seriesOf(metrics)).get('mosaic_x_seconds_bucket{le="60"}');
    await expect(timed(seconds, failures, async () => 7)).resolves.toBe(7);
    const failing = timed(seconds, failures, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    const series = await seriesOf(metrics);
    const after = ['mosaic_x_seconds_bucket{le="60"}', 'mosaic_x_failures_total'];
    expect([untouched, ...after.map((name) => series.get(name))]).toEqual([0, 2, 1]);
  });

  it('tell service, version and the state of the process', async () => {
    const metrics = new Metrics(identity);
    await metrics.render();
    const series = await seriesOf(metrics);
    expect(series.get('mosaic_build_info{service="gateway",version="1.2.3"}')).toBe(1);
    expect(series.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(series.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
    const utilization = series.get('nodejs_eventloop_utilization_ratio') ?? Number.NaN;
    expect(utilization).toBeGreaterThanOrEqual(0);
    expect(utilization).toBeLessThanOrEqual(1);
  });

  it('end in _total when, and only when, they are counters', async () => {
    const metrics = new Metrics(identity);
    metrics.define(table);
    const types = [...(await metrics.render()).matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    expect(types.length).toBeGreaterThan(20);
    for (const [, name = '', type] of types) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    }
  });

  it('cannot be defined twice, and are gone after close', async () => {
    const metrics = new Metrics(identity);
    metrics.define(table);
    expect(() => metrics.define(table)).toThrow('already been registered');
    metrics.close();
    expect((await metrics.render()).trim()).toBe('');
  });
});

describe('a metric table', () => {
  const gauge = { type: 'gauge', name: 'mosaic_x', help: 'X.' } as const;
  const histogram = { ...gauge, type: 'histogram', buckets: [1] } as const;
  it.each([
    [{ ...gauge, name: 'mosaic_X' }, 'small letters'],
    [{ ...gauge, help: '' }, 'no help'],
    [{ ...gauge, type: 'counter' }, 'does not end in _total'],
    [{ ...gauge, name: 'mosaic_x_total' }, 'ending kept'],
    [{ ...gauge, name: 'mosaic_wait_ms' }, 'not spelt seconds'],
    [{ ...gauge, name: 'mosaic_x_gauge' }, 'repeats its type'],
    [{ ...gauge, labels: { le: ['1'] } }, 'bad label name le'],
    [{ ...gauge, labels: { role: [] } }, 'without values'],
    [{ ...gauge, labels: { role: ['a', 'a'] } }, 'repeats a value'],
    [{ ...gauge, labels: { a: many(30), b: many(30) } }, '900 combinations'],
    [{ ...histogram, buckets: [] }, '0 buckets'],
    [{ ...histogram, buckets: [2, 1] }, 'do not ascend'],
  ] as const)('%# is refused', (spec, message) => {
    const bad = { spec } as MetricTable;
    expect(() => new Metrics(identity).define(bad)).toThrow(TypeError);
    expect(() => checkMetricTable(bad)).toThrow(message);
  });

  it('renders as Markdown', () => {
    const metrics = new Metrics(identity);
    metrics.define(table);
    expect(renderMetricsMarkdown(metrics.specs)).toMatchInlineSnapshot(`
      "| Name | Type | Labels | Meaning | When it is bad |
      |---|---|---|---|---|
      | \`mosaic_submissions_total\` | counter | \`role\`: outbox, inbox; \`result\`: accepted, duplicate | Records submitted. |  |
      | \`mosaic_connections\` | gauge |  | Open connections. |  |
      | \`mosaic_commit_duration_seconds\` | histogram |  | Time from a batch to durability. |  |
      "
    `);
  });

  it('lets a counter follow a total that a component keeps', async () => {
    const metrics = new Metrics({ service: 'x', version: '1' });
    const { seen } = metrics.define({
      seen: { type: 'counter', name: 'mosaic_seen_total', help: 'Seen.' },
    });
    let total = 3;
    seen.readFrom(() => total);
    expect(await metrics.render()).toContain('mosaic_seen_total 3');
    total = 5;
    seen.increment();
    expect(await metrics.render()).toContain('mosaic_seen_total 6');
    expect(await metrics.render()).toContain('mosaic_seen_total 6');
  });
});

function many(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `v${index}`);
}
