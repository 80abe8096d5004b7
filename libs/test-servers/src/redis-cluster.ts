/** A Redis Cluster for tests: masters that share all slots, with replicas where they are wanted. */
import { dirname, join } from 'node:path';
import { freePort } from './free-port.ts';
import { waitFor } from './probe.ts';
import {
  argumentsOf,
  type RedisOptions,
  type RedisPlace,
  RedisServer,
  startRedis,
} from './redis-server.ts';
import { runTool } from './run-tool.ts';
import { findServer, libraryPath } from './server-binary.ts';
import { startWithFreePorts } from './server-process.ts';

const SLOTS = 16_384;
const RESHARD_TIMEOUT_MS = 60_000;

/** A Redis Cluster under test. */
export interface RedisCluster {
  /** Its masters at the start. */
  readonly nodes: readonly RedisServer[];
  /** Where it has any: the replica of the master at the same place. */
  readonly replicas: readonly RedisServer[];
  /** Of its masters at the start. */
  readonly urls: readonly string[];
  /** Moves slots with all their keys from one master to another, while it serves. */
  moveSlots(from: number, to: number, count: number): Promise<void>;
  /** Ends all nodes. */
  stop(): Promise<void>;
}

/** How a Redis Cluster is started. */
export interface RedisClusterOptions extends Omit<RedisOptions, 'place'> {
  /** Where its three masters run; they may have been a cluster there before. */
  readonly places?: readonly [RedisPlace, RedisPlace, RedisPlace];
  /** Whether every master has a replica; not with `places`. */
  readonly withReplicas?: boolean;
}

/** Starts a Redis Cluster of three masters that share all slots. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { places = [undefined, undefined, undefined], withReplicas = false, ...rest } = options;
  const nodes = await Promise.all(
    places.map((place) => startNode(place === undefined ? rest : { ...rest, place })),
  );
  const replicas: RedisServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all([...nodes, ...replicas].map((node) => node.stop()));
  };
  try {
    await unite(nodes);
    if (withReplicas) {
      for (const _ of nodes) replicas.push(await startNode(rest));
      await Promise.all(replicas.map((replica, i) => follow(replica, nodes[i]!)));
      await untilKnown(replicas.length, [...nodes, ...replicas]);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const moveSlots = async (from: number, to: number, count: number): Promise<void> => {
    await reshard(nodes[from]!, nodes[to]!, count);
    await untilWhole(nodes);
  };
  return { nodes, replicas, urls: nodes.map((node) => node.url), moveSlots, stop };
}

/** Makes a node the replica of a master; resolves when it has all that the master has. */
async function follow(replica: RedisServer, master: RedisServer): Promise<void> {
  const id = await idOf(master);
  await meet(replica, master);
  await waitFor('a Redis node to know its master', async () =>
    replica.command(`CLUSTER REPLICATE ${id}`).then(
      () => true,
      () => false,
    ),
  );
  await waitFor('a Redis replica to be in step', async () =>
    (await replica.command('INFO replication', 'master_replid')).includes('master_link_status:up'),
  );
}

/** Masters vote for replicas that they know. */
function untilKnown(replicas: number, nodes: readonly RedisServer[]): Promise<void> {
  return waitFor('all Redis nodes to know all replicas', async () => {
    const lists = await Promise.all(nodes.map((node) => node.command('CLUSTER NODES', '\n\r\n')));
    return lists.every((list) => list.match(/ (myself,)?slave /g)?.length === replicas);
  });
}

async function reshard(from: RedisServer, to: RedisServer, count: number): Promise<void> {
  const binary = await findServer('redis-server');
  const args = [
    ['--cluster', 'reshard', `127.0.0.1:${from.port}`],
    ['--cluster-from', await idOf(from), '--cluster-to', await idOf(to)],
    ['--cluster-slots', `${count}`, '--cluster-yes'],
  ].flat();
  await runTool(join(dirname(binary.path), 'redis-cli'), args, {
    timeoutMs: RESHARD_TIMEOUT_MS,
    environment: libraryPath(binary),
  });
}

async function idOf(node: RedisServer): Promise<string> {
  return (await node.command('CLUSTER MYID', '\r\n\0')).split('\r\n')[1]!;
}

function startNode({ args = [], place }: RedisOptions): Promise<RedisServer> {
  if (place !== undefined) {
    return startRedis({ args: [...memberArguments(place.busPort), ...args], place });
  }
  return startWithFreePorts(async () => {
    const all = [...memberArguments(await freePort()), ...args];
    return new RedisServer({ args: all }, await freePort());
  });
}

function memberArguments(busPort: number): string[] {
  return argumentsOf({
    'cluster-enabled': 'yes',
    'cluster-port': busPort,
    'cluster-node-timeout': 2000,
    'cluster-require-full-coverage': 'no',
  });
}

async function unite(nodes: readonly RedisServer[]): Promise<void> {
  // Members that were a cluster here before find each other by themselves.
  const info = await nodes[0]!.command('CLUSTER INFO', 'cluster_current_epoch');
  if (!/cluster_slots_assigned:0\b/.test(info)) return untilWhole(nodes);
  const share = Math.ceil(SLOTS / nodes.length);
  const [first] = nodes;
  for (const [i, node] of nodes.entries()) {
    const last = Math.min((i + 1) * share, SLOTS) - 1;
    await node.command(`CLUSTER SET-CONFIG-EPOCH ${i + 1}`);
    await node.command(`CLUSTER ADDSLOTSRANGE ${i * share} ${last}`);
  }
  for (const node of nodes.slice(1)) await meet(node, first!);
  await untilWhole(nodes);
}

async function meet(node: RedisServer, other: RedisServer): Promise<void> {
  const bus = /@(\d+)\S* myself/.exec(await other.command('CLUSTER NODES', 'myself'))?.[1];
  await node.command(`CLUSTER MEET 127.0.0.1 ${other.port} ${bus}`);
}

async function untilWhole(nodes: readonly RedisServer[]): Promise<void> {
  await waitFor('all Redis nodes to know all slots', async () => {
    const infos = await Promise.all(
      nodes.map((node) => node.command('CLUSTER INFO', 'cluster_current_epoch')),
    );
    return infos.every(
      (info) => info.includes('cluster_state:ok') && info.includes(`slots_ok:${SLOTS}`),
    );
  });
}
