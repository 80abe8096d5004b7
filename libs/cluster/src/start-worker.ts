/** Starts a role worker as a process of its own: what it depends on, its stores, its place on the bus. */
import type { NatsBus } from '@mosaic-cluster/bus/nats';
import { isMosaicError, type Timestamp, timestampFromMillis } from '@mosaic-cluster/protocol';
import {
  defineRoleMetrics,
  KeyDirectory,
  listedUsers,
  openVerifier,
  type RolePolicy,
  RoleWorker,
  type WorkerEvents,
} from '@mosaic-cluster/role';
import { formatDurationMs } from '@mosaic-cluster/runtime';
import { fastTools } from '@mosaic-cluster/verifier';
import { openBus } from './open-bus.ts';
import { openObjects } from './open-objects.ts';
import { connectRedis } from './open-redis.ts';
import { openRoleStores } from './role-stores.ts';
import type { Service } from './service.ts';
import type { WorkerConfig } from './worker-settings.ts';

/** What waits for a group commit. */
const COMMIT_BOUNDS = { entriesMax: 16_384, bytesMax: 64 * 1024 * 1024 } as const;
/** Until everything that was taken is answered. */
const FINISH_TIMEOUT_MS = 15_000;

/**
 * Starts a worker; resolves when it serves its role. It stops with the lifecycle: it takes no more
 * requests, answers those that it took, and closes its stores.
 *
 * @throws MosaicError with a sentence that names what is wrong and the remedy
 */
export async function startWorker(
  policy: RolePolicy,
  config: WorkerConfig,
  service: Service,
): Promise<Readonly<Record<string, unknown>>> {
  const { lifecycle } = service;
  const { role } = policy;
  const roleMetrics = defineRoleMetrics(service.metrics);
  const [bus, objects, redis, verifier, { tools }] = await Promise.all([
    openBus(config, service),
    openObjects(config, service),
    connectRedis(config, service),
    openVerifier(config, lifecycle),
    fastTools(),
  ]);
  const stores = await openRoleStores(role, objects, redis, config, service);
  const worker = new RoleWorker({
    ...stores.own,
    policy,
    directory: new KeyDirectory(stores.public),
    users: listedUsers(config.admission, config.users),
    verifier,
    bus,
    now,
    scheduleTools: tools,
    futureNanosMax: BigInt(config.futureMax) * 1_000_000n,
    commitBounds: COMMIT_BOUNDS,
    events: { ...roleMetrics.events(role), ...eventsOf(service) },
  });
  lifecycle.add(`role ${role}`, worker);
  roleMetrics.watch({ role, log: stores.own.log, worker });
  await recover(worker, service);
  serve(policy, worker, bus, service);
  return { role };
}

/** From now on the bus is what closes first, once everything that it brought is answered. */
function serve(policy: RolePolicy, worker: RoleWorker, bus: NatsBus, service: Service): void {
  bus.serve(policy.role, worker);
  service.lifecycle.add('requests under way', bus, FINISH_TIMEOUT_MS);
}

async function recover(worker: RoleWorker, service: Service): Promise<void> {
  const { log } = service.lifecycle;
  const start = performance.now();
  const records = await service.await('the record index', () => worker.recover());
  const took = formatDurationMs(Math.round(performance.now() - start));
  log.info(`the index is up to the segments`, { records, took });
}

function eventsOf({ lifecycle }: Service): WorkerEvents {
  return {
    failed: (what, error) => {
      // What passes by itself, as a store that is away, was said where it began.
      const level = isMosaicError(error) && error.retryable ? 'debug' : 'error';
      lifecycle.log[level](`${what} failed`, { error });
    },
  };
}

function now(): Timestamp {
  return timestampFromMillis(Date.now());
}
