// What operators rely on in the chart, held against what helm makes of it: each sentence with values and an
// assertion on the objects.
import assert from 'node:assert/strict';
import { pick } from './render.mjs';

const ROLES = ['outbox', 'inbox', 'encryption'];
const DEPLOYMENTS = ['gateway', ...ROLES];
const SERVER_KEY_JOB = 'mosaic-server-key';

const podOf = (objects, component) =>
  pick(objects, 'Deployment', `mosaic-${component}`).spec.template.spec;
const envOf = (objects, component) =>
  Object.fromEntries(
    podOf(objects, component).containers[0].env.map(({ name, value }) => [name, value]),
  );
const portsTo = (objects, component) => {
  const { egress } = pick(objects, 'NetworkPolicy', `mosaic-${component}`).spec;
  return [...new Set(egress.flatMap((rule) => rule.ports.map(({ port }) => port)))];
};
const kindsOf = (objects) => new Set(objects.map(({ kind }) => kind));

/** Every pod of a list of objects: of Deployments, CronJobs, Jobs and by itself. */
export function podsIn(objects) {
  const templates = {
    Deployment: ({ spec }) => spec.template,
    Job: ({ spec }) => spec.template,
    CronJob: ({ spec }) => spec.jobTemplate.spec.template,
    Pod: (object) => object,
  };
  return objects
    .filter(({ kind }) => kind in templates)
    .map((object) => ({
      name: `${object.kind} ${object.metadata.name}`,
      pod: templates[object.kind](object).spec,
    }));
}

