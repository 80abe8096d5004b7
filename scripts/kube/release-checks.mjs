// Releases on simulated nodes, as an operator makes them: installed with a key that a Job makes, spread over zones,
// replaced pod by pod, held up by a version that does not work, taken back, scaled, removed.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createSecret } from '../../deploy/server-key-secret.mjs';
import { waitFor } from '../../libs/test-servers/dist/index.js';
import { runTool } from '../../libs/test-servers/dist/run-tool.js';
import { ZONES } from './simulated-nodes.mjs';

const NAMESPACE = 'releases';
const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption'];
const SECRET = `/api/v1/namespaces/${NAMESPACE}/secrets/mosaic-server-key`;
const KEY_COMPONENT = 'server-key';
const ANNOTATE = 'application/merge-patch+json';
const WAIT = ['--wait', '--timeout', '120s'];
const BASE = [
  'serverKey={"existingSecret":"","generate":true}',
  // Nobody makes balancers here, and helm would wait for one.
  'gateway.service.type="ClusterIP"',
];
const SCALED = 'pods.autoscaling={"enabled":true,"minReplicas":4,"maxReplicas":6}';
const SPREAD = ['pods.replicas=3', 'pods.spread.whenUnsatisfiable="DoNotSchedule"'];

/** One release over its life. `kube`: root, plane, check, helm, nodes, pods. */
export class Release {
  #kube;
  /** What the Job's work came to, each time. */
  #keys = [];
  #key;

