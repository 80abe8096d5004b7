/** Starts a role worker as a process of its own: what it depends on, its stores, its place on the bus. */
import {
  alwaysRegistered,
  budgetSettings,
  type Limiter,
  openRedisLimiter,
  parseBudgets,
  ProcessReporter,
} from '@mosaic-cluster/abuse';
import type { RoleName } from '@mosaic-cluster/bus';
import type { NatsBus } from '@mosaic-cluster/bus/nats';
import { isMosaicError, type Timestamp, timestampFromMillis } from '@mosaic-cluster/protocol';
import {
  COMMIT_BOUNDS,
  defineRoleMetrics,
  KeyDirectory,
  measureVerifier,
  type ModerationDecisions,
  Moderator,
  openConfiguredHook,
  openVerifier,
  parseAcceptRules,
  RequestWatcher,
  type RolePolicy,
  roleRules,
  RoleWorker,
  type RoleWorkerDeps,
  watchModeration,
  type WorkerEvents,
} from '@mosaic-cluster/role';
import { settingTexts } from '@mosaic-cluster/runtime';
import type { RedisConnection } from '@mosaic-cluster/store';
import { fastTools } from '@mosaic-cluster/verifier';
import { certificatesOf, defineCertificateMetrics } from './certificate-metrics.ts';
import { defineCompactionMetrics, watchCompaction } from './compaction-metrics.ts';
import { followRemovals } from './follow-removals.ts';
import { keepIndex } from './keep-index.ts';
import { openBus } from './open-bus.ts';
import { openObjects } from './open-objects.ts';
import { connectRedis } from './open-redis.ts';
import { openRegistry } from './open-registry.ts';
import { openRoleStores } from './role-stores.ts';
import type { Service } from './service.ts';
import type { WorkerConfig } from './worker-settings.ts';

/** What makes a worker one of its role. */
export interface WorkerRole {
  readonly role: RoleName;
  /** Its rules, given what moderators decided. */
  readonly policy: (decisions: ModerationDecisions) => RolePolicy;
  /** Whether it publishes what a moderator approves. */
  readonly isModerated?: boolean;
  /** Settings of its own that say what it takes, as they are in force, by name. */
  readonly rules?: Readonly<Record<string, string>>;
}

/** Until everything that was taken is answered. */
const FINISH_TIMEOUT_MS = 15_000;

/**
 * Starts a worker; resolves when it serves its role. It stops with the lifecycle: it takes no more
 * requests, answers those that it took, and closes its stores.
 *
 * @throws MosaicError with a sentence that names what is wrong and the remedy
 */
export async function startWorker(
  { role, policy, isModerated = false, rules = {} }: WorkerRole,
  config: WorkerConfig,
  service: Service,
): Promise<Readonly<Record<string, unknown>>> {
  const { lifecycle, metrics, tracer, slow, instance } = service;
  defineCertificateMetrics(metrics, certificatesOf(config));
  const figures = defineRoleMetrics(metrics, [role]);
  const [bus, objects, redis, verifier, { tools }] = await Promise.all([
    openBus(config, service),
    openObjects(config, service),
    connectRedis(config, service),
    openVerifier(config, lifecycle),
    fastTools(),
  ]);
  const [stores, registry] = await Promise.all([
    openRoleStores(role, { objects, redis }, config, service),
    openRegistry({ objects, redis }, config, service, role),
  ]);
  const directory = new KeyDirectory(stores.public);
  const limiter = await openLimiter(config, redis, service);
  answerOperators({ ...roleRules(config), ...rules }, limiter, config, bus, service);
  const deps: RoleWorkerDeps = {
    ...stores.own,
    policy: policy(registry.decisions),
    directory,
    users: registry.users,
    removed: registry.removed,
    verifier: measureVerifier(metrics, verifier),
    bus,
    now,
    scheduleTools: tools,
    futureNanosMax: BigInt(config.futureMax) * 1_000_000n,
    tagsMax: config.tagsMax,
    rules: parseAcceptRules(config.accept ?? '')[role],
    limiter,
    hook: await openConfiguredHook(config, lifecycle, figures),
    commitBounds: COMMIT_BOUNDS,
    events: { ...figures.events(role), ...eventsOf(service) },
    watcher: new RequestWatcher({ role, tracer, slow, worker: instance }),
  };
  const worker = lifecycle.add(`role ${role}`, new RoleWorker(deps));
  figures.watch({ role, log: stores.own.log, worker });
  const schedules = await service.await('key schedules on the bus', () => directory.listen(bus));
  lifecycle.add('key schedules', { close: () => schedules.close() });
  const tellRun = defineCompactionMetrics(metrics);
  lifecycle.add('last compaction', watchCompaction(role, registry.compactions, tellRun));
  await keepIndex({ ...stores.own, directory, removed: registry.removed }, config, service);
  await followRemovals(role, stores.own, directory, registry, figures, service);
  if (isModerated) {
    watchModeration(stores.own.index, metrics, lifecycle);
    const moderator = new Moderator({
      ...stores.own,
      directory,
      decisions: registry.decisions,
      bus,
    });
    registry.onDecided((ids) => moderator.followUp(ids));
  }
  bus.serve(role, figures.measure(role, worker));
  // What is added last closes first: from here on that is the bus, once all it brought is answered.
  lifecycle.add('requests under way', bus, FINISH_TIMEOUT_MS);
  return { role };
}

/** The limiter that all workers and gateways share. Undefined: there are no limits. */
async function openLimiter(
  { limits, budgets = '' }: WorkerConfig,
  connection: RedisConnection,
  { lifecycle, readiness }: Service,
): Promise<Limiter | undefined> {
  if (!limits) return undefined;
  const limiter = await openRedisLimiter({ connection, budgets: parseBudgets(budgets) });
  readiness.addNote({ name: 'limiter', note: () => limiter.fault() });
  return lifecycle.add('limiter', limiter);
}

/** Tells operators who ask over the bus what this worker goes by, and which authors come nearest to a limit. */
function answerOperators(
  rules: Readonly<Record<string, string>>,
  limiter: Limiter | undefined,
  config: WorkerConfig,
  bus: NatsBus,
  { name, version }: Service,
): void {
  const { limits, futureMax } = budgetSettings;
  const reporter = new ProcessReporter({
    service: name,
    version,
    rules: { ...settingTexts({ limits, futureMax }, config), ...rules },
    budgets: parseBudgets(config.budgets ?? ''),
    users: alwaysRegistered(config.users),
    limiter,
    isShared: true,
  });
  bus.answer((question) => reporter.answer(question));
}

function eventsOf({ lifecycle }: Service): WorkerEvents {
  return {
    failed: (what, error, request) => {
      // What passes by itself, as a store that is away, was said where it began.
      const level = isMosaicError(error) && error.retryable ? 'debug' : 'error';
      lifecycle.log[level](`${what} failed`, { error, ...(request && { request }) });
    },
  };
}

function now(): Timestamp {
  return timestampFromMillis(Date.now());
}
