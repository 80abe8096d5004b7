/**
 * The process that the crash test kills: changes and compacts a registry without end and prints what
 * was acknowledged, a line `key value` per change.
 *
 *     node registry-crash-child.mjs FOLDER REDIS_URL FIRST_VALUE
 */
import { writeSync } from 'node:fs';
import { openFileObjectStore } from './object-store-files.ts';
import { openRedis } from './redis-connection.ts';
import { openRedisRegistry } from './registry-redis.ts';

const CHANGES_AT_A_TIME = 4;
const STDOUT = 1;

const [directory = '', url = '', firstValue = '0'] = process.argv.slice(2);
const store = await openFileObjectStore({ directory });
const connection = await openRedis({ urls: [url] });
const registry = await openRedisRegistry({ connection, store, keepMs: 50 });
let next = Number(firstValue);

async function changeForEver(): Promise<void> {
  for (;;) {
    const value = next;
    next += 1;
    const key = Buffer.from(`${value % 50}`);
    await registry.change([{ collection: 'users', key, value: Buffer.from(`${value}`) }]);
    // Synchronously: the kernel has the line before anything else happens.
    writeSync(STDOUT, `${value}\n`);
    if (value % 17 === 0) await registry.compact();
  }
}

await Promise.all(Array.from({ length: CHANGES_AT_A_TIME }, changeForEver));
