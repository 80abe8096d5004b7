// Draws the dashboards with real data: starts a cluster on this machine, puts it under load, has a real Prometheus
// scrape it, runs every panel's queries and draws the results, a sheet for each dashboard, into docs/dashboards.
//
//   npm run dashboards                  two minutes of load
//   npm run dashboards -- SECONDS DIR   so much, into that folder
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Resvg } from '@resvg/resvg-js';
import { spoil } from './dashboards/incidents.mjs';
import { underLoad } from './dashboards/load.mjs';
import { DASHBOARDS } from './dashboards/pages.mjs';
import { encodePng } from './dashboards/png.mjs';
import { startPrometheus } from './dashboards/prometheus.mjs';
import { sheet } from './dashboards/sheet.mjs';
import { startStage } from './dashboards/stage.mjs';
import { helpOf } from './help.mjs';

helpOf(import.meta.url);

const SECONDS_MIN = 30;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [seconds = '120', folder = join(root, 'docs', 'dashboards')] = process.argv.slice(2);
if (!(Number(seconds) >= SECONDS_MIN)) {
  console.error(
    `"${seconds}" is no time: at least ${SECONDS_MIN} seconds, for rates to have something to go by.`,
  );
  process.exit(2);
}
const SCRAPE_SECONDS = 2;
const WINDOW = '20s';
/** What panels look back on for hours is seen over this, as there are but minutes. */
const HOURS_AS = [
  ['[6h:5m]', '[1m:5s]'],
  ['[6h]', '[1m]'],
];

const dataDir = await mkdtemp(join(tmpdir(), 'mosaic-dashboards-'));
const say = (line) => console.log(line);
const closing = [];
try {
  say('starting a cluster…');
  const cluster = await startStage(dataDir);
  closing.push(() => cluster.close());
  const prometheus = await startPrometheus({
    cluster,
    folder: join(dataDir, 'prometheus'),
    scrapeSeconds: SCRAPE_SECONDS,
  });
  closing.push(() => prometheus.close());
  const load = await underLoad(cluster);
  closing.push(() => load.close());
  say(`under load for ${seconds} s…`);
  const marks = await spoil(cluster, Number(seconds), say);
  await mkdir(folder, { recursive: true });
  for (const [name, board] of Object.entries(DASHBOARDS))
    await draw(prometheus, name, board, marks);
} finally {
  for (const close of closing.toReversed()) await close();
  await rm(dataDir, { recursive: true, force: true });
}

async function draw(prometheus, name, board, marks) {
  const panels = [];
  let empty = 0;
  for (const panel of board.panels) {
    const results = await Promise.all(
      (panel.targets ?? []).map((target) => ask(prometheus, target)),
    );
    const series = results.flat();
    if (panel.type !== 'row' && series.length === 0) {
      empty += 1;
      say(`${name}, ${panel.title}: no data`);
    }
    panels.push({ ...panel, series });
  }
  const svg = sheet(`${board.title}, a cluster on one machine under load`, panels, marks);
  const png = encodePng(new Resvg(svg, { font: { loadSystemFonts: true } }).render());
  const path = join(folder, `${name}.png`);
  await writeFile(path, png);
  say(`wrote ${path}: ${Math.round(png.length / 1024)} KiB, ${empty} panels without data`);
}

async function ask(prometheus, { expr, legendFormat }) {
  const query = HOURS_AS.reduce(
    (text, [hours, here]) => text.replaceAll(hours, here),
    expr.replaceAll('$__rate_interval', WINDOW).replaceAll(/\$(namespace|role|pod)\b/g, '.*'),
  );
  const end = Date.now() / 1000;
  const parameters = { query, start: end - Number(seconds) * 0.95, end, step: SCRAPE_SECONDS };
  const { result } = await prometheus.ask('query_range', parameters);
  return result.map(({ metric, values }) => ({
    legend: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? ''),
    points: values.map(([at, value]) => [at, Number(value)]).filter(([, v]) => Number.isFinite(v)),
  }));
}
