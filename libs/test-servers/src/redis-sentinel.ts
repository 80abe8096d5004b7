/** A Redis master with a replica, watched by Sentinels that put the replica in its place. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ask, waitFor } from './probe.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { ServerProcess, startWithFreePorts } from './server-process.ts';

const SENTINELS = 3;
const QUORUM = 2;

/** A master, its replica, and who watches over them. */
export interface RedisSentinels {
  /** The name under which the Sentinels know the master. */
  readonly name: string;
  /** Of the Sentinels. */
  readonly urls: readonly string[];
  /** The master at the start. */
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** The port of the server that a Sentinel holds to be the master. */
  masterPort(): Promise<number>;
  /** Ends all of them. */
  stop(): Promise<void>;
}

class Sentinel extends ServerProcess {
  readonly port: number;

  constructor(master: RedisServer, name: string, port: number) {
    super({
      name: 'redis-server',
      args: (folder) => {
        const path = join(folder, 'sentinel.conf');
        const lines = [
          `port ${port}`,
          'bind 127.0.0.1',
          `dir ${folder}`,
          `sentinel monitor ${name} 127.0.0.1 ${master.port} ${QUORUM}`,
          `sentinel down-after-milliseconds ${name} 1000`,
          `sentinel failover-timeout ${name} 5000`,
        ];
        writeFileSync(path, `${lines.join('\n')}\n`);
        return [path, '--sentinel'];
      },
      isReady: async () => (await ask(port, 'PING\r\n')).startsWith('+PONG'),
    });
    this.port = port;
  }

  /** What it knows of the master, as lines of names and values. */
  async master(name: string): Promise<string> {
    return ask(this.port, `SENTINEL MASTER ${name}\r\n`, 'parallel-syncs');
  }
}

/** Starts a master with a replica and three Sentinels; resolves when each knows all others. */
export async function startRedisSentinels(): Promise<RedisSentinels> {
  const name = 'main';
  const running: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.stop()));
  };
  try {
    const master = await startRedis();
    running.push(master);
    const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] });
    running.push(replica);
    const sentinels = await Promise.all(
      Array.from({ length: SENTINELS }, () =>
        startWithFreePorts(async () => new Sentinel(master, name, await freePort())),
      ),
    );
    running.push(...sentinels);
    await waitFor('Sentinels to know each other and the replica', async () => {
      const known = await Promise.all(sentinels.map((each) => each.master(name)));
      return known.every(
        (text) =>
          valueOf(text, 'num-other-sentinels') === SENTINELS - 1 &&
          valueOf(text, 'num-slaves') === 1,
      );
    });
    const [first] = sentinels;
    const masterPort = async (): Promise<number> => valueOf(await first!.master(name), 'port') ?? 0;
    const urls = sentinels.map(({ port }) => `redis://127.0.0.1:${port}`);
    return { name, urls, master, replica, masterPort, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function valueOf(text: string, field: string): number | undefined {
  const value = new RegExp(`\r\n${field}\r\n\\$\\d+\r\n(\\d+)`).exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}
