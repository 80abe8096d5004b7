/** What a killed process acknowledged is known to all others, and to Redis again. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileObjectStore } from './object-store-files.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';
import { all } from './registry-contract.ts';
import { openMemoryRegistry } from './registry-memory.ts';
import { openRedisRegistry } from './registry-redis.ts';
import { TestFolders } from './segment-log-fixture.ts';

const ROUNDS = 8;
const KEYS = 50;

const folders = new TestFolders();
let server: RedisServer;
let connection: RedisConnection;
let child = '';
// Bundled here, so that what is killed is the code as it stands and not an older build.
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url] });
  child = join(await folders.next(), 'registry-crash-child.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('registry-crash-child.ts', import.meta.url))],
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    logLevel: 'silent',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await server.stop();
  await folders.close();
});

/** Values that a process acknowledged before it was killed, in the midst of its work. */
function changeUntilKilled(directory: string, first: number, changes: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const args = [child, directory, server.url, String(first)];
    const running = spawn(process.execPath, args);
    let output = '';
    let complaints = '';
    running.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.split('\n').length > changes) running.kill('SIGKILL');
    });
    running.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
    });
    running.on('error', reject).on('close', (_, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`it ended by itself: ${complaints}`));
      // The last line may be cut off.
      return resolve(output.split('\n').slice(0, -1).map(Number));
    });
  });
}

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
      for (const value of await changeUntilKilled(directory, first, changes)) {
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
