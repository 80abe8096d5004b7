/**
 * The registry on a real Redis server: how fast a Redis that lost everything is filled again, beside how
 * fast the same facts came in. Lookups of what is not filled yet wait for two seconds. And what it costs
 * to ask for keys that nobody asked for before, where something is in the collection and where nothing is.
 */
import { randomBytes } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { openFileObjectStore, openRedis, openRedisRegistry } from '@mosaic-cluster/store';

const USERS = 100_000;
const CHANGE = 10_000;
/** Records that a worker judges together. */
const BATCH = 32;
const VALUE = new Uint8Array(9);

function users(count) {
  return Array.from({ length: count }, () => {
    return { collection: 'users', key: randomBytes(32), value: VALUE };
  });
}

async function prepareLookups() {
  const { startRedis } = await import('@mosaic-cluster/test-servers');
  const server = await startRedis();
  const connection = await openRedis({ urls: [server.url] });
  const directory = await mkdtemp(join(tmpdir(), 'mosaic-registry-'));
  const store = await openFileObjectStore({ directory });
  const registry = await openRedisRegistry({ connection, store });
  await registry.change(users(1));
  const lookup = (collection) => ({
    ops: BATCH,
    run: async () => {
      const keys = Array.from({ length: BATCH }, () => randomBytes(48));
      if (keys.every((key) => registry.peek(collection, key) === null)) return BATCH;
      return (await registry.get(collection, keys)).length;
    },
  });
  return {
    cases: [
      { name: 'a collection with one fact', ...lookup('users') },
      { name: 'an empty collection', ...lookup('removed-records') },
    ],
    close: async () => {
      await registry.close();
      await connection.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function prepare() {
  const { startRedis } = await import('@mosaic-cluster/test-servers');
  const server = await startRedis();
  const connection = await openRedis({ urls: [server.url] });
  const folder = await mkdtemp(join(tmpdir(), 'mosaic-registry-'));
  const open = async (name) => {
    const store = await openFileObjectStore({ directory: join(folder, name) });
    return { store, registry: await openRedisRegistry({ connection, store, name }) };
  };
  const changed = await open('changed');
  const lost = await open('lost');
  for (let n = 0; n < USERS; n += CHANGE) await lost.registry.change(users(CHANGE));
  await lost.registry.close();
  const refill = async () => {
    await server.command('FLUSHALL');
    // Open is who finds everything in it.
    const registry = await openRedisRegistry({ connection, store: lost.store, name: 'lost' });
    await registry.close();
    return USERS;
  };
  return {
    cases: [
      {
        name: 'changes of 10,000 facts (facts)',
        ops: CHANGE,
        run: async () => (await changed.registry.change(users(CHANGE))).changedAtMs,
      },
      { name: 'refill of 100,000 facts (facts)', ops: USERS, run: refill },
    ],
    close: async () => {
      await changed.registry.close();
      await connection.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function isInstalled() {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'redis-server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The tables of this file. */
export function tables() {
  if (!isInstalled()) {
    console.error('\nregistry on Redis: left out, redis-server is not on PATH');
    return [];
  }
  const title = 'Registry on Redis';
  return [
    { title, unit: 'one after the other', prepare },
    { title: `${title}: lookups of new keys`, unit: `${BATCH} at once`, prepare: prepareLookups },
  ];
}
