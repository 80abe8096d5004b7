// A real Prometheus that scrapes a cluster on this machine.
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { forget, freePort, watch } from '../../libs/test-servers/dist/index.js';
import { findTool } from '../deploy/tools.mjs';

const READY_TIMEOUT_MS = 30_000;
const LOOK_MS = 500;

/**
 * Starts it; resolves when it answers.
 *
 * @param options `cluster`; `folder` to write to; `scrapeSeconds`; `rules`: paths of rule files, by default none
 * @returns `{url, ask, close}`; `ask` takes a path of its API with parameters and gives the data
 */
export async function startPrometheus({ cluster, folder, scrapeSeconds, rules = [] }) {
  const program = await findTool('prometheus', console.log);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'prometheus.yml');
  const interval = `${scrapeSeconds}s`;
  const config = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: rules,
    scrape_configs: [{ job_name: 'mosaic', static_configs: cluster.processes.map(targetOf) }],
  };
  await writeFile(file, JSON.stringify(config));
  const port = await freePort();
  const places = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  const child = spawn(
    program,
    [...places, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  // It shall not outlive this process, however that ends.
  watch(child.pid);
  const ended = new Promise((resolve) => {
    child.once('exit', () => {
      forget(child.pid);
      resolve();
    });
  });
  const prometheus = {
    url: `http://127.0.0.1:${port}`,
    ask: (path, parameters = {}) => ask(`http://127.0.0.1:${port}`, path, parameters),
    close: async () => {
      child.kill();
      await ended;
    },
  };
  await untilReady(prometheus);
  return prometheus;
}

function targetOf({ name, spec }) {
  const labels = { namespace: 'local', pod: name };
  return { targets: [spec.settings.MOSAIC_HEALTH_LISTEN], labels };
}

async function untilReady(prometheus) {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(`${prometheus.url}/-/ready`).catch(() => undefined);
    if (response?.ok) return;
    if (performance.now() > deadline) {
      await prometheus.close();
      throw new Error('Prometheus does not answer');
    }
    await delay(LOOK_MS);
  }
}

async function ask(url, path, parameters) {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const { data, error } = await response.json();
  if (error !== undefined) throw new Error(`Prometheus refused ${parameters.query}: ${error}`);
  return data;
}
