// What happens while the dashboards are drawn, most of it bad: the panels of failures show what failures look like.
import { setTimeout as delay } from 'node:timers/promises';
import { admin } from './stage.mjs';

/** Longer than clients of Redis and NATS have patience. */
const FROZEN_MS = 6000;

/** When, as a share of the time under load; what; and how. */
const INCIDENTS = [
  { share: 0.15, what: 'segments are joined', how: compact },
  { share: 0.35, what: 'a NATS server is killed', how: ({ servers }) => servers.nats[0].kill() },
  { share: 0.5, what: 'a worker of the outbox is killed', how: killWorker },
  { share: 0.65, what: 'Redis is frozen', how: ({ servers }) => freeze(servers.redis.nodes) },
  { share: 0.8, what: 'the object store is frozen', how: ({ servers }) => freeze([servers.s3]) },
];

/**
 * Has them happen one after the other; resolves when so much time is over.
 *
 * @returns what happened when: `{at, what, number}`, in seconds since 1970
 */
export async function spoil(cluster, seconds, say) {
  const startedAt = performance.now();
  const until = (share) => delay(share * seconds * 1000 - (performance.now() - startedAt));
  const happened = [];
  for (const { share, what, how } of INCIDENTS) {
    await until(share);
    happened.push({ at: Date.now() / 1000, what, number: happened.length + 1 });
    say(`  ${Math.round((performance.now() - startedAt) / 1000)} s: ${what}`);
    await how(cluster);
  }
  await until(1);
  return happened;
}

function compact(cluster) {
  return admin(cluster, 'compact', '--age', '5s', '--quiet');
}

function killWorker(cluster) {
  cluster.workers.find(({ spec }) => spec.service === 'outbox').signal('SIGKILL');
}

async function freeze(servers) {
  for (const server of servers) server.pause();
  await delay(FROZEN_MS);
  for (const server of servers) server.resume();
}
