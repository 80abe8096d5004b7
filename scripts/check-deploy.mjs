// Checks what the server is deployed with: the image's recipe, the chart, k8s/, alerts. What it needs for that
// is installed where it is missing, once, into ~/.cache/mosaic-cluster/tools (Go, Python 3 with pip, apt-get).
//
//   npm run check:deploy                      checks everything
//   node scripts/check-deploy.mjs --write     writes k8s/base from the chart
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool } from '../libs/test-servers/dist/run-tool.js';
import { EXPECTATIONS, REFUSED } from './deploy/chart-expectations.mjs';
import { KUBERNETES_VERSIONS, schemaProblem } from './deploy/kubernetes-schemas.mjs';
import { kustomizeProblems, writeBase } from './deploy/kustomize-base.mjs';
import { GUIDES, renderChart, renderGuide, runHelm, valuesMatrix } from './deploy/render.mjs';
import { settingsProblems } from './deploy/service-settings.mjs';
import { alertProblems } from './dashboards/alert-lint.mjs';
import { dashboardProblems, knownSeries, rulesOfQueries } from './dashboards/lint.mjs';
import { DASHBOARDS, dashboardPages } from './dashboards/pages.mjs';
import { findSchemas, findTool } from './deploy/tools.mjs';
import { helpOf } from './help.mjs';

helpOf(import.meta.url);

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const alerts = join(root, 'charts', 'mosaic-cluster', 'files', 'alerts');
const matrix = valuesMatrix(root);
const say = (line) => console.log(line);
let passed = 0;
let failed = 0;

/** Runs one check, which gives its problems in sentences. */
async function check(what, work) {
  let problems;
  try {
    problems = (await work()) ?? [];
  } catch (error) {
    problems = [error.message, error.cause?.message].filter((text) => text !== undefined);
  }
  if (problems.length === 0) passed += 1;
  else failed += 1;
  say(`${problems.length === 0 ? 'ok ' : 'NOT'} ${what}`);
  for (const problem of problems) say(`      ${problem.trim().replaceAll('\n', '\n      ')}`);
}

async function checkImage() {
  const hadolint = await findTool('hadolint', say);
  const dockerfile = join(root, 'deploy', 'Dockerfile');
  await runTool(hadolint, [dockerfile], { timeoutMs: 60_000 });
}

async function checkChart(helm) {
  const tools = {
    kubeconform: await findTool('kubeconform', say),
    schemas: await findSchemas(say),
  };
  const ownSchemas = join(root, 'scripts', 'deploy', 'schemas');
  for (const [name, files] of Object.entries(matrix)) {
    await check(`helm lint with ${files.join(' and ')}`, async () => {
      await runHelm(helm, root, ['lint', '--strict', '--quiet'], files);
    });
    const objects = await renderChart(helm, root, files).catch(() => []);
    await check(`${name}: services take the settings of ${objects.length} objects`, () =>
      objects.length === 0 ? ['nothing was rendered'] : settingsProblems(objects),
    );
    for (const version of KUBERNETES_VERSIONS) {
      await check(`${name}: every object is one of Kubernetes ${version}`, async () => {
        const problem = await schemaProblem({ ...tools, ownSchemas }, version, objects);
        return problem === undefined ? [] : [problem];
      });
    }
  }
}

async function checkExpectations(helm) {
  for (const [sentence, sets, verify] of EXPECTATIONS) {
    await check(sentence, async () => {
      verify(await renderChart(helm, root, matrix.base, sets));
    });
  }
  for (const [set, named] of REFUSED) {
    await check(`${set} is refused`, async () => {
      const error = await renderChart(helm, root, matrix.base, [set]).then(
        () => undefined,
        (thrown) => thrown,
      );
      if (error === undefined) return ['it was taken'];
      // The command line, which repeats the value, stands before helm's words.
      const words = error.message.slice(error.message.indexOf('Error:'));
      return words.includes(named) ? [] : [`the refusal does not name ${named}: ${words}`];
    });
  }
}

/** The values that the guides tell operators to write. */
async function checkGuides(helm) {
  for (const guide of GUIDES) {
    await check(`the values in docs/${guide} are those of a chart that services take`, async () =>
      settingsProblems(await renderGuide(helm, root, guide)),
    );
  }
}

async function checkDashboards() {
  await check('dashboards explain every panel and ask for metrics that there are', () =>
    dashboardProblems(DASHBOARDS, knownSeries()),
  );
  const schema = await findTool('grafana-schema', say);
  await check('Grafana knows all that the dashboards say', async () => {
    const files = Object.keys(dashboardPages()).map((path) => join(root, path));
    await runTool(schema, files, { timeoutMs: 60_000 });
  });
  const promtool = await findTool('promtool', say);
  await check('Prometheus can read the queries of the dashboards', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mosaic-queries-'));
    try {
      const file = join(folder, 'queries.yaml');
      writeFileSync(file, JSON.stringify(rulesOfQueries(DASHBOARDS)));
      await runTool(promtool, ['check', 'rules', file], { timeoutMs: 60_000 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

async function checkAlerts() {
  await check('alerts have pages, words and metrics that there are', () =>
    alertProblems(root, knownSeries()),
  );
  const files = readdirSync(alerts).filter((file) => file.endsWith('.yaml'));
  if (files.length === 0) return;
  const promtool = await findTool('promtool', say);
  const isTest = (file) => file.endsWith('.test.yaml');
  const run = (args) => runTool(promtool, args, { folder: alerts, timeoutMs: 120_000 });
  for (const file of files) {
    const how = isTest(file) ? ['test', 'rules', file] : ['check', 'rules', file];
    await check(`promtool ${how.join(' ')}`, async () => {
      await run(how);
    });
  }
}

const helm = await findTool('helm', say);
if (process.argv.includes('--write')) {
  await writeBase(helm, root);
  say('wrote k8s/base');
} else {
  await check('hadolint finds nothing in deploy/Dockerfile', checkImage);
  await checkChart(helm);
  await checkExpectations(helm);
  await checkGuides(helm);
  const kustomize = await findTool('kustomize', say);
  await check('k8s/ is what the chart makes', () => kustomizeProblems({ helm, kustomize }, root));
  await checkDashboards();
  await checkAlerts();
  say(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
