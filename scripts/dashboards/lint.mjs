// What every dashboard must hold to: an operator finds each panel explained, with a unit, and with queries that
// Prometheus can run on metrics that there are.
import { metricSections } from '../metrics-page.mjs';

const DESCRIPTION_MIN = 40;
/** What Grafana puts in place of these; any value does to see whether a query can be read. */
const GRAFANA = [
  [/\$__rate_interval/g, '5m'],
  [/\$(namespace|role|pod)\b/g, '.*'],
];

/** A query as Prometheus gets it. */
export function asPrometheus(query) {
  return GRAFANA.reduce((text, [variable, value]) => text.replaceAll(variable, value), query);
}

/** The panels of a dashboard that show something. */
export function shownPanels(board) {
  return board.panels.filter(({ type }) => type !== 'row');
}

/** The names of all series that the metrics of the reference page have. */
export function knownSeries() {
  const specs = metricSections().flatMap((section) => section.specs);
  const endings = { histogram: ['_bucket', '_sum', '_count'] };
  return new Set(
    specs.flatMap(({ name, type }) => [name, ...(endings[type] ?? []).map((end) => name + end)]),
  );
}

/** The series that a query names. */
export function seriesIn(query) {
  return [...query.matchAll(/\b(?:mosaic|nodejs|process)_[a-z0-9_]+\b(?!\s*=)/g)].map(
    ([name]) => name,
  );
}

/**
 * What is wrong with dashboards, in sentences.
 *
 * @param boards by name
 * @param series the names of series that there are
 */
export function dashboardProblems(boards, series) {
  const problems = [];
  const uids = Object.values(boards).map(({ uid }) => uid);
  if (new Set(uids).size !== uids.length) problems.push('two dashboards have one uid');
  for (const [name, board] of Object.entries(boards)) {
    const ids = board.panels.map(({ id }) => id);
    if (new Set(ids).size !== ids.length) problems.push(`${name}: two panels have one id`);
    const variables = new Set(board.templating.list.map((variable) => variable.name));
    for (const wanted of ['datasource', 'namespace', 'role', 'pod']) {
      if (!variables.has(wanted)) problems.push(`${name}: there is no variable ${wanted}`);
    }
    for (const panel of shownPanels(board)) {
      problems.push(
        ...panelProblems(panel, series).map((text) => `${name}, ${panel.title}: ${text}`),
      );
    }
  }
  return problems;
}

function panelProblems({ description = '', fieldConfig, targets }, series) {
  const problems = [];
  if (description.length < DESCRIPTION_MIN) {
    problems.push('its description does not say what it shows and what to do');
  }
  if (!fieldConfig.defaults.unit) problems.push('it has no unit');
  if (targets.length === 0) problems.push('it has no query');
  for (const { expr } of targets) {
    const named = seriesIn(expr);
    if (named.length === 0) problems.push(`no metric is in ${expr}`);
    for (const name of named) {
      if (!series.has(name)) problems.push(`there is no metric ${name}`);
    }
    if (!expr.includes('namespace=~"$namespace"')) problems.push('it does not go by the variables');
  }
  return problems;
}

/**
 * The queries as rules of a file for promtool, which reads them as Prometheus does.
 */
export function rulesOfQueries(boards) {
  const rules = Object.values(boards).flatMap((board) =>
    shownPanels(board).flatMap(({ id, targets }) =>
      targets.map(({ refId, expr }) => ({
        record: `${board.uid.replaceAll('-', '_')}:panel_${id}:${refId}`,
        expr: asPrometheus(expr),
      })),
    ),
  );
  return { groups: [{ name: 'dashboards', rules }] };
}
