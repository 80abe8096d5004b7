/** Redis servers for tests: one alone, or a Redis Cluster of masters. */
import { freePort } from './free-port.ts';
import { ask, waitFor } from './probe.ts';
import { ServerProcess, startWithFreePorts } from './server-process.ts';

const SLOTS = 16_384;

/** How a Redis server is started. */
export interface RedisOptions {
  /** Further arguments, as `['--maxmemory', '64mb']`. */
  readonly args?: readonly string[];
}

/** A Redis server under test. It keeps nothing over a restart unless its arguments say so. */
export class RedisServer extends ServerProcess {
  readonly url: string;
  readonly port: number;

  /** Use {@link startRedis}. */
  constructor(options: RedisOptions, port: number) {
    super({
      name: 'redis-server',
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
export function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return startWithFreePorts(async () => new RedisServer(options, await freePort()));
}

/** A Redis Cluster under test. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly urls: readonly string[];
  /** Ends all nodes. */
  stop(): Promise<void>;
}

/** Starts a Redis Cluster of three masters that share all slots. */
export async function startRedisCluster(options: RedisOptions = {}): Promise<RedisCluster> {
  const nodes = await Promise.all([1, 2, 3].map(() => startNode(options)));
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

function startNode(options: RedisOptions): Promise<RedisServer> {
  return startWithFreePorts(async () => {
    const cluster = argumentsOf({
      'cluster-enabled': 'yes',
      'cluster-port': await freePort(),
      'cluster-node-timeout': 2000,
      'cluster-require-full-coverage': 'no',
    });
    const args = [...cluster, ...(options.args ?? [])];
    return new RedisServer({ args }, await freePort());
  });
}

function argumentsOf(settings: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}

async function join(nodes: readonly RedisServer[]): Promise<void> {
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
  await waitFor('all Redis nodes to know all slots', async () => {
    const infos = await Promise.all(
      nodes.map((node) => node.command('CLUSTER INFO', 'cluster_current_epoch')),
    );
    return infos.every(
      (info) => info.includes('cluster_state:ok') && info.includes(`slots_ok:${SLOTS}`),
    );
  });
}
