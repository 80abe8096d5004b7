/** What a worker keeps and finds records in: the log on the object store and the index on Redis. */
import { ROLE_NAMES, type RoleName } from '@mosaic-cluster/bus';
import {
  createRedisIndex,
  type ObjectSegmentLog,
  type ObjectStore,
  openObjectSegmentLog,
  type RedisConnection,
  type RedisRecordIndex,
} from '@mosaic-cluster/store';
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
  readonly index: RedisRecordIndex;
}

/** The stores that a worker has open. */
export interface RoleStores {
  /** Of the role that it plays: the only one that it writes to. */
  readonly own: RoleStore;
  /** Of the roles where key schedules are. */
  readonly public: readonly RoleStore[];
}

/** Opens log and index of a worker's own role and of the public ones. */
export async function openRoleStores(
  role: RoleName,
  objects: ObjectStore,
  redis: RedisConnection,
  config: WorkerConfig,
  service: Service,
): Promise<RoleStores> {
  const names = ROLE_NAMES.filter((name) => name === role || PUBLIC_ROLES.has(name));
  const stores = new Map(
    await Promise.all(
      names.map(async (name): Promise<[RoleName, RoleStore]> => {
        const cacheBytesMax = name === role ? config.cacheBytes : READ_CACHE_BYTES;
        const warn = quietWarnings(() => service.lifecycle.log);
        const log = await service.await(`the segments of ${name}`, () =>
          openObjectSegmentLog({
            store: objects,
            role: name,
            cacheBytesMax,
            onWarning: (warning) => warn(`${name}: ${warning}`),
          }),
        );
        service.lifecycle.add(`segments of ${name}`, log);
        return [name, { log, index: indexOf(name, redis, config, warn) }];
      }),
    ),
  );
  return {
    own: stores.get(role)!,
    public: [...stores].filter(([name]) => PUBLIC_ROLES.has(name)).map(([, store]) => store),
  };
}

function indexOf(
  role: RoleName,
  connection: RedisConnection,
  { indexSecret }: WorkerConfig,
  warn: (sentence: string) => void,
): RedisRecordIndex {
  return createRedisIndex({
    connection,
    name: role,
    secret: indexSecret?.reveal(),
    onBehind: () => warn(`${role}: Redis has forgotten what was written to the index`),
  });
}
