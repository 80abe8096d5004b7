/** What a worker keeps and finds records in: the log on the object store and the index on Redis. */
import { ROLE_NAMES, type RoleName } from '@mosaic-cluster/bus';
import {
  createRedisIndex,
  type ObjectSegmentLog,
  type ObjectStore,
  openObjectSegmentLog,
  type RecordIndex,
  type RedisConnection,
} from '@mosaic-cluster/store';
import { measureIndex } from './index-metrics.ts';
import { quietWarnings } from './quiet-log.ts';
import type { Service } from './service.ts';
import type { WorkerConfig } from './worker-settings.ts';

/** Roles that keep records for everybody, key schedules among them. */
const PUBLIC_ROLES: ReadonlySet<RoleName> = new Set(['outbox', 'inbox']);
/** Of a role that this worker only reads key schedules and authors from. */
const READ_CACHE_BYTES = 32 * 1024 * 1024;

/** Log and index of one role. */
export interface RoleStore {
  readonly log: ObjectSegmentLog;
  readonly index: RecordIndex;
}

/** The stores that a worker has open. */
export interface RoleStores {
  /** Of the role that it plays: the only one that it writes to. */
  readonly own: RoleStore;
  /** Of the roles where key schedules are. */
  readonly public: readonly RoleStore[];
}

/** What the stores of a worker are opened on. */
export interface StoreGround {
  readonly objects: ObjectStore;
  readonly redis: RedisConnection;
}

/** Opens log and index of a worker's own role and of the public ones. */
export async function openRoleStores(
  role: RoleName,
  ground: StoreGround,
  config: WorkerConfig,
  service: Service,
): Promise<RoleStores> {
  const names = ROLE_NAMES.filter((name) => name === role || PUBLIC_ROLES.has(name));
  const measured = measureIndex(service.metrics);
  const stores = new Map<RoleName, RoleStore>();
  await Promise.all(
    names.map(async (name) => {
      const cacheBytes = name === role ? config.cacheBytes : READ_CACHE_BYTES;
      const store = await openStore(name, ground, { ...config, cacheBytes }, service);
      stores.set(name, { ...store, index: measured(store.index) });
    }),
  );
  return {
    own: stores.get(role)!,
    public: [...stores].filter(([name]) => PUBLIC_ROLES.has(name)).map(([, store]) => store),
  };
}

async function openStore(
  role: RoleName,
  { objects, redis }: StoreGround,
  { cacheBytes, indexSecret }: WorkerConfig,
  service: Service,
): Promise<RoleStore> {
  const warn = quietWarnings(() => service.lifecycle.log);
  const log = await service.await(`the segments of ${role}`, () =>
    openObjectSegmentLog({
      store: objects,
      role,
      cacheBytesMax: cacheBytes,
      onWarning: (warning) => warn(`${role}: ${warning}`),
    }),
  );
  service.lifecycle.add(`segments of ${role}`, log);
  const index = createRedisIndex({
    connection: redis,
    name: role,
    secret: indexSecret?.reveal(),
    onLoss: () => warn(`${role}: Redis has forgotten what it had answered to`),
  });
  return { log, index };
}
