// Nodes that are emptied under a release, by the eviction API as `kubectl drain` uses it: disruption budgets refuse
// what would take too many pods of a service, and stand in the way of nothing else.
import assert from 'node:assert/strict';
import { ZONES } from './simulated-nodes.mjs';

const NAMESPACE = 'releases';
const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption'];
const COUNT = 3;

/** Checks drains of a release that has three pods of each service, one in each zone. */
export async function checkDrains(kube) {
  const sentences = {
    'a second pod of a service is not evicted before the first is replaced': checkBudget,
    'a drained node takes one pod of a service at a time with it': checkNode,
    'the pods of a drained zone go to the other zones': checkZone,
  };
  for (const [sentence, work] of Object.entries(sentences)) {
    await kube.check(sentence, async () => {
      try {
        await work(kube);
      } finally {
        await kube.plane.kubectl(['uncordon', ...kube.nodes.keys()]);
      }
    });
  }
}

async function checkBudget({ plane, pods, nodes }) {
  const evict = async ({ metadata: { name } }) => {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;
    return plane.api.call('POST', path, eviction);
  };
  // Where no pod can go anywhere, the first one stays without successor as long as it takes to look.
  await plane.kubectl(['cordon', ...nodes.keys()]);
  const [first, second] = pods.ready('gateway');
  assert.equal((await evict(first)).status, 201, 'the first gateway');
  await pods.until('the first gateway is gone', () => pods.ready('gateway').length === COUNT - 1);
  const refused = await evict(second);
  assert.equal(refused.status, 429, 'the second gateway was evicted, or for another reason not');
  assert.match(refused.body.message, /disruption budget/);
  const [worker] = pods.ready('outbox');
  assert.equal((await evict(worker)).status, 201, 'a worker, which has a budget of its own');
  const isWaiting = ({ spec }) => spec.nodeName === undefined;
  await pods.until('a successor waits', () => pods.of('gateway').some(isWaiting));
  const successor = pods.of('gateway').find(isWaiting);
  assert.equal((await evict(successor)).status, 201, 'one that serves nobody');
  await plane.kubectl(['uncordon', ...nodes.keys()]);
  await pods.until('all are ready', () => areReady(pods));
  assert.equal((await evict(second)).status, 201, 'the second gateway, when the first is replaced');
  await pods.until('all are ready', () => areReady(pods));
}

async function checkNode({ plane, pods, nodes }) {
  const [busiest] = [...nodes.keys()].sort((a, b) => countOn(pods, b) - countOn(pods, a));
  assert.ok(countOn(pods, busiest) > 0);
  pods.mark(SERVICES);
  await plane.kubectl(['drain', busiest, '--delete-emptydir-data', '--timeout=120s']);
  await pods.until('all are ready', () => areReady(pods));
  assertLeast(pods);
  assert.equal(countOn(pods, busiest), 0, `pods are left on ${busiest}`);
  for (const service of SERVICES) {
    const zones = Object.keys(pods.places(service, nodes, 'zone'));
    assert.equal(zones.length, ZONES.length, `${service} is in ${zones.join(', ')} only`);
  }
}

async function checkZone({ plane, pods, nodes }) {
  const [zone, ...others] = ZONES;
  const machines = [...nodes.keys()].filter((name) => name.startsWith(zone));
  pods.mark(SERVICES);
  await plane.kubectl(['drain', ...machines, '--delete-emptydir-data', '--timeout=120s']);
  await pods.until('all are ready', () => areReady(pods));
  assertLeast(pods);
  for (const service of SERVICES) {
    const zones = Object.keys(pods.places(service, nodes, 'zone')).sort();
    assert.deepEqual(zones, others, service);
  }
}

function areReady(pods) {
  return SERVICES.every(
    (each) => pods.ready(each).length === COUNT && pods.of(each).length === COUNT,
  );
}

function assertLeast(pods) {
  for (const [service, least] of Object.entries(pods.least())) {
    assert.ok(least >= COUNT - 1, `only ${least} of ${service} were ready at a time`);
  }
}

function countOn(pods, node) {
  const onIt = ({ spec }) => spec.nodeName === node;
  return SERVICES.reduce((sum, each) => sum + pods.of(each).filter(onIt).length, 0);
}
