// Machines that are none, behind a real control plane: the controller manager and the scheduler do their work as
// anywhere, and kwok says of each pod that it runs. What Kubernetes decides is real, what containers do is not.
import { fileURLToPath } from 'node:url';
import { freePort, waitFor } from '../../libs/test-servers/dist/index.js';

const START_TIMEOUT_MS = 120_000;
const PODS = fileURLToPath(new URL('simulated-pods.yaml', import.meta.url));
const SIZE = { cpu: '8', memory: '16Gi', pods: '110' };

/** The zones of the machines, each with two. */
export const ZONES = ['zone-a', 'zone-b', 'zone-c'];

/** Starts them; resolves with the metadata of all nodes by name when pods can be scheduled on them. */
export async function startNodes(plane, { controllerManager, scheduler, kwok }) {
  const { programs, kubeconfig, caFile, accountsKey, api } = plane;
  const served = async () => [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    `--secure-port=${await freePort()}`,
  ];
  programs.start(controllerManager, [
    ...(await served()),
    `--root-ca-file=${caFile}`,
    `--service-account-private-key-file=${accountsKey}`,
    '--horizontal-pod-autoscaler-sync-period=2s',
  ]);
  programs.start(scheduler, await served());
  programs.start(kwok, [
    `--kubeconfig=${kubeconfig}`,
    `--config=${PODS}`,
    '--manage-all-nodes',
    // Without leases the controller manager takes all nodes for lost after a minute.
    '--node-lease-duration-seconds=40',
    `--server-address=127.0.0.1:${await freePort()}`,
  ]);
  const nodes = new Map();
  for (const zone of ZONES) {
    for (const number of [1, 2]) {
      const node = nodeIn(zone, number);
      await api.ask('POST', '/api/v1/nodes', node);
      nodes.set(node.metadata.name, node.metadata);
    }
  }
  await waitFor('all simulated nodes are ready', () => areReady(plane), START_TIMEOUT_MS);
  return nodes;
}

function nodeIn(zone, number) {
  const name = `${zone}-${number}`;
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'topology.kubernetes.io/zone': zone,
  };
  const status = { capacity: SIZE, allocatable: SIZE };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, status };
}

async function areReady({ programs, api }) {
  const fault = programs.fault();
  if (fault !== undefined) throw new Error(fault);
  const { items } = await api.ask('GET', '/api/v1/nodes');
  return items.every(
    ({ spec, status }) =>
      (spec.taints ?? []).length === 0 &&
      status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
  );
}
