// Holds the chart against a real Kubernetes API server: every object is applied with strict validation, in a
// namespace that enforces the restricted profile; releases are installed, changed and taken back; the server
// key's Job does what it may and nothing else. There are no machines here, so no pod starts.
//
//   npm run check:kube        builds kube-apiserver once (some ten minutes), into ~/.cache/mosaic-cluster/tools
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { createSecret } from '../deploy/server-key-secret.mjs';
import { runTool } from '../libs/test-servers/dist/run-tool.js';
import { startControlPlane } from './deploy/control-plane.mjs';
import { renderChart, renderFolder, valuesMatrix, YAML } from './deploy/render.mjs';
import { findTool } from './deploy/tools.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const chart = join(root, 'charts', 'mosaic-cluster');
const say = (line) => console.log(line);
/** Whose schemas are not Kubernetes' own; scripts/deploy/schemas has them. */
const FOREIGN = new Set(['PodMonitor', 'PrometheusRule', 'ScaledObject']);
const RESTRICTED = ['enforce', 'warn'].map(
  (mode) => `pod-security.kubernetes.io/${mode}=restricted`,
);

const helm = await findTool('helm', say);
const kustomize = await findTool('kustomize', say);
const etcd = await findTool('etcd', say);
const kubectl = await findTool('kubectl', say);
const apiserver = await findTool('kube-apiserver', say);
const plane = await startControlPlane({ etcd, apiserver, kubectl });
const scratch = mkdtempSync(join(tmpdir(), 'mosaic-manifests-'));
let passed = 0;
let failed = 0;

async function check(what, work) {
  try {
    await work();
    passed += 1;
    say(`ok  ${what}`);
  } catch (error) {
    failed += 1;
    say(`NOT ${what}\n      ${error.message.replaceAll('\n', '\n      ')}`);
  }
}

/** Applies objects as a dry run: warnings, as of the restricted profile, are errors. */
async function apply(objects, args = ['--dry-run=server']) {
  const file = join(scratch, 'objects.yaml');
  const own = objects.filter(({ kind }) => !FOREIGN.has(kind));
  writeFileSync(file, own.map((object) => stringify(object, YAML)).join('---\n'));
  const strict = ['--server-side', '--validate=strict', '--warnings-as-errors'];
  await plane.kubectl(['apply', ...strict, ...args, '--namespace', 'mosaic', '-f', file]);
}

function runHelm(args) {
  const where = ['--kubeconfig', plane.kubeconfig, '--namespace', 'mosaic'];
  return runTool(helm, [...args, ...where], { folder: root, timeoutMs: 120_000 });
}

async function mustFail(what, work) {
  const error = await work().then(
    () => undefined,
    (thrown) => thrown,
  );
  if (error === undefined) throw new Error(`${what} was allowed`);
}

async function checkManifests() {
  for (const [name, files] of Object.entries(valuesMatrix(root))) {
    const objects = await renderChart(helm, root, files);
    await check(`${name}: the API server takes all objects`, () => apply(objects));
  }
  for (const folder of ['base', 'overlays/small', 'overlays/large']) {
    const objects = await renderFolder(kustomize, root, join('k8s', folder));
    await check(`k8s/${folder}: the API server takes all objects`, () => apply(objects));
  }
  await check('a field that does not exist, or a pod that may be root, is refused', async () => {
    const objects = await renderChart(helm, root, ['base.yaml']);
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    await apply([deployment]);
    const { spec } = deployment;
    await mustFail('an unknown field', () => apply([{ ...deployment, spec: { ...spec, no: 1 } }]));
    const asRoot = structuredClone(deployment);
    asRoot.spec.template.spec.securityContext = { runAsUser: 0 };
    await mustFail('a pod that is root', () => apply([asRoot]));
  });
}

async function checkReleases() {
  const values = (name) => ['-f', join(chart, 'ci', 'base.yaml'), '-f', join(chart, 'ci', name)];
  // Nobody runs Jobs here, so hooks would wait for ever.
  const install = ['upgrade', '--install', 'mosaic', chart, '--no-hooks'];
  const steps = [
    ['a small release is installed', [...install, ...values('small.yaml')]],
    ['it becomes a large one', [...install, ...values('large.yaml')]],
    ['and the small one again', ['rollback', 'mosaic', '1', '--no-hooks']],
    ['and is removed', ['uninstall', 'mosaic', '--no-hooks']],
  ];
  for (const [what, args] of steps) await check(what, () => runHelm(args));
}

async function checkServerKey() {
  const set = ['serverKey={"existingSecret":"","generate":true}'];
  const hooks = (await renderChart(helm, root, ['base.yaml'], set)).filter(
    ({ metadata }) => metadata.name === 'mosaic-server-key',
  );
  await check("the server key's account and rights are made", () => apply(hooks, []));
  const account = ['--namespace', 'mosaic', 'mosaic-server-key'];
  const said = await plane.kubectl(['create', 'token', ...account]);
  const api = { ...plane.api, token: said.trim() };
  const wanted = { namespace: 'mosaic', name: 'key', key: 'server-key', value: 'first' };
  const kept = async () =>
    (
      await plane.kubectl(['-n', 'mosaic', 'get', 'secret', 'key', '-o', 'jsonpath={.data}'])
    ).includes(Buffer.from('first').toString('base64'));
  await check('it makes a key where there is none, and keeps one that is there', async () => {
    if ((await createSecret(api, wanted)) !== 'made') throw new Error('it made none');
    const again = await createSecret(api, { ...wanted, value: 'second' });
    if (again !== 'kept' || !(await kept()))
      throw new Error(`the first key was not kept: ${again}`);
  });
  await check('it may not read, change or delete one', async () => {
    const as = ['--as=system:serviceaccount:mosaic:mosaic-server-key', '-n', 'mosaic'];
    for (const verb of ['get', 'list', 'update', 'patch', 'delete']) {
      await mustFail(verb, () => plane.kubectl([...as, 'auth', 'can-i', verb, 'secrets']));
    }
  });
}

try {
  await plane.kubectl(['create', 'namespace', 'mosaic']);
  await plane.kubectl(['label', 'namespace', 'mosaic', ...RESTRICTED]);
  await checkManifests();
  await checkReleases();
  await checkServerKey();
  say(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await plane.close();
  rmSync(scratch, { recursive: true });
}
