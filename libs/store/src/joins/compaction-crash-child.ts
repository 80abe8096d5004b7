/**
 * The process that the crash test kills: compacts a folder again and again, a day later each time, and
 * prints a line before each call of the store and one after it.
 *
 *     node compaction-crash-child.mjs FOLDER REDIS_URL ROLE NOW_MS
 */
import { writeSync } from 'node:fs';
import type { ObjectStore } from '../object-store.ts';
import { openFileObjectStore } from '../object-store-files.ts';
import { createRedisIndex } from '../record-index-redis.ts';
import { openRedis } from '../redis-connection.ts';
import { compactSegments } from './compact-segments.ts';

const DAY_MS = 86_400_000;
const STDOUT = 1;

const [directory = '', url = '', role = '', now = '0'] = process.argv.slice(2);
const store = await openFileObjectStore({ directory });
const connection = await openRedis({ urls: [url] });
const index = createRedisIndex({ connection, name: role });

const told = async <T>(call: Promise<T>): Promise<T> => {
  writeSync(STDOUT, 'begun\n');
  const result = await call;
  writeSync(STDOUT, 'done\n');
  return result;
};
const telling: ObjectStore = {
  name: store.name,
  put: (...args) => told(store.put(...args)),
  get: (...args) => told(store.get(...args)),
  head: (...args) => told(store.head(...args)),
  list: (...args) => told(store.list(...args)),
  delete: (...args) => told(store.delete(...args)),
  selfTest: () => store.selfTest(),
  close: () => store.close(),
};

for (let nowMs = Number(now); ; nowMs += DAY_MS) {
  await compactSegments({
    store: telling,
    role,
    index,
    mayGo: async (records) => records.map(() => undefined),
    clock: { now: () => nowMs },
    sourcesMin: 2,
    bytesMax: 4096,
  });
}
