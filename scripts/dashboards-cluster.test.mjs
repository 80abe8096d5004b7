// Every metric that a dashboard or an alert asks for is there in a cluster at work, and the reference page names
// exactly the metrics that its processes have. Needs a build.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLocalCluster } from '../deploy/local-cluster/dist/index.js';
import { Audience, connectTo, Load } from '../deploy/local-cluster/src/testing/load.ts';
import { freePort } from '../libs/test-servers/dist/index.js';
import { alertRules } from './dashboards/alert-lint.mjs';
import { seriesIn, shownPanels } from './dashboards/lint.mjs';
import { DASHBOARDS } from './dashboards/pages.mjs';
import { lintMetrics, metricNames, scrape, seriesTotals } from './dashboards/scrape.mjs';
import { findTool } from './deploy/tools.mjs';
import { metricSections } from './metrics-page.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const RECORDS = 200;

let dataDir;
let cluster;
/** By process. */
const texts = new Map();
/** What the embedded server says. */
let embeddedText;
const closing = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mosaic-metrics-'));
  cluster = await startLocalCluster({ dataDir, workers: 1, report: () => {} });
  const [publisher, reader] = await Promise.all([connectTo(cluster, 0), connectTo(cluster, 1)]);
  closing.push(publisher, reader);
  const load = new Load(publisher);
  const audience = await Audience.of(reader, load.author);
  closing.unshift(audience);
  load.start();
  await load.more(RECORDS);
  await audience.hasSeen(RECORDS);
  const asked = reader.query([{ name: 'authors', keys: [load.author] }], { limit: 20 });
  for await (const record of asked) void record;
  for await (const record of reader.get([load.acknowledged[0].id])) void record;
  for (const each of cluster.processes) texts.set(each.name, await scrape(each));
  await load.stop();
  const embedded = await startEmbedded(join(dataDir, 'embedded'));
  closing.push(embedded);
  embeddedText = await scrape(embedded);
}, 120_000);

/** The embedded server as a process of its own. */
async function startEmbedded(folder) {
  const health = `127.0.0.1:${await freePort()}`;
  const settings = {
    MOSAIC_DATA_DIR: folder,
    MOSAIC_MTLS_LISTEN: '127.0.0.1:0',
    MOSAIC_UWS_LISTEN: '127.0.0.1:0',
    MOSAIC_HEALTH_LISTEN: health,
    MOSAIC_FREE_BYTES_MIN: '0',
    MOSAIC_LOG: 'json',
  };
  const main = join(root, 'services', 'standalone', 'dist', 'main.js');
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith('{"event":"ready"')) continue;
    const close = async () => {
      child.kill();
      await once(child, 'exit');
    };
    return { name: 'embedded', facts: { health: `http://${health}` }, close };
  }
  throw new Error('the embedded server ended before it served');
}

afterAll(async () => {
  for (const each of closing) await each.close();
  await cluster?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

test('every metric of the dashboards and alerts is there', () => {
  const there = seriesTotals([...texts.values()].join('\n'));
  const wanted = [
    ...Object.values(DASHBOARDS).flatMap((board) =>
      shownPanels(board).flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ),
    ...alertRules(root).map(({ expr }) => expr),
  ].flatMap(seriesIn);
  expect(wanted.length).toBeGreaterThan(100);
  expect([...new Set(wanted)].filter((name) => !there.has(name))).toEqual([]);
});

test('what is busy says so', () => {
  const totals = seriesTotals([...texts.values()].join('\n'));
  const busy = [
    'mosaic_submission_duration_seconds_count',
    'mosaic_submission_batch_records_count',
    'mosaic_stored_answer_duration_seconds_count',
    'mosaic_live_delivery_delay_seconds_count',
    'mosaic_messages_received_total',
    'mosaic_connections',
    'mosaic_role_request_duration_seconds_count',
    'mosaic_role_commit_records_count',
    'mosaic_role_append_duration_seconds_count',
    'mosaic_role_indexing_duration_seconds_count',
    'mosaic_verifier_records_total',
    'mosaic_segment_cache_hits_total',
    'mosaic_index_operation_duration_seconds_count',
    'mosaic_redis_calls_total',
    'mosaic_redis_memory_used_bytes',
    'mosaic_object_store_request_duration_seconds_count',
    'mosaic_object_store_written_bytes_total',
  ];
  expect(busy.filter((name) => !(totals.get(name) > 0))).toEqual([]);
  const failures = ['mosaic_role_commit_failures_total', 'mosaic_role_index_behind'];
  expect(failures.map((name) => totals.get(name))).toEqual([0, 0]);
});

test('the reference page and the processes agree', () => {
  const isOurs = (name) => name.startsWith('mosaic_');
  const documented = metricSections().flatMap(({ specs }) => specs.map(({ name }) => name));
  const found = new Set([...texts.values(), embeddedText].flatMap(metricNames));
  expect(new Set([...found].filter(isOurs))).toEqual(new Set(documented.filter(isOurs)));
  expect(documented.filter((name) => !found.has(name))).toEqual([]);
});

test("Prometheus' linter finds nothing in what processes say", async () => {
  const promtool = await findTool('promtool', () => {});
  expect(lintMetrics(promtool, '# TYPE mosaic_bad counter\nmosaic_bad 1\n')).not.toEqual([]);
  for (const [name, text] of [...texts, ['embedded', embeddedText]]) {
    expect({ name, problems: lintMetrics(promtool, text) }).toEqual({ name, problems: [] });
  }
}, 120_000);
