// A real Kubernetes API server on loopback, for check-kube: etcd and kube-apiserver, with nobody behind them that
// would start pods.
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forget, freePort, waitFor, watch } from '../../libs/test-servers/dist/index.js';
import { runTool } from '../../libs/test-servers/dist/run-tool.js';

const START_TIMEOUT_MS = 120_000;
const CALL_TIMEOUT_MS = 60_000;

/**
 * Starts both. What comes back asks as the cluster's owner (`kubectl`), says where the API is (`api`: host,
 * port, ca), and ends with `close()`, which also removes what was kept.
 */
export async function startControlPlane({ etcd, apiserver, kubectl }) {
  const folder = await mkdtemp(join(tmpdir(), 'mosaic-kube-'));
  const children = [];
  const close = async () => {
    for (const child of children.reverse()) await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [clients, peers, port] = [await freePort(), await freePort(), await freePort()];
    children.push(startEtcd(etcd, folder, clients, peers));
    const token = randomBytes(16).toString('hex');
    children.push(await startApi(apiserver, folder, { clients, port, token }));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, kubeconfigOf(folder, port, token));
    const ask = (args) =>
      runTool(kubectl, ['--kubeconfig', kubeconfig, ...args], { timeoutMs: CALL_TIMEOUT_MS });
    const isReady = () =>
      ask(['get', '--raw', '/readyz']).then(
        () => true,
        () => false,
      );
    await waitFor('the API server is ready', isReady, START_TIMEOUT_MS);
    const ca = await readFile(join(folder, 'apiserver.crt'), 'utf8');
    return { kubeconfig, folder, kubectl: ask, api: { host: '127.0.0.1', port, ca }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function startEtcd(program, folder, clients, peers) {
  const url = `http://127.0.0.1:${clients}`;
  const peer = `http://127.0.0.1:${peers}`;
  return start(program, [
    '--data-dir',
    join(folder, 'etcd'),
    '--unsafe-no-fsync',
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--log-level=error',
  ]);
}

async function startApi(program, folder, { clients, port, token }) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = join(folder, 'accounts.key');
  await writeFile(key, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, `${token},owner,owner,system:masters\n`, { mode: 0o600 });
  return start(program, [
    `--etcd-servers=http://127.0.0.1:${clients}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${folder}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    `--token-auth-file=${tokens}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    // Nobody makes default ServiceAccounts here.
    '--disable-admission-plugins=ServiceAccount',
  ]);
}

function kubeconfigOf(folder, port, token) {
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority': join(folder, 'apiserver.crt'),
  };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'here', cluster }],
    users: [{ name: 'owner', user: { token } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'owner' } }],
    'current-context': 'here',
  });
}

function start(program, args) {
  const child = spawn(program, args, { stdio: 'ignore' });
  if (child.pid !== undefined) watch(child.pid);
  return child;
}

function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => {
      forget(child.pid);
      resolve();
    });
    child.kill('SIGKILL');
  });
}
