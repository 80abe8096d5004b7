// Breaks a cluster on this machine in every way that an alert is for, and sees whether the alert fires on what the
// processes really say: with a real Prometheus and the chart's own rules, in which only times are shorter.
//
//   npm run alertdrill             all drills; some minutes
//   npm run alertdrill -- NAME…    these alone
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { alertRules } from './dashboards/alert-lint.mjs';
import { startDrilled, DRILLS } from './alerts/drills.mjs';
import { writeFastRules } from './alerts/fast-rules.mjs';
import { startPrometheus } from './dashboards/prometheus.mjs';
import { helpOf } from './help.mjs';

helpOf(import.meta.url);

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** For an alert to fire, after what it is about was done: some look back over six minutes, most of them good. */
const PATIENCE_MS = 300_000;
const LOOK_MS = 500;

const say = (line) => console.log(line);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((each) => !DRILLS.some(({ name }) => name === each));
if (unknown.length > 0) {
  say(`There is no drill ${unknown.join(', ')}. There are:`);
  for (const { name, what } of DRILLS) say(`  ${name.padEnd(12)} ${what}`);
  process.exit(2);
}
const drills = DRILLS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const names = alertRules(root).flatMap(({ alert, labels }) =>
  alert === undefined ? [] : `${alert} ${labels.severity}`,
);

const dataDir = await mkdtemp(join(tmpdir(), 'mosaic-alertdrill-'));
/** When each alert fired first, by name and severity. */
const fired = new Map();
const closing = [() => rm(dataDir, { recursive: true, force: true })];
let missed = 0;
try {
  say('starting a cluster…');
  const stage = await startDrilled(dataDir);
  closing.push(() => stage.close());
  const prometheus = await startPrometheus({
    cluster: stage.cluster,
    folder: join(dataDir, 'prometheus'),
    scrapeSeconds: 1,
    rules: await writeFastRules(root, join(dataDir, 'rules')),
  });
  closing.push(() => prometheus.close());
  const looking = setInterval(() => void look(prometheus), LOOK_MS);
  closing.push(async () => clearInterval(looking));
  for (const drill of drills) missed += await run(drill, stage);
  const silent = [...new Set(names)].filter((name) => !fired.has(name));
  if (wanted.length === 0) {
    for (const name of silent) say(`NOT ${name} fired in no drill`);
    missed += silent.length;
  }
  say(`${fired.size} of ${new Set(names).size} alerts fired, ${missed} failed`);
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  for (const close of closing.toReversed()) await close();
}

async function look(prometheus) {
  const { alerts } = await prometheus.ask('alerts').catch(() => ({ alerts: [] }));
  for (const { labels, state } of alerts) {
    const name = `${labels.alertname} ${labels.severity}`;
    if (state === 'firing' && !fired.has(name)) fired.set(name, performance.now());
  }
}

/** @returns how many of the alerts that the drill is for did not fire */
async function run({ name, what, alerts, act }, stage) {
  say(`${name}: ${what}`);
  for (const alert of alerts) fired.delete(alert);
  const since = performance.now();
  const mend = await act(stage);
  const missing = () => alerts.filter((alert) => !fired.has(alert));
  while (missing().length > 0 && performance.now() - since < PATIENCE_MS) await delay(LOOK_MS);
  for (const alert of alerts) {
    const at = fired.get(alert);
    say(at === undefined ? `NOT ${alert}` : `ok  ${alert}, ${Math.round((at - since) / 1000)} s`);
  }
  await mend?.();
  return missing().length;
}
