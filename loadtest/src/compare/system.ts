/** What is compared: the embedded server, and clusters of one or several sizes. */
import type { Options, ServerTarget } from '../options.ts';
import { ClusterServer, runningCluster } from '../server/cluster-server.ts';
import type { ProcessGroup } from '../server/server-watch.ts';
import { Session } from '../session.ts';

/** A server under comparison. */
export interface System {
  readonly name: string;
  readonly session: Session;
  /** Its processes by kind; the embedded server is one. */
  readonly groups: readonly ProcessGroup[];
  /** Ends it, where it was started here. */
  close(): Promise<void>;
}

/**
 * Opens the embedded server first, then the clusters.
 *
 * @param nodeOptions options for the Node of all that is started here
 * @throws LoadError where one does not start; none is left running then
 */
export async function openSystems(
  options: Options,
  say: (line: string) => void,
  nodeOptions: readonly string[] = [],
): Promise<System[]> {
  const systems: System[] = [];
  try {
    const running = options.readyFile && runningCluster(options.readyFile);
    const tls = running ? running.url.startsWith('wss:') : options.tls;
    say('starting the embedded server');
    const session = await Session.open({ options: { ...options, tls }, nodeOptions, say });
    const groups = [{ name: 'embedded', pids: [session.pid!] }];
    systems.push({ name: 'embedded', session, groups, close: () => session.close() });
    if (running) systems.push(await openCluster('cluster', running, undefined, options, say));
    else {
      for (const workers of options.workers) {
        const name = `cluster, ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
        say(`starting a ${name} of each role`);
        const server = await ClusterServer.start({
          parentFolder: options.dataFolder,
          tls,
          workers,
          nodeOptions,
        });
        systems.push(await openCluster(name, server.target, server, options, say));
      }
    }
    return systems;
  } catch (error) {
    await closeSystems(systems);
    throw error;
  }
}

/** Ends all of them. */
export async function closeSystems(systems: readonly System[]): Promise<void> {
  for (const system of systems) await system.close();
}

async function openCluster(
  name: string,
  target: ServerTarget,
  server: ClusterServer | undefined,
  options: Options,
  say: (line: string) => void,
): Promise<System> {
  try {
    const session = await Session.open({ options: { ...options, target }, say });
    return {
      name,
      session,
      groups: target.groups ?? [],
      close: async () => {
        await session.close();
        await server?.close();
      },
    };
  } catch (error) {
    await server?.close();
    throw error;
  }
}
