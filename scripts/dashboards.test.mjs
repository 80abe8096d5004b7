// The lint of dashboards and alerts finds what it is for, and nothing in what is there.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { alertProblems, alertRules } from './dashboards/alert-lint.mjs';
import { chart, dashboard } from './dashboards/build.mjs';
import { asPrometheus, dashboardProblems, knownSeries, seriesIn } from './dashboards/lint.mjs';
import { DASHBOARDS } from './dashboards/pages.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

test('the dashboards and alerts are in order', () => {
  expect(dashboardProblems(DASHBOARDS, knownSeries())).toEqual([]);
  expect(alertRules(root).filter(({ alert }) => alert).length).toBeGreaterThan(10);
  expect(alertProblems(root, knownSeries())).toEqual([]);
});

test('a panel without words, unit, variables or with a metric that is gone is found', () => {
  const rows = [['Row', chart('Bad', '', 'Short.', ['sum(mosaic_gone_total)', 'x'])]];
  const bad = dashboard({ uid: 'bad', title: 'Bad', text: 'Bad.', rows });
  expect(
    dashboardProblems({ bad, same: bad }, knownSeries()).filter((p) => !p.startsWith('same')),
  ).toEqual([
    'two dashboards have one uid',
    'bad, Bad: its description does not say what it shows and what to do',
    'bad, Bad: it has no unit',
    'bad, Bad: there is no metric mosaic_gone_total',
    'bad, Bad: it does not go by the variables',
  ]);
});

test('an alert on a metric that is gone is found', () => {
  const series = knownSeries();
  series.delete('mosaic_index_whole');
  expect(alertProblems(root, series)).toEqual([
    'MosaicIndexNotWhole: there is no metric mosaic_index_whole',
  ]);
});

test('queries are read as Prometheus gets them', () => {
  const query = 'rate(mosaic_x_total{pod=~"$pod",mosaic_label="a"}[$__rate_interval])';
  expect(asPrometheus(query)).toBe('rate(mosaic_x_total{pod=~".*",mosaic_label="a"}[5m])');
  expect(seriesIn(query)).toEqual(['mosaic_x_total']);
});
