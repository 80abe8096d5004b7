// Reads what the processes of a cluster on this machine say of themselves.
import { spawnSync } from 'node:child_process';

/**
 * The text of a process's metrics.
 *
 * @param process of a local cluster
 */
export async function scrape(process) {
  const response = await fetch(`${process.facts.health}/metrics`);
  if (!response.ok) throw new Error(`${process.name} gave no metrics: ${response.status}`);
  return response.text();
}

/**
 * What Prometheus' own linter finds in such a text: names and units against its conventions, missing help; a line
 * for each.
 *
 * @param promtool the path of its program
 */
export function lintMetrics(promtool, text) {
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
  return status === 0 || lines.length > 0 ? lines : [`promtool ended with ${status}`];
}

/** The names of metrics in such a text. */
export function metricNames(text) {
  return [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
}

/** The values of all series in such a text, added up by name. */
export function seriesTotals(text) {
  const totals = new Map();
  for (const [, name, value] of text.matchAll(/^([a-z0-9_]+)(?:\{[^}]*\})? (\S+)/gm)) {
    totals.set(name, (totals.get(name) ?? 0) + Number(value));
  }
  return totals;
}
