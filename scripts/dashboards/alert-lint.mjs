// What every alert must hold to: a page that says what to do, words for whoever is woken, and metrics that there are.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { seriesIn } from './lint.mjs';

const RUNBOOKS = 'docs/runbooks/';
const HEADINGS = [
  '## What it means',
  '## How to see it',
  '## What to do',
  '## How to know that it is over',
];

/** All rules of the chart's alert files, recorded ones too. */
export function alertRules(root) {
  const folder = join(root, 'charts', 'mosaic-cluster', 'files', 'alerts');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml') && !file.endsWith('.test.yaml'))
    .flatMap((file) => parse(readFileSync(join(folder, file), 'utf8')).groups)
    .flatMap(({ rules }) => rules);
}

/** What is wrong with the alerts and their pages, in sentences. */
export function alertProblems(root, series) {
  const rules = alertRules(root);
  const pages = new Set();
  const problems = rules.flatMap((rule) => [
    ...seriesIn(rule.expr)
      .filter((name) => !series.has(name))
      .map((name) => `${rule.alert ?? rule.record}: there is no metric ${name}`),
    ...(rule.alert === undefined ? [] : wordsMissing(root, rule, pages)),
  ]);
  const unused = readdirSync(join(root, RUNBOOKS)).filter(
    (file) => file !== 'README.md' && !pages.has(file),
  );
  const list = readFileSync(join(root, RUNBOOKS, 'README.md'), 'utf8');
  const unlisted = [...pages].filter((page) => !list.includes(`(${page})`));
  return [
    ...problems,
    ...unused.map((file) => `no alert leads to ${RUNBOOKS}${file}`),
    ...unlisted.map((file) => `${RUNBOOKS}README.md does not list ${file}`),
  ];
}

function wordsMissing(root, { alert, labels = {}, annotations = {} }, pages) {
  const problems = [];
  if (!['critical', 'warning'].includes(labels.severity)) problems.push('has no severity');
  for (const name of ['summary', 'description']) {
    if (!annotations[name]) problems.push(`has no ${name}`);
  }
  const page = annotations.runbook_url ?? '';
  const isThere = page.startsWith(RUNBOOKS) && existsSync(join(root, page));
  if (isThere) {
    pages.add(page.slice(RUNBOOKS.length));
    const text = readFileSync(join(root, page), 'utf8');
    for (const heading of HEADINGS) {
      if (!text.includes(heading)) problems.push(`leads to ${page}, which lacks "${heading}"`);
    }
  } else problems.push(`leads to no page: ${page}`);
  return problems.map((problem) => `${alert} ${problem}`);
}