  constructor(kube) {
    this.#kube = kube;
    kube.pods.onPod((pod) => void this.#workFor(pod));
  }

  async install() {
    const { check, pods, nodes } = this.#kube;
    await check('an installation has its key made first, then all pods get ready', async () => {
      await this.#upgrade(['--install', ...WAIT], []);
      assert.deepEqual(this.#keys, ['made']);
      for (const service of SERVICES) assert.equal(pods.ready(service).length, 2, service);
      this.#key = await this.#keyNow();
      assert.match(this.#key, /^mosec0/);
    });
    await check('pods of a service are in two zones, on two machines', () => {
      for (const service of SERVICES) {
        assert.equal(Object.keys(pods.places(service, nodes, 'zone')).length, 2, service);
      }
    });
    await check("the gateways' Service leads to both gateways, at both listeners", () =>
      this.#endpointsAre(2),
    );
  }

  async upgrade() {
    const { check, pods, nodes } = this.#kube;
    await check('an upgrade takes away no pod before its successor is ready', async () => {
      pods.mark(SERVICES);
      await this.#upgrade(WAIT, [...SPREAD, 'image.tag="0.2.0"']);
      await this.#untilAll('0.2.0 ×3');
      this.#assertLeast(2);
    });
    await check('three pods are in three zones, on three machines', () => {
      for (const service of SERVICES) {
        const zones = pods.places(service, nodes, 'zone');
        assert.deepEqual(zones, Object.fromEntries(ZONES.map((zone) => [zone, 1])), service);
      }
    });
    await check('the server key survived it', async () => {
      assert.deepEqual(this.#keys, ['made', 'kept']);
      assert.equal(await this.#keyNow(), this.#key);
    });
  }

  async failAndRollBack() {
    const { check, pods } = this.#kube;
    await check('a version that never gets ready replaces no pod, and helm says so', async () => {
      pods.mark(SERVICES);
      const wait = ['--wait', '--timeout', '20s'];
      const values = [...SPREAD, 'image.tag="broken"'];
      await assert.rejects(() => this.#upgrade(wait, values), /deadline|timed out|not ready/i);
      this.#assertLeast(3);
      for (const service of SERVICES) {
        assert.equal(this.#imagesOf(service), '0.2.0 ×3, broken ×1', service);
      }
      await this.#endpointsAre(3);
    });
    await check('a rollback leaves what served, and takes away what did not', async () => {
      pods.mark(SERVICES);
      await this.#helm(['rollback', 'mosaic', '2', ...WAIT]);
      this.#assertLeast(3);
      await this.#untilAll('0.2.0 ×3');
      assert.equal(await this.#keyNow(), this.#key);
    });
    await check('a rollback to the first release replaces pod by pod as well', async () => {
      pods.mark(SERVICES);
      await this.#helm(['rollback', 'mosaic', '1', ...WAIT]);
      await this.#untilAll('0.1.0 ×2');
      this.#assertLeast(2);
      await this.#helm(['rollback', 'mosaic', '2', ...WAIT]);
      await this.#untilAll('0.2.0 ×3');
    });
  }

  async scale() {
    const { check, pods } = this.#kube;
    await check(
      'turning scaling by load on keeps a pod, and brings the fewest by itself',
      async () => {
        pods.mark(SERVICES);
        await this.#upgrade([], [...SPREAD, SCALED, 'image.tag="0.2.0"']);
        await pods.until('four of each are ready', () =>
          SERVICES.every((service) => pods.ready(service).length === 4),
        );
        // Kubernetes takes a Deployment that says no number any more for one of one pod.
        this.#assertLeast(1);
      },
    );
    await check('an upgrade leaves their number as it is', async () => {
      pods.mark(SERVICES);
      await this.#upgrade(WAIT, [...SPREAD, SCALED, 'image.tag="0.3.0"']);
      await this.#untilAll('0.3.0 ×4');
      this.#assertLeast(4);
    });
  }

  async remove() {
    const { check, plane, pods } = this.#kube;
    await check('removing it leaves the server key and nothing else', async () => {
      await this.#helm(['uninstall', 'mosaic', '--wait', '--timeout', '60s']);
      await pods.until('all pods are gone', () =>
        SERVICES.every((each) => pods.of(each).length === 0),
      );
      assert.equal(await this.#keyNow(), this.#key);
      const kinds = 'all,pdb,networkpolicy,serviceaccount,configmap,role,rolebinding,secret,job';
      const mine = ['-l', 'app.kubernetes.io/part-of=mosaic', '-o', 'name'];
      assert.equal((await plane.kubectl(['-n', NAMESPACE, 'get', kinds, ...mine])).trim(), '');
    });
  }

  #upgrade(args, sets) {
    const { root } = this.#kube;
    const chart = join(root, 'charts', 'mosaic-cluster');
    const values = ['-f', join(chart, 'ci', 'base.yaml')];
    const more = [...BASE, ...sets].flatMap((set) => ['--set-json', set]);
    return this.#helm(['upgrade', 'mosaic', chart, ...values, ...more, ...args]);
  }

  #helm(args) {
    const { helm, plane } = this.#kube;
    const where = ['--kubeconfig', plane.kubeconfig, '--namespace', NAMESPACE];
    return runTool(helm, [...args, ...where], { timeoutMs: 180_000 });
  }

  /** Which images a service's pods have: `0.2.0 ×3, broken ×1`. */
  #imagesOf(service) {
    const counts = new Map();
    for (const { spec } of this.#kube.pods.of(service)) {
      const tag = spec.containers[0].image.split(':').at(-1);
      counts.set(tag, (counts.get(tag) ?? 0) + 1);
    }
    const said = [...counts].map(([tag, count]) => `${tag} ×${count}`);
    return said.toSorted().join(', ');
  }

  /** Waits until all pods of each service are as said. */
  async #untilAll(images) {
    await this.#kube.pods.until(`all pods are of ${images}`, () =>
      SERVICES.every((each) => this.#imagesOf(each) === images),
    );
  }

  /** Asserts how many of each service were ready at any time. */
  #assertLeast(count) {
    const wanted = Object.fromEntries(SERVICES.map((each) => [each, count]));
    assert.deepEqual(this.#kube.pods.least(), wanted);
  }

  /** Asserts that clients of the Service get to so many gateways, and no others. */
  async #endpointsAre(count) {
    const { plane, pods } = this.#kube;
    const path = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`;
    const query = '?labelSelector=kubernetes.io/service-name%3Dmosaic-gateway';
    const slices = async () => (await plane.api.ask('GET', path + query)).items;
    const ready = async () =>
      (await slices())
        .flatMap(({ endpoints }) => endpoints ?? [])
        .filter(({ conditions }) => conditions.ready).length;
    await waitFor(`${count} endpoints are ready`, async () => (await ready()) === count);
    const ports = (await slices()).flatMap((slice) => slice.ports.map(({ name }) => name));
    assert.deepEqual(ports.toSorted(), ['mtls', 'uws']);
    assert.equal(pods.ready('gateway').length, count);
  }

  async #keyNow() {
    const { data } = await this.#kube.plane.api.ask('GET', SECRET);
    return Buffer.from(data['server-key'], 'base64').toString();
  }

  /** Does the work of the Job's container, as its account, when its pod runs; then its node says that it is done. */
  async #workFor({ metadata, spec, status }) {
    const isNew = metadata.annotations?.['simulated/done'] === undefined;
    if (metadata.labels['app.kubernetes.io/component'] !== KEY_COMPONENT || !isNew) return;
    if (status.phase !== 'Running') return;
    const { plane } = this.#kube;
    const path = `/api/v1/namespaces/${NAMESPACE}`;
    const account = `${path}/serviceaccounts/${spec.serviceAccountName}/token`;
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    try {
      const token = (await plane.api.ask('POST', account, request)).status.token;
      const [program, namespace, name, key] = spec.containers[0].args;
      assert.equal(program, 'server-key-secret');
      const value = `mosec0${metadata.uid}`;
      const place = { ...plane.place, token };
      this.#keys.push(await createSecret(place, { namespace, name, key, value }));
    } catch (error) {
      this.#keys.push(error.message);
    }
    const done = { metadata: { annotations: { 'simulated/done': 'yes' } } };
    await plane.api.call('PATCH', `${path}/pods/${metadata.name}`, done, ANNOTATE);
  }
}
