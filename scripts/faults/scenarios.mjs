// What the fault test does to a cluster while records pour in. Every scenario takes the cluster,
// the load on it and some words to say, and leaves everything running again.
import { untilReady } from '../../deploy/local-cluster/dist/index.js';
import { openCompactor } from './compaction.mjs';

const READY_MS = 120_000;
/** Time between two faults, so that each meets a cluster at work. */
const PAUSE_MS = 1_500;
/** How long a server is away. */
const AWAY_MS = 3_000;
/** How long workers and gateways of two revisions work together. */
const MIXED_MS = 5_000;
/** Within which an emptied index must be found and made anew. */
const MENDED_MS = 120_000;
const LOOK_MS = 250;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pick = (list, random) => list[Math.floor(random() * list.length)];

/** Waits until every process of the cluster is ready. */
export async function untilAllReady(cluster) {
  await Promise.all(cluster.processes.map((each) => untilReady(each, undefined, READY_MS)));
}

async function killWorkers({ cluster, random, rounds, say }) {
  for (let round = 1; round <= rounds; round++) {
    await pause(PAUSE_MS * random());
    const victim = pick(cluster.workers, random);
    const { pid } = victim;
    victim.signal('SIGKILL');
    const startedAt = performance.now();
    while (victim.pid === pid) await pause(LOOK_MS);
    await untilReady(victim, undefined, READY_MS);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    say(`  ${round}/${rounds}: ${victim.name} killed, ready again after ${seconds} s`);
  }
}

async function roll(services, say) {
  for (const service of services) {
    const { pid } = service;
    service.signal('SIGTERM');
    while (service.pid === pid || service.facts === undefined) await pause(LOOK_MS);
    await untilReady(service, undefined, READY_MS);
    say(`  ${service.name} ended and is back`);
    await pause(PAUSE_MS);
  }
}

async function rollEverything({ cluster, say }) {
  // Workers first, as an upgrade would; of one role one after the other.
  await roll([...cluster.workers, ...cluster.gateways], say);
}

/**
 * To this revision and back, workers first both times: so gateways of either age meet workers of the
 * other, and in between workers of both ages share a role.
 */
async function upgradeAndBack({ cluster, checkouts, say }) {
  for (const { name, folder } of [checkouts.present, checkouts.before]) {
    for (const service of cluster.processes) service.checkout = folder;
    await roll(cluster.workers, say);
    say(`  all workers are of ${name}, no gateway is`);
    await pause(MIXED_MS);
    await roll(cluster.gateways, say);
    say(`  everything is of ${name}`);
    await pause(MIXED_MS);
  }
}

async function flushRedis({ cluster, load, say }) {
  await pause(PAUSE_MS);
  const before = [...load.acknowledged.keys()];
  for (const node of cluster.servers.redis.nodes) await node.command('FLUSHALL');
  say(`  Redis is empty, ${before.length} records are looked for`);
  const startedAt = performance.now();
  // The worker that notices first makes the index anew; nobody has to do anything.
  for (;;) {
    const lost = await load.lost(before);
    if ([...lost.values()].every((count) => count === 0)) break;
    if (performance.now() - startedAt > MENDED_MS)
      throw new Error('they were not found again in time');
    await pause(LOOK_MS);
  }
  say(
    `  all of them are served again after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  );
}

async function stopServers({ cluster, say }) {
  const { nats, redis, s3 } = cluster.servers;
  const named = [
    ...nats.map((server, i) => [`nats-${i + 1}`, server]),
    ...redis.nodes.map((server, i) => [`redis-${i + 1}`, server]),
    ['the S3 server', s3],
  ];
  for (const [name, server] of named) {
    for (const how of ['stopped', 'frozen']) {
      await pause(PAUSE_MS);
      if (how === 'stopped') await server.kill();
      else server.pause();
      await pause(AWAY_MS);
      if (how === 'stopped') await server.restart();
      else server.resume();
      const startedAt = performance.now();
      await untilAllReady(cluster);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      say(`  ${name} ${how} for ${AWAY_MS / 1000} s; all ready ${seconds} s after its return`);
    }
  }
}

/** Joins segments while everything goes on, dies over it now and then, and has the index made anew at last. */
async function compactUnderLoad(test) {
  const { cluster, load, random, rounds, say } = test;
  const compactor = await openCompactor(cluster);
  const all = { joined: 0, deleted: 0, runs: 0 };
  try {
    for (let round = 1; round <= rounds; round++) {
      await pause(PAUSE_MS);
      const stop = new AbortController();
      if (round % 3 === 0) setTimeout(() => stop.abort(), 500 * random());
      const done = await compactor.compact({ signal: stop.signal }).catch((error) => {
        if (!stop.signal.aborted) throw error;
        return { joined: 0, deleted: 0, runs: 0 };
      });
      for (const name of Object.keys(all)) all[name] += done[name];
      const ids = [...load.acknowledged.keys()];
      for (const [gateway, count] of await load.lost(ids)) {
        if (count > 0) throw new Error(`${count} records are not served by ${gateway}`);
      }
    }
    say(`  ${all.joined} segments joined to ${all.runs}, ${all.deleted} deleted`);
    if (all.deleted === 0) throw new Error('nothing was joined and deleted');
  } finally {
    await compactor.close();
  }
  await killWorkers({ ...test, rounds: 2 });
  await flushRedis(test);
}

async function killAndFlush(test) {
  await killWorkers(test);
  await flushRedis(test);
}

/** By name, in the order in which they run. */
export const SCENARIOS = {
  kill: { what: 'kills workers with kill -9, one after the other', run: killWorkers },
  roll: { what: 'ends every process with SIGTERM and starts it again', run: rollEverything },
  flush: { what: 'empties Redis and waits for the index to be made anew', run: flushRedis },
  brief: { what: 'kills workers, then empties Redis', run: killAndFlush },
  compact: {
    what: 'joins segments again and again, then kills workers and empties Redis',
    run: compactUnderLoad,
  },
  upgrade: {
    what: 'upgrades every process from the revision --from to this one, and rolls back',
    isFromRevision: true,
    run: upgradeAndBack,
  },
  servers: { what: 'stops and freezes every NATS, Redis and S3 server', run: stopServers },
};
