/** NATS servers for tests: alone or routed together. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ask, fetchText, waitFor } from './probe.ts';
import { ServerProcess, startedHere, startWithFreePorts } from './server-process.ts';

/** How a NATS server is started. */
export interface NatsOptions {
  /** Lines of its configuration, as accounts, TLS or limits. */
  readonly config?: string;
  /** Makes it a member of a cluster. */
  readonly cluster?: {
    /** Cluster addresses of members that run; more become known through them. */
    readonly routes: readonly string[];
  };
  /** What clients put before the host, such as `tls`; by default `nats`. */
  readonly scheme?: string;
  /** Where it runs instead of a passing folder and any free ports. */
  readonly place?: { readonly folder: string; readonly ports: NatsPorts };
}

/** The ports of a NATS server, all at 127.0.0.1. */
export interface NatsPorts {
  readonly client: number;
  readonly monitor: number;
  readonly cluster: number;
}

/** A NATS server under test. */
export class NatsServer extends ServerProcess {
  /** Where clients connect. */
  readonly url: string;
  /** Where other servers connect, for their `cluster.routes`. */
  readonly clusterUrl: string;
  readonly #ports: NatsPorts;

  /** Use {@link startNats}. */
  constructor(options: NatsOptions, ports: NatsPorts) {
    super({
      name: 'nats-server',
      folder: options.place?.folder,
      args: (folder) => {
        const path = join(folder, 'nats.conf');
        writeFileSync(path, configuration(options, ports));
        return ['-c', path];
      },
      isReady: async () => (await ask(ports.client, '')).startsWith('INFO '),
    });
    this.#ports = ports;
    this.url = `${options.scheme ?? 'nats'}://127.0.0.1:${ports.client}`;
    this.clusterUrl = `nats://127.0.0.1:${ports.cluster}`;
  }

  /** Has clients told to leave; the server ends some time after. */
  lameDuck(): void {
    this.signal('SIGUSR2');
  }

  /** What its monitoring says, as of `varz`, `connz` or `subsz`. */
  async monitor(path: string): Promise<Readonly<Record<string, unknown>>> {
    const text = await fetchText(`http://127.0.0.1:${this.#ports.monitor}/${path}`);
    if (text === undefined) throw new Error(`nats-server does not answer /${path}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** How many other servers it is routed to. */
  async routedServers(): Promise<number> {
    const { routes } = (await this.monitor('routez')) as { routes?: { remote_id: string }[] };
    return new Set(routes?.map((route) => route.remote_id)).size;
  }
}

/** Starts one NATS server. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  if (options.place !== undefined) {
    return startedHere(new NatsServer(options, options.place.ports));
  }
  return startWithFreePorts(async () => {
    const [client, monitor, cluster] = [await freePort(), await freePort(), await freePort()];
    return new NatsServer(options, { client, monitor, cluster });
  });
}

/** Starts NATS servers that are routed together; resolves when each knows all others. */
export async function startNatsCluster(
  servers: number,
  options: Omit<NatsOptions, 'cluster'> = {},
): Promise<NatsServer[]> {
  const members: NatsServer[] = [];
  for (let i = 0; i < servers; i++) {
    const routes = members.map((member) => member.clusterUrl);
    members.push(await startNats({ ...options, cluster: { routes } }));
  }
  await untilRouted(members);
  return members;
}

/** Waits until each of these servers knows all others. */
export function untilRouted(members: readonly NatsServer[]): Promise<void> {
  return waitFor('NATS servers to find each other', async () => {
    const counts = await Promise.all(members.map((member) => member.routedServers()));
    return counts.every((count) => count === members.length - 1);
  });
}

function configuration(options: NatsOptions, ports: NatsPorts): string {
  const lines = [
    'host: 127.0.0.1',
    `port: ${ports.client}`,
    `http: "127.0.0.1:${ports.monitor}"`,
    // Long enough for nobody to wait for, short enough to be seen.
    'lame_duck_grace_period: "1s"',
  ];
  if (options.cluster !== undefined) {
    const routes = options.cluster.routes.map((route) => JSON.stringify(route)).join(', ');
    lines.push(
      `cluster { name: test, host: 127.0.0.1, port: ${ports.cluster}, routes: [${routes}] }`,
    );
  }
  return [...lines, options.config ?? '', ''].join('\n');
}
