// A real Kubernetes API server on loopback, for check-kube: etcd and kube-apiserver. Nobody is behind them that
// would start pods, until simulated-nodes.mjs adds it.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, waitFor } from '../../libs/test-servers/dist/index.js';
import { runTool } from '../../libs/test-servers/dist/run-tool.js';
import { KubeApi } from './kube-api.mjs';
import { Programs } from './programs.mjs';

const START_TIMEOUT_MS = 120_000;
const CALL_TIMEOUT_MS = 180_000;

/**
 * Starts both. What comes back asks as the cluster's owner (`kubectl`, `api`), says where the API is (`place`: host,
 * port, ca), and ends with `close()`, which also removes what was kept.
 */
export async function startControlPlane({ etcd, apiserver, kubectl }) {
  const folder = await mkdtemp(join(tmpdir(), 'mosaic-kube-'));
  const programs = new Programs(folder);
  const close = async () => {
    await programs.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [clients, peers, port] = [await freePort(), await freePort(), await freePort()];
    startEtcd(programs, etcd, folder, clients, peers);
    const token = randomBytes(16).toString('hex');
    await startApi(programs, apiserver, folder, { clients, port, token });
    const kubeconfig = join(folder, 'kubeconfig');
    const caFile = join(folder, 'apiserver.crt');
    await writeFile(kubeconfig, kubeconfigOf(caFile, port, token));
    const ask = (args) =>
      runTool(kubectl, ['--kubeconfig', kubeconfig, ...args], { timeoutMs: CALL_TIMEOUT_MS });
    await untilReady(programs, ask);
    const place = { host: '127.0.0.1', port, ca: await readFile(caFile, 'utf8') };
    const api = new KubeApi({ ...place, token });
    const files = { folder, kubeconfig, caFile, accountsKey: accountsKeyIn(folder) };
    return { ...files, programs, kubectl: ask, api, place, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function untilReady(programs, kubectl) {
  const isReady = () => {
    const fault = programs.fault();
    if (fault !== undefined) throw new Error(fault);
    return kubectl(['get', '--raw', '/readyz']).then(
      () => true,
      () => false,
    );
  };
  await waitFor('the API server is ready', isReady, START_TIMEOUT_MS);
}

function startEtcd(programs, program, folder, clients, peers) {
  const url = `http://127.0.0.1:${clients}`;
  const peer = `http://127.0.0.1:${peers}`;
  programs.start(program, [
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

async function startApi(programs, program, folder, { clients, port, token }) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = accountsKeyIn(folder);
  await writeFile(key, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, `${token},owner,owner,system:masters\n`, { mode: 0o600 });
  programs.start(program, [
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
    // It needs a newer etcd than PyPI has; kwok would ask for it again and again, ever more slowly.
    '--feature-gates=WatchList=false',
  ]);
}

function accountsKeyIn(folder) {
  return join(folder, 'accounts.key');
}

function kubeconfigOf(caFile, port, token) {
  const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': caFile };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'here', cluster }],
    users: [{ name: 'owner', user: { token } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'owner' } }],
    'current-context': 'here',
  });
}
