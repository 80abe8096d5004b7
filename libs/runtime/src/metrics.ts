/**
 * A process's metrics, served to Prometheus as text. Components declare theirs as a table and
 * get typed handles back; nobody but this folder knows prom-client.
 */
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';

import {
  checkMetricTable,
  labelCombinations,
  type LabelsOf,
  type LabelValues,
  type MetricSpec,
  type MetricTable,
} from './metric-table.ts';
import { addProcessMetrics } from './process-metrics.ts';

/** Counts events. */
export interface CounterHandle {
  /** Adds `by`, 1 when absent. Throws when it is negative. */
  increment(by?: number): void;
  /** From now on asks `read` for the total at every scrape; it must be cheap and never shrink. */
  readFrom(read: () => number): void;
}

/** Holds a current value. */
export interface GaugeHandle {
  set(value: number): void;
  /** Adds `by`, 1 when absent; may be negative. */
  add(by?: number): void;
  /** From now on asks `read` at every scrape; it must be cheap, and failures leave a gap. */
  readFrom(read: () => number): void;
}

/** Gathers a distribution. */
export interface HistogramHandle {
  /**
   * Adds one observation, in the metric's unit.
   *
   * @param traceId of the request that it is about: an exemplar, which leads from the metric to the trace
   */
  observe(value: number, traceId?: string): void;
}

/** The handle that belongs to a metric's type. */
export type HandleOf<Type> = Type extends 'counter'
  ? CounterHandle
  : Type extends 'gauge'
    ? GaugeHandle
    : Type extends 'histogram'
      ? HistogramHandle
      : never;

/** A metric with labels: choose a value for each to get a handle. Keep it on hot paths. */
export interface Labelled<L extends LabelValues, Handle> {
  /** The same labels give the same handle. Throws a TypeError for values not declared. */
  with(labels: LabelsOf<L>): Handle;
}

/** What {@link Metrics.define} returns: each declared metric under its property name. */
export type HandlesOf<T extends MetricTable> = {
  readonly [Key in keyof T]: T[Key] extends { readonly labels: infer L extends LabelValues }
    ? Labelled<L, HandleOf<T[Key]['type']>>
    : HandleOf<T[Key]['type']>;
};

/** What the metrics say about the process itself. */
export interface MetricsOptions {
  readonly service: string;
  readonly version: string;
  /**
   * Whether histograms have exemplars. Then the text is OpenMetrics, because Prometheus' own format
   * has none.
   */
  readonly hasExemplars?: boolean;
}

type AnyHandle = CounterHandle | GaugeHandle | HistogramHandle;
type MakeHandle = (labels: Readonly<Record<string, string>>) => AnyHandle;

/**
 * Runs work and observes how many seconds it took, be it that it failed, which is counted.
 *
 * @param failures undefined: nobody counts them
 * @param traceId of the request, where it is traced
 * @throws what the work throws
 */
export async function timed<T>(
  seconds: HistogramHandle,
  failures: CounterHandle | undefined,
  work: () => Promise<T>,
  traceId?: string,
): Promise<T> {
  const since = performance.now();
  try {
    return await work();
  } catch (error) {
    failures?.increment();
    throw error;
  } finally {
    seconds.observe((performance.now() - since) / 1000, traceId);
  }
}

/** One process's metrics. Process-wide figures of Node.js are in it from the start. */
export class Metrics {
  readonly #registry: Registry;
  readonly #specs: MetricSpec[] = [];
  readonly #hasExemplars: boolean;

