/** Starts the project's own cluster on new data, to be measured, and ends it again. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverEnvironment } from '../config.ts';
import { LoadError } from '../load-error.ts';
import type { ServerTarget } from '../options.ts';
import { onCores } from './cores.ts';
import { parseReadyLine, ServerChild } from './server-child.ts';
import type { ProcessGroup } from './server-watch.ts';

/** Three kinds of servers that may have to be installed first, and the processes. */
const START_TIMEOUT_MS = 300_000;

/** How to start a cluster. */
export interface ClusterServerOptions {
  /** Where its data folder is made; on the disk to be measured. */
  readonly parentFolder: string;
  readonly tls: boolean;
  /** Of each role. */
  readonly workers: number;
  /** 1 by default. */
  readonly gateways?: number;
  /** Further settings of the gateways, or undefined for those that are the gateways' own business. */
  readonly gatewaySettings?: Readonly<Record<string, string | undefined>>;
  /** Further settings of the workers. */
  readonly workerSettings?: Readonly<Record<string, string>>;
  /** Options for the Node of gateways and workers, such as those of its profiler. */
  readonly nodeOptions?: readonly string[];
  /** Processors that all of it has to do with; all of them by default. */
  readonly cores?: readonly number[];
}

/** A cluster that runs, as a server to be measured. */
export class ClusterServer {
  readonly target: ServerTarget;
  readonly #child: ServerChild;

  private constructor(child: ServerChild, target: ServerTarget) {
    this.#child = child;
    this.target = target;
  }

  /** The file that starts the cluster. */
  static get script(): string {
    return fileURLToPath(new URL('../../../deploy/local-cluster/dist/main.js', import.meta.url));
  }

  /** @throws LoadError where it does not come up */
  static async start(options: ClusterServerOptions): Promise<ClusterServer> {
    const { script } = ClusterServer;
    if (!existsSync(script)) throw new LoadError(`${script} is missing: run "npm run build"`);
    mkdirSync(options.parentFolder, { recursive: true });
    const folder = mkdtempSync(join(options.parentFolder, 'cluster-'));
    const args = ['--json', '--any-ports', '--data', folder, ...settingArguments(options)];
    for (const option of options.nodeOptions ?? []) args.push(`--node-option=${option}`);
    const [command, ...words] = onCores([process.execPath, script, ...args], options.cores);
    const started = spawn(command!, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: serverEnvironment({}),
    });
    const child = new ServerChild(started, folder);
    const ready = await child.ready(START_TIMEOUT_MS);
    try {
      return new ClusterServer(child, targetOf(ready));
    } catch (error) {
      await child.close();
      throw error;
    }
  }

  /** Ends all of it, and removes its data. */
  close(): Promise<void> {
    return this.#child.close();
  }
}

function settingArguments(options: ClusterServerOptions): string[] {
  const { tls, workers, gateways = 1, gatewaySettings, workerSettings } = options;
  const args = ['--gateways', `${gateways}`, '--workers', `${workers}`];
  const ofGateways = {
    MOSAIC_MTLS_LISTEN: 'off',
    MOSAIC_UWS_TLS: tls ? 'on' : 'off',
    ...(tls ? { MOSAIC_UWS_ENGINE: 'uws' } : {}),
    MOSAIC_LIMITS: 'off',
    ...gatewaySettings,
  };
  const ofWorkers = { MOSAIC_LIMITS: 'off', ...workerSettings };
  for (const [name, value] of Object.entries(ofGateways)) {
    if (value !== undefined) args.push('--gateway-setting', `${name}=${value}`);
  }
  for (const [name, value] of Object.entries(ofWorkers)) {
    args.push('--worker-setting', `${name}=${value}`);
  }
  return args;
}

/** The cluster whose ready line is in a file. @throws LoadError where there is none */
export function runningCluster(file: string): ServerTarget {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new LoadError(`${file} cannot be read`, { cause });
  }
  const ready = text
    .split('\n')
    .map(parseReadyLine)
    .findLast((line) => line !== undefined);
  if (ready === undefined) {
    throw new LoadError(`${file} has no ready line: write it with "npm run cluster -- --json"`);
  }
  return targetOf(ready);
}

interface Facts {
  readonly gateways?: readonly {
    readonly mtlsUrl?: string | null;
    readonly uwsUrl?: string | null;
  }[];
  readonly processes?: readonly { readonly service: string; readonly pid?: number }[];
  readonly servers?: {
    readonly nats: readonly { readonly pid: number }[];
    readonly redis: readonly { readonly pid: number }[];
    readonly s3: { readonly pid: number };
  };
}

/** Names of the groups, in the order of the tables. */
export const CLUSTER_GROUPS = [
  'gateway',
  'outbox',
  'inbox',
  'encryption',
  'NATS',
  'Redis',
  'S3',
] as const;

function targetOf(ready: object): ServerTarget {
  const { gateways = [], processes = [], servers } = ready as Facts;
  const url = gateways[0]?.uwsUrl;
  if (typeof url !== 'string' || servers === undefined) {
    throw new LoadError('the cluster did not say where its uWS listener and its servers are');
  }
  const groups = CLUSTER_GROUPS.map((name): ProcessGroup => {
    if (name === 'NATS') return { name, pids: servers.nats.map(({ pid }) => pid) };
    if (name === 'Redis') return { name, pids: servers.redis.map(({ pid }) => pid) };
    if (name === 'S3') return { name, pids: [servers.s3.pid] };
    const own = processes.filter(({ service }) => service === name);
    return { name, pids: own.flatMap(({ pid }) => pid ?? []) };
  });
  const mtlsUrls = gateways.flatMap(({ mtlsUrl }) => mtlsUrl ?? []);
  return { url, mtlsUrls, pids: groups.flatMap(({ pids }) => pids), withChildren: false, groups };
}
