/** The connection to a Redis Cluster that is not whole yet. */
import { type RedisServer, startRedis, waitFor } from '@mosaic-cluster/test-servers';
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
