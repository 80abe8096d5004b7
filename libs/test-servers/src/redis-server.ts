/** Redis servers for tests: one alone, or a Redis Cluster of masters. */
import { freePort } from './free-port.ts';
import { ask, waitFor } from './probe.ts';
import { ServerProcess, startedHere, startWithFreePorts } from './server-process.ts';

const SLOTS = 16_384;

/** How a Redis server is started. */
export interface RedisOptions {
  /** Further arguments, as `['--maxmemory', '64mb']`. */
  readonly args?: readonly string[];
  /** Where it runs instead of a passing folder and a free port. */
  readonly place?: RedisPlace;
}

/** Where a Redis server runs: what it may write to, and its ports at 127.0.0.1. */
export interface RedisPlace {
  readonly folder: string;
  readonly port: number;
  /** Of a member of a Redis Cluster, for the others. */
  readonly busPort: number;
}

/** A Redis server under test. It keeps nothing over a restart unless its arguments say so. */
export class RedisServer extends ServerProcess {
  readonly url: string;
  readonly port: number;

  /** Use {@link startRedis}. */
  constructor(options: RedisOptions, port: number) {
    super({
      name: 'redis-server',
      folder: options.place?.folder,
      args: (folder) => [
        ...argumentsOf({ port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' }),
        ...(options.args ?? []),
      ],
      isReady: async () => (await ask(port, 'PING\r\n')).startsWith('+PONG'),
    });
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  /**
   * Runs a command of plain words.
   *
   * @returns its answer as it comes over the wire
   * @throws Error where it is an error
   */
  async command(words: string, until = '\n'): Promise<string> {
    const answer = await ask(this.port, `${words}\r\n`, until);
    if (answer === '' || answer.startsWith('-')) throw new Error(`${words}: ${answer.trim()}`);
    return answer;
  }
}

/** Starts one Redis server. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  if (options.place !== undefined) {
    return startedHere(new RedisServer(options, options.place.port));
  }
  return startWithFreePorts(async () => new RedisServer(options, await freePort()));
}

/** A Redis Cluster under test. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly urls: readonly string[];
  /** Ends all nodes. */
  stop(): Promise<void>;
}

/** How a Redis Cluster is started. */
export interface RedisClusterOptions extends Omit<RedisOptions, 'place'> {
  /** Where its three masters run; they may have been a cluster there before. */
  readonly places?: readonly [RedisPlace, RedisPlace, RedisPlace];
}

/** Starts a Redis Cluster of three masters that share all slots. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { places = [undefined, undefined, undefined], ...rest } = options;
  const nodes = await Promise.all(
    places.map((place) => startNode(place === undefined ? rest : { ...rest, place })),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    await join(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, urls: nodes.map((node) => node.url), stop };
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

function argumentsOf(settings: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}

async function join(nodes: readonly RedisServer[]): Promise<void> {
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
  const bus = /@(\d+)/.exec(await first!.command('CLUSTER NODES', 'myself'))?.[1];
  for (const node of nodes.slice(1)) {
    await node.command(`CLUSTER MEET 127.0.0.1 ${first!.port} ${bus}`);
  }
  await untilWhole(nodes);
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
