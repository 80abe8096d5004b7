// Makes Grafana dashboards of compact definitions: what panels have in common is said once, here.

/** What a panel's queries select by, in place of {NS}, {POD} and {ROLE}. */
const SELECTORS = {
  NS: 'namespace=~"$namespace"',
  POD: 'namespace=~"$namespace",pod=~"$pod"',
  ROLE: 'namespace=~"$namespace",pod=~"$pod",role=~"$role"',
};
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** To the other dashboards, with the choices and the time of this one. */
const LINK = {
  type: 'dashboards',
  title: 'Mosaic',
  tags: ['mosaic'],
  icon: 'external link',
  tooltip: '',
  asDropdown: true,
  targetBlank: false,
  includeVars: true,
  keepTime: true,
};
const COLUMNS = 24;
/** Histograms that lead to traces, where those are on: docs/tracing.md. */
const WITH_EXEMPLARS =
  /^histogram_quantile.*mosaic_(submission|stored_answer|role_request)_duration_seconds_bucket/;
/** What a panel says that shows only what happens, where nothing did. */
const NOTHING = 'Nothing of it happened.';
/** Results that are the server's fault. */
export const FAULTS = 'temporary_error|persistent_error|general_error';
const FIGURE_OPTIONS = {
  reduceOptions: { calcs: ['lastNotNull'] },
  colorMode: 'value',
  graphMode: 'none',
  justifyMode: 'auto',
  orientation: 'auto',
  textMode: 'auto',
  wideLayout: true,
  showPercentChange: false,
  percentChangeColorMode: 'standard',
};
const CHART_OPTIONS = {
  legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
  tooltip: { mode: 'multi', sort: 'desc' },
};
const SIZES = { stat: { w: 4, h: 5 }, timeseries: { w: 8, h: 8 } };

/**
 * A panel over time.
 *
 * @param text what it shows, and what to do when it is bad
 * @param queries pairs of query and legend
 */
export function chart(title, unit, text, ...queries) {
  return { type: 'timeseries', title, unit, text, queries };
}

/** A panel with one figure; from `bad` on it is red, or up to it where a low figure is bad. */
export function figure(title, unit, text, query, bad, isLowBad = false) {
  return { type: 'stat', title, unit, text, queries: [[query, title]], bad, isLowBad };
}

/** How long something takes: the median and the 99th percentile of a histogram. */
export function times(metric, selector = 'POD') {
  const of = (quantile) =>
    `histogram_quantile(${quantile}, sum by (le) (rate(${metric}_bucket{${selector}}[$__rate_interval])))`;
  return [
    [of(0.5), 'half within'],
    [of(0.99), '99 % within'],
  ];
}

/** The 99th percentile of a histogram by a label. */
export function slowest(metric, by, selector = 'POD') {
  const rate = `rate(${metric}_bucket{${selector}}[$__rate_interval])`;
  return [
    `histogram_quantile(0.99, sum by (le, ${by}) (${rate}))`,
    `{{${by.split(', ').join('}} {{')}}}`,
  ];
}

/** What Prometheus gathers of any process, of those of Mosaic alone: others may share their namespace. */
export function ours(query) {
  return `(${query} and on (namespace, pod, instance) mosaic_build_info{POD})`;
}

/** A counter's rate by a label. */
export function rate(metric, by, selector = 'POD') {
  const [name, more] = metric.split('{');
  const within = more === undefined ? selector : `${selector},${more.slice(0, -1)}`;
  const legend = `{{${by.split(', ').join('}} {{')}}}`;
  return [`sum by (${by}) (rate(${name}{${within}}[$__rate_interval]))`, legend];
}

/**
 * A dashboard as Grafana's JSON.
 *
 * @param rows each a heading and its panels
 */
export function dashboard({ uid, title, text, rows }) {
  const panels = [];
  let y = 0;
  let id = 0;
  for (const [heading, ...definitions] of rows) {
    id += 1;
    panels.push({
      id,
      type: 'row',
      title: heading,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    for (const line of linesOf(definitions)) {
      // All of a line are as tall as its tallest.
      const h = Math.max(...line.map(({ type }) => SIZES[type].h));
      let x = 0;
      for (const definition of line) {
        const { w } = SIZES[definition.type];
        id += 1;
        panels.push(panelOf(definition, id, { x, y, w, h }));
        x += w;
      }
      y += h;
    }
  }
  return {
    uid,
    title,
    description: text,
    tags: ['mosaic'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    templating: { list: variables() },
    links: [LINK],
    annotations: { list: [] },
    panels,
  };
}

/** What fits beside each other. */
function linesOf(definitions) {
  const lines = [];
  let room = 0;
  for (const definition of definitions) {
    const { w } = SIZES[definition.type];
    if (w > room) {
      lines.push([]);
      room = COLUMNS;
    }
    lines.at(-1).push(definition);
    room -= w;
  }
  return lines;
}

function panelOf(definition, id, gridPos) {
  const { type, title, unit, text, queries } = definition;
  const isFigure = type === 'stat';
  return {
    id,
    type,
    title,
    description: text,
    datasource: DATASOURCE,
    gridPos,
    targets: queries.map(([query, legend], i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr: selected(query),
      legendFormat: legend,
      range: !isFigure,
      instant: isFigure,
      ...(!isFigure && WITH_EXEMPLARS.test(query) && { exemplar: true }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(queries.every(([query]) => query.endsWith(' > 0')) && { noValue: NOTHING }),
        ...(isFigure
          ? { thresholds: thresholdsOf(definition), color: { mode: 'thresholds' } }
          : { min: 0, custom: { lineWidth: 1, fillOpacity: 8, showPoints: 'never' } }),
      },
      overrides: [],
    },
    options: isFigure ? FIGURE_OPTIONS : CHART_OPTIONS,
  };
}

function thresholdsOf({ bad, isLowBad }) {
  const [low, high] = isLowBad ? ['red', 'green'] : ['green', 'red'];
  const above = bad === undefined ? [] : [{ color: high, value: bad }];
  const base = bad === undefined ? 'blue' : low;
  return { mode: 'absolute', steps: [{ color: base, value: null }, ...above] };
}

function selected(query) {
  return query.replaceAll(/\b(NS|POD|ROLE)\b/g, (name) => SELECTORS[name]);
}

function variables() {
  const choice = (name, label, query) => ({
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
    sort: 1,
  });
  return [
    {
      name: 'datasource',
      label: 'Prometheus',
      type: 'datasource',
      query: 'prometheus',
      current: { text: 'default', value: 'default' },
    },
    choice('namespace', 'Namespace', 'label_values(mosaic_build_info, namespace)'),
    choice(
      'role',
      'Role',
      'label_values(mosaic_role_commits_total{namespace=~"$namespace"}, role)',
    ),
    choice('pod', 'Pod', 'label_values(mosaic_build_info{namespace=~"$namespace"}, pod)'),
  ];
}