  constructor(options: MetricsOptions) {
    this.#hasExemplars = options.hasExemplars === true;
    // For good, and not as each scrape asks: rendered once as OpenMetrics, prom-client's counters have
    // lost their ending in the other format.
    this.#registry = this.#hasExemplars ? openMetricsRegistry() : new Registry();
    addProcessMetrics(this.#registry, options);
  }

  /** The media type of {@link render}'s text. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** What was defined so far, in order; the figures of Node.js are not among them. */
  get specs(): readonly MetricSpec[] {
    return this.#specs;
  }

  /**
   * Creates the metrics of `table`. All start at zero for every combination of
   * label values, so that alerts on their rates work from the first event. Throws a TypeError
   * when a name breaks the rules, and an Error when one exists already.
   */
  define<const T extends MetricTable>(table: T): HandlesOf<T> {
    checkMetricTable(table);
    const handles: Record<string, unknown> = {};
    for (const [key, spec] of Object.entries<MetricSpec>(table)) {
      const make = createMetric(this.#registry, spec, this.#hasExemplars);
      this.#specs.push(spec);
      handles[key] = spec.labels === undefined ? make({}) : labelled(spec.name, spec.labels, make);
    }
    return handles as HandlesOf<T>;
  }

  /** All metrics in Prometheus' text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Forgets all metrics; handles given out stay harmless. */
  close(): void {
    this.#registry.clear();
  }
}

function labelled(
  name: string,
  labels: LabelValues,
  make: MakeHandle,
): Labelled<LabelValues, AnyHandle> {
  const order = Object.keys(labels);
  const handles = new Map<string, AnyHandle>();
  for (const combination of labelCombinations(labels)) {
    handles.set(keyOf(order, combination), make(combination));
  }
  return {
    with(chosen) {
      const handle = handles.get(keyOf(order, chosen));
      if (handle === undefined) {
        throw new TypeError(`metric ${name} has no labels ${JSON.stringify(chosen)}`);
      }
      return handle;
    },
  };
}

function keyOf(order: readonly string[], labels: Readonly<Record<string, string>>): string {
  let key = '';
  for (const label of order) key += `${labels[label] ?? ''}\n`;
  return key;
}

function openMetricsRegistry(): Registry {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  // A registry's type says which of the formats it has, and metrics take but one.
  return registry as unknown as Registry;
}

function createMetric(registry: Registry, spec: MetricSpec, enableExemplars: boolean): MakeHandle {
  const common = {
    name: spec.name,
    help: spec.help,
    labelNames: Object.keys(spec.labels ?? {}),
    registers: [registry],
  };
  switch (spec.type) {
    case 'counter':
      return counterFactory(common);
    case 'gauge':
      return gaugeFactory(common);
    case 'histogram': {
      const histogram = new Histogram({ ...common, buckets: [...spec.buckets], enableExemplars });
      return (labels) => histogramHandle(histogram, labels, enableExemplars);
    }
  }
}

function counterFactory(common: ConstructorParameters<typeof Counter>[0]): MakeHandle {
  const readers = new Map<Counter.Internal, () => number>();
  const counted = new Map<Counter.Internal, number>();
  const counter = new Counter({
    ...common,
    collect: () => {
      for (const [bound, read] of readers) {
        const total = readSafely(read);
        const added = total - (counted.get(bound) ?? 0);
        if (!(added > 0)) continue;
        bound.inc(added);
        counted.set(bound, total);
      }
    },
  });
  return (labels) => {
    counter.inc(labels, 0);
    const bound = counter.labels(labels);
    return {
      increment(by = 1) {
        bound.inc(by);
      },
      readFrom(read) {
        readers.set(bound, read);
      },
    };
  };
}

function histogramHandle(
  histogram: Histogram,
  labels: Readonly<Record<string, string>>,
  hasExemplars: boolean,
): HistogramHandle {
  histogram.zero(labels);
  const bound = histogram.labels(labels);
  return {
    observe(value, traceId) {
      if (traceId === undefined || !hasExemplars) bound.observe(value);
      else histogram.observe({ labels, value, exemplarLabels: { trace_id: traceId } });
    },
  };
}

function gaugeFactory(common: ConstructorParameters<typeof Gauge>[0]): MakeHandle {
  const readers = new Map<Gauge.Internal<string>, () => number>();
  const gauge = new Gauge({
    ...common,
    collect: () => {
      for (const [bound, read] of readers) bound.set(readSafely(read));
    },
  });
  return (labels) => {
    const bound = gauge.labels(labels);
    bound.set(0);
    return {
      set(value) {
        bound.set(value);
      },
      add(by = 1) {
        bound.inc(by);
      },
      readFrom(read) {
        readers.set(bound, read);
      },
    };
  };
}

// NaN is how Prometheus is told "no value now"; one broken reader must not cost all metrics.
function readSafely(read: () => number): number {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
}
