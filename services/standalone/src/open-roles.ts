/** Opens what the roles keep, brings the index up to the log, and starts a worker per role. */
import { access } from 'node:fs/promises';
import type { Limiter } from '@mosaic-cluster/abuse';
import { type Bus, ROLE_NAMES, type RoleName } from '@mosaic-cluster/bus';
import { encryptionPolicy } from '@mosaic-cluster/encryption';
import { inboxPolicy } from '@mosaic-cluster/inbox';
import { outboxPolicy } from '@mosaic-cluster/outbox';
import {
  isMosaicError,
  type ScheduleTools,
  type Timestamp,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import {
  COMMIT_BOUNDS,
  KeyDirectory,
  Moderator,
  openConfiguredHook,
  parseAcceptRules,
  type PolicyHook,
  type RecordVerifier,
  RemovalFollower,
  RequestWatcher,
  type RequestWatcherOptions,
  restoredRecords,
  type RewriteEvents,
  type RoleMetrics,
  type RolePolicy,
  RoleWorker,
  type WorkerEvents,
} from '@mosaic-cluster/role';
import { formatDurationMs, type Lifecycle } from '@mosaic-cluster/runtime';
import {
  type FileSegmentLog,
  type IndexEnvironment,
  openIndexEnvironment,
  openSegmentLog,
  type RecordIndex,
} from '@mosaic-cluster/store';
import type { StandaloneConfig } from './config.ts';
import type { DataFolder } from './data-folder.ts';
import type { OpenRegistry } from './open-registry.ts';
import { rewriteSegments } from './rewrite-segments.ts';

/** What the roles need from the rest of the server. */
export interface OpenRolesDeps {
  readonly config: StandaloneConfig;
  readonly folder: DataFolder;
  readonly registry: OpenRegistry;
  readonly verifier: RecordVerifier;
  readonly scheduleTools: ScheduleTools;
  readonly bus: Bus;
  readonly metrics: RoleMetrics;
  /** What writing segments again is counted by. */
  readonly rewrites: (role: RoleName) => RewriteEvents;
  /** Keeps authors' budgets; undefined: they have none. */
  readonly limiter: Limiter | undefined;
  readonly watching: Omit<RequestWatcherOptions, 'role'>;
  readonly lifecycle: Lifecycle;
}

/** A role at work. */
export interface OpenRole {
  readonly role: RoleName;
  readonly log: FileSegmentLog;
  readonly index: RecordIndex;
  readonly worker: RoleWorker;
}

/** Roles that keep records for everybody, so that key schedules are there. */
const PUBLIC_ROLES: readonly RoleName[] = ['outbox', 'inbox'];
/** Between two lines about a long replay. */
const PROGRESS_MS = 1000;

interface RoleStore {
  readonly log: FileSegmentLog;
  readonly index: RecordIndex;
}

/**
 * Opens all roles that the settings name. Everything is closed with the lifecycle.
 *
 * @throws MosaicError `corrupt` naming the file that is damaged, `conflict`, `unavailable`
 */
export async function openRoles(deps: OpenRolesDeps): Promise<OpenRole[]> {
  const { config, folder, lifecycle } = deps;
  const environment = await openIndexEnvironment({
    directory: folder.index,
    onWarning: (warning) => lifecycle.log.warn(warning),
  });
  lifecycle.add('record index', environment);
  if (folder.hasNewIndex) lifecycle.log.info('took over a record index that was made anew');
  if (environment.rebuilt !== undefined) {
    lifecycle.log.warn(`the record index is made anew from the segments: ${environment.rebuilt}`);
  }
  const stores = new Map<RoleName, RoleStore>();
  for (const role of await rolesWithStore(config.roles, folder)) {
    stores.set(role, await openStore(role, environment, deps));
  }
  const directory = new KeyDirectory(PUBLIC_ROLES.flatMap((role) => stores.get(role) ?? []));
  const hook = await openConfiguredHook(config, lifecycle, deps.metrics);
  const roles: OpenRole[] = [];
  for (const [role, store] of stores) {
    const worker = await openWorker(role, store, directory, { ...deps, hook });
    await followRemovals(role, store, directory, deps);
    rewriteSegments({ ...store, role, directory }, deps);
    if (!config.roles.includes(role)) continue;
    lifecycle.add(`role ${role}`, worker);
    lifecycle.add(`bus of ${role}`, { close: async () => stop() });
    const stop = deps.bus.serve(role, deps.metrics.measure(role, worker));
    if (role === 'inbox') followDecisions(store, directory, deps);
    const open = { role, worker, ...store };
    deps.metrics.watch(open);
    roles.push(open);
  }
  return roles;
}

/** Has the index follow what operators remove and put back, by commands beside the server. */
async function followRemovals(
  role: RoleName,
  store: RoleStore,
  directory: KeyDirectory,
  { registry, lifecycle, metrics }: OpenRolesDeps,
): Promise<void> {
  const removed = registry.removedOf(role);
  const restored = registry.restoredOf(role);
  const onError = (error: unknown): void => {
    const what = 'removed records are still served where the index has them, until this passes';
    lifecycle.log.error(`${role}: ${what}`, { error });
  };
  const onUnreadable = (id: string, error: unknown): void => {
    const what = 'its bytes cannot be read, so that the index is not changed for it';
    lifecycle.log.error(`${role}: record ${id} was removed or put back, but ${what}`, { error });
  };
  const facts = { removed, restored };
  const follower = new RemovalFollower({ ...store, ...facts, directory, onError, onUnreadable });
  metrics.watchRemovals(role, follower);
  registry.onRemoved((ids) => follower.followUp(ids));
  registry.onNews((news) => {
    const restorations = restoredRecords(news, role);
    if (restorations.length > 0) void follower.putBack(restorations);
  });
  await follower.start();
  lifecycle.add(`removed records of ${role}`, follower);
}

/** Publishes what a moderator approves, also where a command beside the server does so. */
function followDecisions(
  store: RoleStore,
  directory: KeyDirectory,
  { registry, bus, lifecycle }: OpenRolesDeps,
): void {
  const { decisions } = registry;
  const moderator = new Moderator({ ...store, directory, decisions, bus });
  registry.onDecided((ids) => moderator.followUp(ids));
  let isEnded = false;
  const releasing = moderator
    .releaseDecided(() => isEnded)
    .catch((error: unknown) => {
      lifecycle.log.error('what was decided while no server ran still counts as held', { error });
    });
  const end = async (): Promise<void> => {
    isEnded = true;
    await releasing;
  };
  lifecycle.add('decisions made meanwhile', { close: end });
}

/**
 * The roles to play, and public ones that were played once: the key schedules that they keep say
 * whose the other roles' records are. In the order in which they come up: schedules first.
 */
async function rolesWithStore(
  played: readonly RoleName[],
  folder: DataFolder,
): Promise<readonly RoleName[]> {
  const isKept = await Promise.all(
    ROLE_NAMES.map(
      async (role) =>
        played.includes(role) || (PUBLIC_ROLES.includes(role) && (await exists(folder, role))),
    ),
  );
  return ROLE_NAMES.filter((_, i) => isKept[i]);
}

async function exists(folder: DataFolder, role: RoleName): Promise<boolean> {
  return access(folder.segments(role)).then(
    () => true,
    () => false,
  );
}

async function openWorker(
  role: RoleName,
  store: RoleStore,
  directory: KeyDirectory,
  deps: OpenRolesDeps & { readonly hook: PolicyHook | undefined },
): Promise<RoleWorker> {
  const { config, registry, verifier, bus, scheduleTools, lifecycle, hook } = deps;
  const worker = new RoleWorker({
    ...store,
    policy: policyOf(role, deps),
    directory,
    users: registry.users,
    removed: registry.removedOf(role),
    verifier,
    bus,
    now,
    scheduleTools,
    futureNanosMax: BigInt(config.futureMax) * 1_000_000n,
    tagsMax: config.tagsMax,
    rules: parseAcceptRules(config.accept ?? '')[role],
    limiter: deps.limiter,
    hook,
    commitBounds: COMMIT_BOUNDS,
    events: { ...deps.metrics.events(role), ...eventsOf(role, lifecycle) },
    watcher: new RequestWatcher({ role, ...deps.watching }),
  });
  await recover(role, worker, lifecycle);
  return worker;
}

function eventsOf(role: RoleName, lifecycle: Lifecycle): WorkerEvents {
  return {
    failed: (what, error, request) => {
      // What passes by itself, as a full disk, was said once where it began.
      const level = isMosaicError(error) && error.retryable ? 'debug' : 'error';
      lifecycle.log[level](`${role}: ${what} failed`, { error, ...(request && { request }) });
    },
  };
}

async function openStore(
  role: RoleName,
  environment: IndexEnvironment,
  { config, folder, lifecycle }: OpenRolesDeps,
): Promise<RoleStore> {
  const log = await openSegmentLog({
    directory: folder.segments(role),
    role,
    segmentBytesMax: config.segmentBytes,
    cacheBytesMax: config.cacheBytes,
    freeBytesMin: config.freeBytesMin,
    onWarning: (warning) => lifecycle.log.warn(`${role}: ${warning}`),
  });
  lifecycle.add(`segments of ${role}`, log);
  return { log, index: environment.index(role) };
}

async function recover(role: RoleName, worker: RoleWorker, lifecycle: Lifecycle): Promise<void> {
  const start = Date.now();
  let told = start;
  const records = await worker.recover((soFar) => {
    if (Date.now() - told < PROGRESS_MS) return;
    told = Date.now();
    lifecycle.log.info(`${role}: ${soFar} records indexed so far`);
  });
  if (worker.isBehind) {
    const what = 'the index lacks records that the segments hold, until there is room for them';
    lifecycle.log.warn(`${role}: ${what}`);
  }
  if (records === 0) return;
  const took = formatDurationMs(Date.now() - start);
  lifecycle.log.info(`${role}: brought ${records} records from the segments into the index`, {
    took,
  });
}

function policyOf(role: RoleName, { config, registry }: OpenRolesDeps): RolePolicy {
  if (role === 'inbox') return inboxPolicy(config.moderation, registry.decisions);
  return role === 'outbox' ? outboxPolicy : encryptionPolicy;
}

function now(): Timestamp {
  return timestampFromMillis(Date.now());
}