/** `[sentence, --set-json arguments on top of base.yaml, assertion on the objects]` */
export const EXPECTATIONS = [
  [
    'alerts lead to where the runbooks are kept, and every dashboard is there',
    [
      'monitoring.rules={"enabled":true,"runbookUrl":"https://books.example/"}',
      'monitoring.dashboards.enabled=true',
    ],
    (objects) => {
      const rules = objects
        .filter(({ kind }) => kind === 'PrometheusRule')
        .flatMap(({ spec }) => spec.groups.flatMap((group) => group.rules));
      const pages = rules.flatMap(({ annotations }) => annotations?.runbook_url ?? []);
      assert.ok(pages.length > 10);
      for (const page of pages) assert.match(page, /^https:\/\/books\.example\/[a-z-]+\.md$/);
      const maps = objects.filter(({ kind }) => kind === 'ConfigMap');
      const files = new Set(maps.flatMap(({ data }) => Object.keys(data ?? {})));
      for (const name of ['overview', 'gateway', 'roles', 'abuse', 'capacity']) {
        assert.ok(files.has(`${name}.json`), name);
      }
    },
  ],
  [
    "the gateways' Service keeps the addresses of clients and has both listeners",
    [],
    (objects) => {
      const { spec } = pick(objects, 'Service', 'mosaic-gateway');
      assert.equal(spec.externalTrafficPolicy, 'Local');
      assert.deepEqual(
        spec.ports.map(({ name }) => name),
        ['mtls', 'uws'],
      );
    },
  ],
  [
    'a listener for browsers behind a balancer can be kept out of the Service',
    ['gateway.uws={"tls":false,"public":false}'],
    (objects) => {
      const { spec } = pick(objects, 'Service', 'mosaic-gateway');
      assert.deepEqual(
        spec.ports.map(({ name }) => name),
        ['mtls'],
      );
      const inside = pick(objects, 'Service', 'mosaic-gateway-uws').spec;
      assert.equal(inside.type, 'ClusterIP');
      assert.deepEqual(inside.selector, spec.selector);
    },
  ],
  [
    'the grace period of gateways follows from the drain settings',
    ['gateway.drain={"delaySeconds":60,"timeSeconds":300}'],
    (objects) => {
      assert.equal(podOf(objects, 'gateway').terminationGracePeriodSeconds, 390);
      const env = envOf(objects, 'gateway');
      assert.equal(env.MOSAIC_DRAIN_DELAY, '60s');
      assert.equal(env.MOSAIC_DRAIN_TIME, '300s');
    },
  ],
  [
    'trusted ranges for the PROXY protocol reach the gateways and nobody else',
    ['gateway.proxyProtocolFrom=["10.0.0.0/24","2001:db8::/64"]'],
    (objects) => {
      const { MOSAIC_PROXY_PROTOCOL_FROM: ranges } = envOf(objects, 'gateway');
      assert.equal(ranges, '10.0.0.0/24,2001:db8::/64');
      assert.equal(envOf(objects, 'outbox').MOSAIC_PROXY_PROTOCOL_FROM, undefined);
    },
  ],
  [
    'each service reaches what it uses, and nothing else',
    [],
    (objects) => {
      assert.deepEqual(portsTo(objects, 'gateway'), [53, 4222, 6379]);
      for (const role of ROLES) assert.deepEqual(portsTo(objects, role), [53, 4222, 6379, 443]);
      assert.deepEqual(portsTo(objects, 'admin'), [53, 6379, 443]);
    },
  ],
  [
    'traces go from gateways and workers to the collector, where one is named',
    ['tracing={"endpoint":"http://collector.example:4318","sample":0.00001}'],
    (objects) => {
      for (const component of DEPLOYMENTS) {
        const { MOSAIC_TRACES, MOSAIC_TRACES_SAMPLE } = envOf(objects, component);
        assert.equal(MOSAIC_TRACES, 'http://collector.example:4318');
        assert.equal(MOSAIC_TRACES_SAMPLE, '0.000010');
        assert.ok(portsTo(objects, component).includes(4318), component);
      }
      assert.equal(portsTo(objects, 'admin').includes(4318), false);
    },
  ],
  [
    'each service can be somebody else to NATS, who sees no password but its own',
    [
      'nats.auth={"existingSecret":"nats","user":"mosaic","passwordKey":"password","perService":true}',
    ],
    (objects) => {
      for (const name of DEPLOYMENTS) {
        const env = envOf(objects, name);
        assert.equal(env.MOSAIC_NATS_USER, `mosaic-${name}`);
        assert.equal(env.MOSAIC_NATS_INBOX_PREFIX, `_INBOX.${name}`);
        assert.equal(env.MOSAIC_NATS_PASSWORD_FILE, '/etc/mosaic/nats-password');
        const [, secrets] = podOf(objects, name).volumes;
        const keys = secrets.projected.sources.flatMap(({ secret }) =>
          secret.name === 'nats' ? secret.items.map(({ key }) => key) : [],
        );
        assert.deepEqual(keys, [`password-${name}`]);
      }
    },
  ],
  [
    'compact can be somebody else to the object store: the one who may delete records',
    ['s3.auth={"existingSecret":"s3-workers","compactSecret":"s3-compact"}'],
    (objects) => {
      for (const { name, pod } of podsIn(objects)) {
        const isCompact = name === 'CronJob mosaic-compact';
        assert.equal(JSON.stringify(pod).includes('"s3-compact"'), isCompact, name);
        assert.equal(
          JSON.stringify(pod).includes('"s3-workers"'),
          !/gateway|compact/.test(name),
          name,
        );
      }
    },
  ],
  [
    'nothing makes a server key unless it is asked for',
    [],
    (objects) => assert.equal(kindsOf(objects).has('Role'), false),
  ],
  [
    'what makes a server key may create Secrets and nothing else, and no Secret is in the chart',
    ['serverKey={"existingSecret":"","generate":true}'],
    (objects) => {
      const { rules } = pick(objects, 'Role', SERVER_KEY_JOB);
      assert.deepEqual(rules, [{ apiGroups: [''], resources: ['secrets'], verbs: ['create'] }]);
      assert.equal(kindsOf(objects).has('Secret'), false);
      const job = pick(objects, 'Job', SERVER_KEY_JOB);
      assert.equal(job.metadata.annotations['helm.sh/hook'], 'pre-install,pre-upgrade');
    },
  ],
  [
    'an existing server key wins over the wish to make one',
    ['serverKey={"existingSecret":"mine","generate":true}'],
    (objects) => {
      assert.equal(kindsOf(objects).has('Job'), false);
      const [, secrets] = podOf(objects, 'gateway').volumes;
      assert.equal(secrets.projected.sources[0].secret.name, 'mine');
    },
  ],
  [
    'only gateways see the server key, only workers and admin what opens the object store',
    [],
    (objects) => {
      for (const { name, pod } of podsIn(objects)) {
        const text = JSON.stringify(pod);
        const isGateway = name === 'Deployment mosaic-gateway';
        assert.equal(text.includes('mosaic-server-key'), isGateway, name);
        assert.equal(text.includes('mosaic-s3'), !isGateway, name);
      }
    },
  ],
  [
    'no pod gets a token or variables made of Services; all run with the restricted profile',
    ['trial={"enabled":true}', 'tests={"enabled":true}'],
    (objects) => {
      for (const { name, pod } of podsIn(objects)) checkPod(name, pod);
    },
  ],
  [
    'scaled Deployments say no number of pods, so that an upgrade does not undo the scaling',
    ['pods.autoscaling={"enabled":true}'],
    (objects) => {
      for (const name of DEPLOYMENTS) {
        assert.equal(pick(objects, 'Deployment', `mosaic-${name}`).spec.replicas, undefined);
        pick(objects, 'HorizontalPodAutoscaler', `mosaic-${name}`);
      }
    },
  ],
  [
    'KEDA takes the place of the HorizontalPodAutoscaler',
    ['pods.autoscaling={"enabled":true,"by":"keda"}'],
    (objects) => {
      assert.equal(kindsOf(objects).has('HorizontalPodAutoscaler'), false);
      pick(objects, 'ScaledObject', 'mosaic-gateway');
    },
  ],
  [
    'one service can say anew what all have, also to turn it off',
    [
      'workers.inbox.pdb={"enabled":false}',
      'workers.inbox.replicas=0',
      'workers.inbox.spread={"antiAffinityWeight":0}',
    ],
    (objects) => {
      const budgets = objects.filter(({ kind }) => kind === 'PodDisruptionBudget');
      assert.equal(budgets.length, 3);
      assert.equal(pick(objects, 'Deployment', 'mosaic-inbox').spec.replicas, 0);
      assert.equal(podOf(objects, 'inbox').affinity, undefined);
      assert.notEqual(podOf(objects, 'outbox').affinity, undefined);
    },
  ],
  [
    'large numbers reach the services as they were written',
    ['gateway.settings={"MOSAIC_CONNECTIONS_MAX":1000000}'],
    (objects) => assert.equal(envOf(objects, 'gateway').MOSAIC_CONNECTIONS_MAX, '1000000'),
  ],
  [
    'a role that is off has no workers, and gateways do not play it',
    ['workers.encryption={"enabled":false}'],
    (objects) => {
      assert.equal(envOf(objects, 'gateway').MOSAIC_ROLES, 'outbox,inbox');
      assert.throws(() => pick(objects, 'Deployment', 'mosaic-encryption'));
    },
  ],
  [
    'compact and verify run by themselves and reindex never does',
    [],
    (objects) => {
      assert.equal(pick(objects, 'CronJob', 'mosaic-compact').spec.suspend, false);
      assert.equal(pick(objects, 'CronJob', 'mosaic-verify').spec.suspend, false);
      assert.equal(pick(objects, 'CronJob', 'mosaic-reindex').spec.suspend, true);
    },
  ],
];

