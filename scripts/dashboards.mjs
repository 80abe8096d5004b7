// Draws the dashboards with real data: starts a cluster on this machine, puts it under load, has a real Prometheus
// scrape it, runs every panel's queries and draws the results, a sheet for each dashboard, into docs/dashboards.
//
//   npm run dashboards                  two minutes of load
//   npm run dashboards -- SECONDS DIR   so much, into that folder
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Resvg } from '@resvg/resvg-js';
import { startLocalCluster } from '../deploy/local-cluster/dist/index.js';
import { freePort } from '../libs/test-servers/dist/free-port.js';
import { underLoad } from './dashboards/load.mjs';
import { DASHBOARDS } from './dashboards/pages.mjs';
import { sheet } from './dashboards/sheet.mjs';
import { findTool } from './deploy/tools.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [seconds = '120', folder = join(root, 'docs', 'dashboards')] = process.argv.slice(2);
const SCRAPE_SECONDS = 2;
const WINDOW = '20s';

const dataDir = await mkdtemp(join(tmpdir(), 'mosaic-dashboards-'));
const say = (line) => console.log(line);
const closing = [];
try {
  say('starting a cluster…');
  const cluster = await startLocalCluster({ dataDir, report: () => {} });
  closing.push(() => cluster.close());
  const url = await startPrometheus(cluster);
  const load = await underLoad(cluster);
  closing.push(() => load.close());
  say(`under load for ${seconds} s…`);
  await delay(Number(seconds) * 1000);
  await mkdir(folder, { recursive: true });
  for (const [name, board] of Object.entries(DASHBOARDS)) await draw(url, name, board);
} finally {
  for (const close of closing.toReversed()) await close();
  await rm(dataDir, { recursive: true, force: true });
}

async function startPrometheus(cluster) {
  const program = await findTool('prometheus', say);
  const port = await freePort();
  const targets = cluster.processes.map(({ name, facts }) => ({
    targets: [new URL(facts.health).host],
    labels: { namespace: 'local', pod: name },
  }));
  const config = {
    global: { scrape_interval: `${SCRAPE_SECONDS}s` },
    scrape_configs: [{ job_name: 'mosaic', static_configs: targets }],
  };
  const file = join(dataDir, 'prometheus.yml');
  await writeFile(file, JSON.stringify(config));
  const child = spawn(
    program,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(dataDir, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  closing.push(async () => {
    child.kill();
    await ended;
  });
  return `http://127.0.0.1:${port}`;
}

async function draw(url, name, board) {
  const panels = [];
  let empty = 0;
  for (const panel of board.panels) {
    const results = await Promise.all((panel.targets ?? []).map((target) => ask(url, target)));
    const series = results.flat();
    if (panel.type !== 'row' && series.length === 0) {
      empty += 1;
      say(`${name}, ${panel.title}: no data`);
    }
    panels.push({ ...panel, series });
  }
  const svg = sheet(`${board.title}, a cluster on one machine under load`, panels);
  const png = new Resvg(svg, { font: { loadSystemFonts: true } }).render().asPng();
  const path = join(folder, `${name}.png`);
  await writeFile(path, png);
  say(`wrote ${path}: ${Math.round(png.length / 1024)} KiB, ${empty} panels without data`);
}

async function ask(url, { expr, legendFormat }) {
  const query = expr
    .replaceAll('$__rate_interval', WINDOW)
    .replaceAll(/\$(namespace|role|pod)\b/g, '.*');
  const end = Date.now() / 1000;
  const parameters = { query, start: end - Number(seconds) * 0.85, end, step: SCRAPE_SECONDS };
  const response = await fetch(`${url}/api/v1/query_range?${new URLSearchParams(parameters)}`);
  const { data, error } = await response.json();
  if (error !== undefined) throw new Error(`Prometheus refused ${query}: ${error}`);
  return data.result.map(({ metric, values }) => ({
    legend: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? ''),
    points: values.map(([at, value]) => [at, Number(value)]).filter(([, v]) => Number.isFinite(v)),
  }));
}
