/** What a killed process acknowledged is known to all others, and to Redis again. */
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileObjectStore } from './object-store-files.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';
import { all } from './registry-contract.ts';
import { openMemoryRegistry } from './registry-memory.ts';
import { openRedisRegistry } from './registry-redis.ts';
import { TestFolders } from './segment-log-fixture.ts';
import { KilledProcess } from './testing/killed-process.ts';

const ROUNDS = 8;
const KEYS = 50;

const folders = new TestFolders();
let server: RedisServer;
let connection: RedisConnection;
let killed: KilledProcess;
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url] });
  killed = await KilledProcess.of(new URL('registry-crash-child.ts', import.meta.url));
}, 120_000);
afterAll(async () => {
  await killed.close();
  await connection.close();
  await server.stop();
  await folders.close();
});

describe('kill -9', () => {
  it(`in the midst of changes, ${ROUNDS} times over, loses nothing acknowledged`, async () => {
    const directory = await folders.next();
    const store = await openFileObjectStore({ directory });
    const newest = new Map<number, number>();
    const greatest = (): number => Math.max(0, ...newest.values());
    for (let round = 0; round < ROUNDS; round++) {
      const changes = 1 + ((round * 37) % 90);
      // Values of changes that nobody acknowledged may be there too: they are passed over.
      const first = (Math.floor(greatest() / KEYS) + 2) * KEYS;
      const lines = await killed.lines([directory, server.url, String(first)], changes);
      for (const value of lines.map(Number)) {
        newest.set(value % KEYS, Math.max(value, newest.get(value % KEYS) ?? 0));
      }
      const registry = await openMemoryRegistry({ store });
      const truth = await all(registry);
      await registry.close();
      for (const [key, value] of newest) {
        const found = truth.find((line) =>
          line?.startsWith(`${Buffer.from(`${key}`).toString('hex')}=`),
        );
        expect(Number(found?.split('=')[1])).toBeGreaterThanOrEqual(value);
      }
      if (round % 3 === 2) await server.command('FLUSHALL');
      const onRedis = await openRedisRegistry({ connection, store, keepMs: 100 });
      await expect.poll(() => all(onRedis), { timeout: 10_000 }).toEqual(truth);
      await onRedis.close();
    }
    await store.close();
  }, 120_000);
});
