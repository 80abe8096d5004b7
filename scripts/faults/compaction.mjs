// Compacts the outbox, inbox and encryption of a local cluster without the patience of an operator: what is a few
// seconds old is joined, and what was joined by the round before is deleted.
import { compactRole, KeyDirectory, RemovedRecords } from '../../libs/role/dist/index.js';
import {
  createRedisIndex,
  openObjectLogReader,
  openRedis,
  openRedisRegistry,
  openS3ObjectStore,
} from '../../libs/store/dist/index.js';

const ROLES = ['outbox', 'inbox', 'encryption'];
/** Far less than what is safe by the clock: workers that start read over what was joined. */
const BOUNDS = { ageMs: 3_000, behindMs: 1_000, keepMs: 0 };

/** Everything that compaction works on, opened once. */
export async function openCompactor(cluster) {
  const { settings } = cluster.workers[0].spec;
  const store = await openS3ObjectStore({
    bucket: settings.MOSAIC_S3_BUCKET,
    region: settings.MOSAIC_S3_REGION,
    endpoint: settings.MOSAIC_S3_ENDPOINT,
    credentials: {
      accessKeyId: settings.MOSAIC_S3_ACCESS_KEY_ID,
      secretAccessKey: settings.MOSAIC_S3_SECRET_ACCESS_KEY,
    },
  });
  const urls = settings.MOSAIC_REDIS_URLS.split(',');
  const connection = await openRedis({ urls, mode: settings.MOSAIC_REDIS_MODE });
  const registry = await openRedisRegistry({ connection, store });
  const opened = await Promise.all(
    ROLES.map(async (role) => {
      const log = await openObjectLogReader({ store, role });
      return { role, log, index: createRedisIndex({ connection, name: role }) };
    }),
  );
  const publicRoles = opened.filter(({ role }) => role !== 'encryption');
  return {
    /** One round over all roles; returns how many segments were joined and deleted. */
    compact: async (options = {}) => {
      const sum = { joined: 0, deleted: 0, runs: 0 };
      for (const { role, log, index } of opened) {
        const removed = new RemovedRecords(registry, role);
        const directory = new KeyDirectory(publicRoles);
        const rules = { store, role, log, index, removed, directory };
        const done = await compactRole({ ...rules, graceMs: 0, bounds: BOUNDS, ...options });
        sum.joined += done.joined;
        sum.deleted += done.deleted;
        sum.runs += done.runs;
      }
      return sum;
    },
    close: async () => {
      for (const { log } of opened) await log.close();
      await registry.close();
      await connection.close();
      await store.close();
    },
  };
}
