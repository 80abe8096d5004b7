/** The connection to a Redis Cluster that is not whole yet, loses a master, or moves its slots. */
import {
  type RedisServer,
  startRedis,
  startRedisCluster,
  waitFor,
} from '@mosaic-cluster/test-servers';
import { expect, it } from 'vitest';
import { openRedis, redisScript, type ScriptCall } from './redis-connection.ts';

const LAST_SLOT = 16_383;
const CALL: ScriptCall = {
  script: redisScript('return ARGV[1]'),
  key: Buffer.from('a'),
  args: [Buffer.of(1)],
};

/** How often it was asked whether it is well. */
async function healthChecks(server: RedisServer): Promise<number> {
  const stats = await server.command('INFO commandstats', 'cluster|slots');
  return Number(/cmdstat_cluster\|info:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

it('is made as soon as the cluster is well, though it was not at first', async () => {
  const server = await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  });
  try {
    await server.command(`CLUSTER ADDSLOTSRANGE 0 ${LAST_SLOT - 1}`);
    const opening = openRedis({ urls: [server.url], mode: 'cluster', connectTimeoutMs: 20_000 });
    await waitFor('the cluster to be found ill', async () => (await healthChecks(server)) > 1);
    await server.command(`CLUSTER ADDSLOTS ${LAST_SLOT}`);
    const connection = await opening;
    expect(await connection.run([CALL])).toEqual([Buffer.of(1)]);
    await connection.close();
  } finally {
    await server.stop();
  }
});

it('goes on with the replica of a master that is gone', async () => {
  const cluster = await startRedisCluster({ withReplicas: true });
  const connection = await openRedis({ urls: cluster.urls, mode: 'cluster' });
  try {
    const calls = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => ({ ...CALL, key: Buffer.from(key) }));
    expect(await connection.run(calls)).toHaveLength(calls.length);
    await cluster.nodes[0]!.kill();
    await expect
      .poll(() => connection.run(calls).catch(() => []), { timeout: 20_000 })
      .toHaveLength(calls.length);
  } finally {
    await connection.close();
    await cluster.stop();
  }
});

it('does not look where only a part of a slot is, while it moves', async () => {
  const cluster = await startRedisCluster();
  const [from, to] = cluster.nodes as [RedisServer, RedisServer];
  const connection = await openRedis({ urls: cluster.urls, mode: 'cluster' });
  try {
    const ids = await Promise.all(
      [from, to].map(async (node) => (await node.command('CLUSTER MYID', '\r\n\0')).slice(5, 45)),
    );
    const read = redisScript("return redis.call('GET', ARGV[1])");
    const here: ScriptCall = { script: read, key: Buffer.from('{06S}a'), args: ['{06S}a'] };
    const gone: ScriptCall = { ...here, args: ['{06S}b'] };
    const absent: ScriptCall = { ...here, key: Buffer.from('{06S}b') };
    await from.command('SET {06S}a 1');
    expect(await connection.run([absent])).toEqual([Buffer.from('1')]);
    await to.command(`CLUSTER SETSLOT 0 IMPORTING ${ids[0]}`);
    await from.command(`CLUSTER SETSLOT 0 MIGRATING ${ids[1]}`);
    expect(await connection.run([here])).toEqual([Buffer.from('1')]);
    const later = { kind: 'unavailable', code: 'redis-not-ready' };
    await expect(connection.run([absent])).rejects.toMatchObject(later);
    await expect(connection.run([gone])).rejects.toMatchObject(later);
    await from.command(`MIGRATE 127.0.0.1 ${to.port} {06S}a 0 1000`);
    for (const node of [to, from]) await node.command(`CLUSTER SETSLOT 0 NODE ${ids[1]}`);
    await expect
      .poll(() => connection.run([absent, here, gone]).catch(() => []))
      .toEqual([Buffer.from('1'), Buffer.from('1'), null]);
  } finally {
    await connection.close();
    await cluster.stop();
  }
});
