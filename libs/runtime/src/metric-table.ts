/**
 * What a component declares about its metrics, in one table from which the metrics, their types
 * and their reference page are made. Every label lists its values, so that no client can grow
 * the number of time series.
 */

/** Label names, each with all values it can have. */
export type LabelValues = Readonly<Record<string, readonly string[]>>;

/** A number that only grows; its name ends in `_total`. */
export interface CounterSpec {
  readonly type: 'counter';
  /** `mosaic_…`, with the unit (`_seconds`, `_bytes`) before the ending. */
  readonly name: `mosaic_${string}`;
  /** One sentence for the person who reads a dashboard. */
  readonly help: string;
  /** What to do when it is bad, for the reference page; undefined: it is there to be looked at. */
  readonly remedy?: string;
  readonly labels?: LabelValues;
}

/** A number that goes up and down. */
export interface GaugeSpec {
  readonly type: 'gauge';
  readonly name: `mosaic_${string}`;
  readonly help: string;
  readonly remedy?: string;
  readonly labels?: LabelValues;
}

/** A distribution, such as latencies in seconds or sizes in bytes. */
export interface HistogramSpec {
  readonly type: 'histogram';
  readonly name: `mosaic_${string}`;
  readonly help: string;
  readonly remedy?: string;
  readonly labels?: LabelValues;
  /** Upper bounds in the metric's unit, ascending, at most 24. */
  readonly buckets: readonly number[];
}

/** One declared metric. */
export type MetricSpec = CounterSpec | GaugeSpec | HistogramSpec;

/** A component's metrics by the property name they are used under. Declare it `as const`. */
export type MetricTable = Readonly<Record<string, MetricSpec>>;

/** One value for each of a metric's labels. */
export type LabelsOf<L extends LabelValues> = { readonly [Name in keyof L]: L[Name][number] };

const COMBINATIONS_MAX = 500;
const BUCKETS_MAX = 24;
const NAME = /^mosaic_[a-z0-9]+(_[a-z0-9]+)*$/;
const LABEL = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
// Prometheus keeps these for the parts of a histogram or summary.
const RESERVED_ENDING = /_(count|sum|bucket|info|total)$/;
// What `promtool check metrics` objects to: units that are abbreviated or no base units, types.
const OTHER_UNITS =
  /_(s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d|milliseconds|minutes|hours|days|weeks|kilobytes|megabytes)(_|$)/;
const TYPE_IN_NAME = /_(counter|gauge|histogram|summary)(_|$)/;
const RESERVED_LABELS: ReadonlySet<string> = new Set(['le', 'quantile', 'job', 'instance']);

/** Throws a TypeError that names the first metric whose declaration breaks a naming rule. */
export function checkMetricTable(table: MetricTable): void {
  for (const spec of Object.values<MetricSpec>(table)) {
    const fault = findFault(spec);
    if (fault !== undefined) throw new TypeError(`metric ${spec.name} ${fault}`);
  }
}

/** Bounds, in seconds, for how long a request or a call of a store takes. */
export const LATENCY_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Bounds for how many records go together. */
export const BATCH_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/** Metrics as a Markdown table with a row each, in the given order. */
export function renderMetricsMarkdown(specs: readonly MetricSpec[]): string {
  const rows = specs.map((spec) => {
    const labels = Object.entries(spec.labels ?? {})
      .map(([label, values]) => `\`${label}\`: ${values.join(', ')}`)
      .join('; ');
    const cells = [`\`${spec.name}\``, spec.type, labels, spec.help, spec.remedy ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return [
    '| Name | Type | Labels | Meaning | When it is bad |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** Every combination of a metric's label values; one empty combination when it has no labels. */
export function labelCombinations(labels: LabelValues): Readonly<Record<string, string>>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    const extended: Record<string, string>[] = [];
    for (const combination of combinations) {
      for (const value of values) extended.push({ ...combination, [label]: value });
    }
    combinations = extended;
  }
  return combinations;
}

function findFault(spec: MetricSpec): string | undefined {
  if (!NAME.test(spec.name)) return 'has a name that is not mosaic_ and small letters';
  if (spec.help.trim() === '') return 'has no help';
  if (spec.type === 'counter' && !spec.name.endsWith('_total')) {
    return 'is a counter whose name does not end in _total';
  }
  if (spec.type !== 'counter' && RESERVED_ENDING.test(spec.name)) {
    return `is a ${spec.type} with an ending kept for other types`;
  }
  if (OTHER_UNITS.test(spec.name)) return 'has a unit that is not spelt seconds or bytes';
  if (TYPE_IN_NAME.test(spec.name)) return 'repeats its type in its name';
  return findLabelFault(spec.labels ?? {}) ?? findBucketFault(spec);
}

function findLabelFault(labels: LabelValues): string | undefined {
  let combinations = 1;
  for (const [label, values] of Object.entries(labels)) {
    if (!LABEL.test(label) || RESERVED_LABELS.has(label)) return `has a bad label name ${label}`;
    if (values.length === 0) return `has a label ${label} without values`;
    if (new Set(values).size !== values.length) return `repeats a value of label ${label}`;
    combinations *= values.length;
  }
  return combinations > COMBINATIONS_MAX
    ? `has ${combinations} combinations of label values, more than ${COMBINATIONS_MAX}`
    : undefined;
}

function findBucketFault(spec: MetricSpec): string | undefined {
  if (spec.type !== 'histogram') return undefined;
  const { buckets } = spec;
  if (buckets.length === 0 || buckets.length > BUCKETS_MAX) {
    return `has ${buckets.length} buckets, not 1 to ${BUCKETS_MAX}`;
  }
  const ascends = buckets.every((bound, index) => index === 0 || bound > (buckets[index - 1] ?? 0));
  return ascends ? undefined : 'has buckets that do not ascend';
}
