// What the drill of alerts does to a cluster, and which alerts it is for. Each gives what mends it again.
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BUCKET, untilReady } from '../../deploy/local-cluster/dist/index.js';
import { underLoad } from '../dashboards/load.mjs';
import { admin, limitRedis, startStage } from '../dashboards/stage.mjs';
import { earnBans } from '../dashboards/strangers.mjs';

const ABUSERS = 70;
/** More than is counted of what waits for moderators. */
const LETTERS = 1100;
/** Fewer than the alert on certificates wants. */
const CERTIFICATE_DAYS = 10;
/** For a gateway to be seen draining: longer than the alert waits, as times are sixtieths. */
const DRAIN_DELAY = '25s';
const BYTES_PLENTY = 64 * 1024 * 1024;
/** In which a process gets nothing done, and in which it does. */
const JERKS = { redis: [1400, 100], objects: [4500, 100], process: [700, 200] };

/** The cluster that is broken, under load. */
export async function startDrilled(dataDir) {
  const cluster = await startStage(dataDir, {
    certificateDays: CERTIFICATE_DAYS,
    gatewaySettings: { MOSAIC_DRAIN_DELAY: DRAIN_DELAY },
    // An index that was emptied stays so until the drill has it made anew.
    workerSettings: { MOSAIC_REINDEX: 'off' },
  });
  const load = await underLoad(cluster);
  return {
    cluster,
    load,
    close: async () => {
      await load.close();
      await cluster.close();
    },
  };
}

const redisOf = ({ cluster }) => cluster.servers.redis.nodes;
const workersOf = ({ cluster }, role) =>
  cluster.workers.filter(({ spec }) => spec.service === role);
const both = (alert) => [`${alert} critical`, `${alert} warning`];

/** In this order. */
export const DRILLS = [
  {
    name: 'certificate',
    what: `the certificate of NATS ends in ${CERTIFICATE_DAYS} days`,
    alerts: ['MosaicCertificateExpires warning'],
    act: async () => undefined,
  },
  {
    name: 'bans',
    what: `${ABUSERS} addresses earn a ban each`,
    alerts: ['MosaicBansSpiking warning'],
    act: ({ cluster }) => void earnBans(cluster, ABUSERS),
  },
  {
    name: 'moderation',
    what: `${LETTERS} records of strangers wait for a moderator`,
    alerts: ['MosaicModerationWaiting warning'],
    act: ({ load }) => void load.writeMany(LETTERS),
  },
  {
    name: 'memory',
    what: 'Redis may use hardly more memory than it does',
    alerts: ['MosaicRedisMemoryHigh warning', 'MosaicRedisMemoryForecast warning'],
    act: async ({ cluster }) => {
      await limitRedis(cluster, await mostUsed(cluster.servers.redis.nodes));
      return () => limitRedis(cluster, BYTES_PLENTY);
    },
  },
  {
    name: 'slow-redis',
    what: 'Redis stands still for most of every second',
    alerts: [...both('MosaicQueriesSlow'), ...both('MosaicSubmissionsSlow')],
    act: async (stage) => jerk(redisOf(stage), JERKS.redis),
  },
  {
    name: 'slow-objects',
    what: 'the object store stands still for seconds, again and again',
    alerts: both('MosaicLiveDeliverySlow'),
    act: async ({ cluster }) => jerk([cluster.servers.s3], JERKS.objects),
  },
  {
    name: 'busy',
    what: 'a worker has hardly any CPU',
    alerts: ['MosaicEventLoopBusy warning'],
    act: async (stage) => jerk([stopsOf(workersOf(stage, 'outbox')[0])], JERKS.process),
  },
  {
    name: 'redis',
    what: 'Redis is frozen, and a worker starts meanwhile',
    alerts: [
      ...both('MosaicSubmissionErrors'),
      ...both('MosaicQueryErrors'),
      'MosaicIndexBehind critical',
      'MosaicAbuseControlAlone warning',
      'MosaicPodNotStarting warning',
    ],
    act: async (stage) => {
      const mend = freeze(redisOf(stage));
      await delay(8000);
      workersOf(stage, 'encryption')[0].signal('SIGKILL');
      return async () => {
        mend();
        await untilAllReady(stage);
      };
    },
  },
  {
    name: 'objects',
    what: 'the object store is frozen',
    alerts: ['MosaicObjectStoreFailing critical', 'MosaicSegmentLogNotWritable critical'],
    act: async (stage) => {
      const mend = freeze([stage.cluster.servers.s3]);
      return async () => {
        mend();
        await untilAllReady(stage);
      };
    },
  },
  {
    name: 'bucket',
    what: 'the bucket of the records is gone',
    alerts: ['MosaicGroupCommitsFailing critical'],
    act: async (stage) => {
      const bucket = join(stage.cluster.folder.folder('objects'), 'data', BUCKET);
      await rename(bucket, `${bucket}-gone`);
      return async () => {
        await rename(`${bucket}-gone`, bucket);
        await untilAllReady(stage);
      };
    },
  },
  {
    name: 'bus',
    what: 'NATS is frozen',
    alerts: ['MosaicBusDisconnected critical'],
    act: async (stage) => {
      const mend = freeze(stage.cluster.servers.nats);
      return async () => {
        mend();
        await untilAllReady(stage);
      };
    },
  },
  {
    name: 'draining',
    what: 'a gateway is told to end and takes its time',
    alerts: ['MosaicPodNotDraining warning'],
    act: async (stage) => {
      stage.cluster.gateways[1].signal('SIGTERM');
      return () => untilAllReady(stage);
    },
  },
  {
    name: 'index',
    what: 'Redis is emptied',
    alerts: ['MosaicIndexNotWhole warning'],
    act: async (stage) => {
      for (const node of redisOf(stage)) await node.command('FLUSHALL');
      return () => admin(stage.cluster, 'reindex');
    },
  },
  {
    name: 'role',
    what: 'all workers of the outbox end and do not come back',
    alerts: ['MosaicRoleAway critical'],
    act: async (stage) => {
      await Promise.all(workersOf(stage, 'outbox').map((each) => each.stop()));
    },
  },
  {
    name: 'gateways',
    what: 'all gateways end and do not come back',
    alerts: ['MosaicNoGateway critical'],
    act: async ({ cluster }) => {
      await Promise.all(cluster.gateways.map((each) => each.stop()));
    },
  },
];

function freeze(servers) {
  for (const server of servers) server.pause();
  return () => {
    for (const server of servers) server.resume();
  };
}

/** Stops and lets go by turns until it is mended. */
function jerk(servers, [stoppedMs, goingMs]) {
  const over = new AbortController();
  const jerking = (async () => {
    while (!over.signal.aborted) {
      const thaw = freeze(servers);
      await delay(stoppedMs);
      thaw();
      await delay(goingMs);
    }
  })();
  return async () => {
    over.abort();
    await jerking;
  };
}

/** A service as what can be frozen. */
function stopsOf(service) {
  return { pause: () => service.signal('SIGSTOP'), resume: () => service.signal('SIGCONT') };
}

async function mostUsed(nodes) {
  const texts = await Promise.all(nodes.map((node) => node.command('INFO memory', 'maxmemory:')));
  return Math.max(...texts.map((text) => Number(/used_memory:(\d+)/.exec(text)[1])));
}

async function untilAllReady({ cluster }) {
  await Promise.all(cluster.processes.map((each) => untilReady(each)));
}
