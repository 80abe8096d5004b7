// Every object that the chart and k8s/ can make, applied to a real API server with strict validation, in a namespace
// that enforces the restricted profile; and what a server key's Job may do there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createSecret } from '../../deploy/server-key-secret.mjs';
import {
  GUIDES,
  renderChart,
  renderFolder,
  renderGuide,
  valuesMatrix,
  YAML,
} from '../deploy/render.mjs';

/** What objects are rendered for. */
const NAMESPACE = 'mosaic';
/** Whose schemas are not Kubernetes' own; scripts/deploy/schemas has them. */
const FOREIGN = new Set(['PodMonitor', 'PrometheusRule', 'ScaledObject', 'ServiceMonitor']);

/** Checks what the API server says of objects. `kube`: root, plane, check, helm, kustomize, makeNamespace. */
export async function checkManifests(kube) {
  const { root, helm, kustomize, check } = kube;
  await kube.makeNamespace(NAMESPACE);
  for (const [name, files] of Object.entries(valuesMatrix(root))) {
    await check(`${name}: the API server takes all objects`, async () => {
      await apply(kube, await renderChart(helm, root, files));
    });
  }
  for (const guide of GUIDES) {
    await check(`docs/${guide}: the API server takes all objects`, async () => {
      await apply(kube, await renderGuide(helm, root, guide));
    });
  }
  for (const folder of ['base', 'overlays/small', 'overlays/large']) {
    await check(`k8s/${folder}: the API server takes all objects`, async () => {
      await apply(kube, await renderFolder(kustomize, root, join('k8s', folder)));
    });
  }
  await check('a field that does not exist, or a pod that may be root, is refused', async () => {
    const objects = await renderChart(helm, root, ['base.yaml']);
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    await apply(kube, [deployment]);
    const { spec } = deployment;
    const unknown = { ...deployment, spec: { ...spec, no: 1 } };
    await mustFail('an unknown field', () => apply(kube, [unknown]));
    const asRoot = structuredClone(deployment);
    asRoot.spec.template.spec.securityContext = { runAsUser: 0 };
    await mustFail('a pod that is root', () => apply(kube, [asRoot]));
  });
}

/** Checks the account of the Job that makes a server key. */
export async function checkServerKeyRights(kube) {
  const { root, plane, check, helm } = kube;
  const set = ['serverKey={"existingSecret":"","generate":true}'];
  const hooks = (await renderChart(helm, root, ['base.yaml'], set)).filter(
    ({ kind, metadata }) => metadata.name === 'mosaic-server-key' && kind !== 'Job',
  );
  await check("the server key's account and rights are made", () => apply(kube, hooks, []));
  const place = ['--namespace', NAMESPACE];
  const said = await plane.kubectl(['create', 'token', ...place, 'mosaic-server-key']);
  const api = { ...plane.place, token: said.trim() };
  const wanted = { namespace: NAMESPACE, name: 'key', key: 'server-key', value: 'first' };
  const kept = async () =>
    (await plane.kubectl([...place, 'get', 'secret', 'key', '-o', 'jsonpath={.data}'])).includes(
      Buffer.from('first').toString('base64'),
    );
  await check('it makes a key where there is none, and keeps one that is there', async () => {
    if ((await createSecret(api, wanted)) !== 'made') throw new Error('it made none');
    const again = await createSecret(api, { ...wanted, value: 'second' });
    if (again !== 'kept' || !(await kept()))
      throw new Error(`the first key was not kept: ${again}`);
  });
  await check('it may not read, change or delete one', async () => {
    const as = [`--as=system:serviceaccount:${NAMESPACE}:mosaic-server-key`, ...place];
    for (const verb of ['get', 'list', 'update', 'patch', 'delete']) {
      await mustFail(verb, () => plane.kubectl([...as, 'auth', 'can-i', verb, 'secrets']));
    }
  });
}

/** Applies objects, as a dry run by default: warnings, as of the restricted profile, are errors. */
async function apply({ plane }, objects, args = ['--dry-run=server']) {
  const scratch = mkdtempSync(join(tmpdir(), 'mosaic-manifests-'));
  const file = join(scratch, 'objects.yaml');
  const strict = ['--server-side', '--validate=strict', '--warnings-as-errors'];
  const run = async (some, how) => {
    if (some.length === 0) return;
    writeFileSync(file, some.map((object) => stringify(object, YAML)).join('---\n'));
    await plane.kubectl(['apply', ...strict, ...how, '--namespace', NAMESPACE, '-f', file]);
  };
  const own = objects.filter(({ kind }) => !FOREIGN.has(kind));
  try {
    // A pod is refused whose account does not exist, and a dry run makes none.
    await run(
      own.filter(({ kind }) => kind === 'ServiceAccount'),
      ['--force-conflicts'],
    );
    await run(own, [...args, '--force-conflicts']);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

async function mustFail(what, work) {
  const error = await work().then(
    () => undefined,
    (thrown) => thrown,
  );
  if (error === undefined) throw new Error(`${what} was allowed`);
}
