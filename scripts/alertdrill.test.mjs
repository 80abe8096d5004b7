// The drill's rules are the chart's, but for their times: else it would drill others. Needs a build.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { alertRules } from './dashboards/alert-lint.mjs';
import { DRILLS } from './alerts/drills.mjs';
import { writeFastRules } from './alerts/fast-rules.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 };

test('all times are a sixtieth, and nothing else differs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mosaic-fast-rules-'));
  try {
    const files = await writeFastRules(root, folder);
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    const fast = texts.flatMap((text) => parse(text).groups).flatMap(({ rules }) => rules);
    const rules = alertRules(root);
    expect(fast.map((rule) => timesOf(rule))).toEqual(
      rules.map((rule) => timesOf(rule).map((seconds) => Math.max(1, Math.round(seconds / 60)))),
    );
    expect(fast.map((rule) => withoutTimes(rule))).toEqual(rules.map((rule) => withoutTimes(rule)));
    expect(rules.flatMap(timesOf).length).toBeGreaterThan(60);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('every alert has a drill', () => {
  const names = alertRules(root).flatMap(({ alert, labels }) =>
    alert === undefined ? [] : `${alert} ${labels.severity}`,
  );
  expect(new Set(DRILLS.flatMap(({ alerts }) => alerts))).toEqual(new Set(names));
});

const TIME = /(?<=\[|:|offset |^)(\d+)([smhd])(?=[\]:\s)]|$)/g;

function timesOf({ expr, for: wait = '' }) {
  return [...expr.matchAll(TIME), ...wait.matchAll(TIME)].map(([, n, unit]) => n * SECONDS[unit]);
}

function withoutTimes(rule) {
  return { ...rule, expr: rule.expr.replaceAll(TIME, ''), for: undefined };
}