/** Checks that a pod is of the restricted profile and gets no token but for the server key's Job. */
function checkPod(name, pod) {
  assert.equal(pod.automountServiceAccountToken, name === `Job ${SERVER_KEY_JOB}`, name);
  assert.equal(pod.enableServiceLinks, false, name);
  assert.equal(pod.securityContext.runAsNonRoot, true, name);
  assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault', name);
  for (const { securityContext, resources } of pod.containers) {
    assert.equal(securityContext.allowPrivilegeEscalation, false, name);
    assert.equal(securityContext.readOnlyRootFilesystem, true, name);
    assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] }, name);
    assert.ok(resources.limits.memory, name);
  }
}

/** Values that must be refused, and what the refusal has to name. */
export const REFUSED = [
  ['gateway.replica=3', 'replica'],
  ['outbox={}', 'outbox'],
  ['gateway.settings={"MOSAIC_CONECTIONS_MAX":5}', 'MOSAIC_CONECTIONS_MAX'],
  ['gateway.settings={"MOSAIC_DRAIN_TIME":"5s"}', 'MOSAIC_DRAIN_TIME'],
  ['settings={"MOSAIC_S3_BUCKET":"b"}', 'MOSAIC_S3_BUCKET'],
  ['workers.outbox.settings={"MOSAIC_MODERATION":"none"}', 'MOSAIC_MODERATION'],
  ['gateway.drain.delaySeconds=500', 'delaySeconds'],
  ['gateway.replicas="three"', 'replicas'],
  ['redis.mode="replicated"', 'mode'],
  ['nats.urls=["nats-1:4222"]', 'urls'],
  ['image.digest="latest"', 'digest'],
  ['workers.inbox.autoscaling.by="vpa"', 'by'],
  ['s3.prefix="mosaic"', 'prefix'],
  ['s3.bucket=""', 's3.bucket'],
  ['nats.urls=[]', 'nats.urls'],
  ['redis.urls=[]', 'redis.urls'],
  ['redis.mode="sentinel"', 'redis.sentinelMaster'],
  ['serverKey={"existingSecret":""}', 'serverKey.existingSecret'],
  ['gateway={"mtls":{"enabled":false},"uws":{"enabled":false}}', 'listeners'],
  ['gateway.uws.port=8443', 'gateway.uws.port'],
  ['pods.autoscaling={"enabled":true,"minReplicas":5,"maxReplicas":3}', 'minReplicas'],
  ['pods.autoscaling={"enabled":true,"cpuUtilization":0}', 'nothing to go by'],
];
