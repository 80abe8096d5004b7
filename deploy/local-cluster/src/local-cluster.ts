/**
 * A whole cluster on one machine: real servers on loopback, gateways, and workers of each role, each
 * a process of its own. What `npm run cluster` runs, and what tests of the whole run against.
 */
import type { TestCertificate } from '@mosaic-cluster/test-servers';
import { ClusterFolder } from './data-folder.ts';
import type { Report } from './report.ts';
import { BUCKET, type Servers, type Started, startServers } from './servers.ts';
import { type ReadyFacts, ServiceProcess, type ServiceSpec } from './service-process.ts';

/** What to start. */
export interface LocalClusterOptions {
  /** Where everything is kept. */
  readonly dataDir: string;
  /** 2 by default. */
  readonly gateways?: number;
  /** Of each role: 2 by default. */
  readonly workers?: number;
  /** Settings of the gateways and of the workers, besides those that tie them together. */
  readonly gatewaySettings?: Readonly<Record<string, string>>;
  readonly workerSettings?: Readonly<Record<string, string>>;
  /** Settings that only the inbox has. */
  readonly inboxSettings?: Readonly<Record<string, string>>;
  /** Has NATS take encrypted connections alone, with this certificate, which the services are given as its CA. */
  readonly natsCertificate?: TestCertificate;
  /** Options of the Node of gateways and workers. */
  readonly nodeOptions?: readonly string[];
  /** Whether gateways take the usual ports where they are free, or any: then tests can run beside. */
  readonly usualPorts?: boolean;
  /** The built checkout whose services run: this one by default. */
  readonly checkout?: string;
  readonly report: Report;
  /** Ends the start. */
  readonly signal?: AbortSignal;
}

const ROLES = ['outbox', 'inbox', 'encryption'] as const;
const NATS_SERVERS = 2;
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 100;
const PROBE_TIMEOUT_MS = 5_000;
const MTLS_PORT = 8443;
const PORTS_APART = 10;

/** A cluster that serves. */
export class LocalCluster {
  readonly folder: ClusterFolder;
  readonly servers: Servers;
  readonly gateways: readonly ServiceProcess[];
  readonly workers: readonly ServiceProcess[];
  readonly #started: Started;
  #stopping: Promise<void> | undefined;

  /** Use {@link startLocalCluster}. */
  constructor(
    folder: ClusterFolder,
    servers: Servers,
    services: Pick<LocalCluster, 'gateways' | 'workers'>,
    started: Started,
  ) {
    this.folder = folder;
    this.servers = servers;
    this.gateways = services.gateways;
    this.workers = services.workers;
    this.#started = started;
  }

  /** Every process of the project's own, gateways first. */
  get processes(): readonly ServiceProcess[] {
    return [...this.gateways, ...this.workers];
  }

  /** How the gateways are reached, in their order. Those that are down at the moment are missing. */
  get urls(): readonly ReadyFacts[] {
    return this.gateways.flatMap(({ facts }) => facts ?? []);
  }

  /** Ends everything in order: gateways, workers, servers. */
  close(): Promise<void> {
    this.#stopping ??= stopAll(this.processes, this.#started);
    return this.#stopping;
  }
}

/**
 * Starts a cluster; resolves when every process says that it is ready.
 *
 * @throws Error with a sentence on what could not be started and why; then nothing is left running
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { report, signal } = options;
  const started: Started = [];
  const processes: ServiceProcess[] = [];
  try {
    const folder = await ClusterFolder.open(options.dataDir);
    const { natsCertificate } = options;
    const servers = await startServers({
      folder,
      natsServers: NATS_SERVERS,
      natsCertificate,
      started,
      report,
    });
    signal?.throwIfAborted();
    const gatewaySpecs = await specsOfGateways(options, folder, servers);
    const workerSpecs = await specsOfWorkers(options, folder, servers);
    await folder.save();
    const { nodeOptions = [] } = options;
    const processOf = (spec: ServiceSpec): ServiceProcess =>
      new ServiceProcess({ ...spec, nodeOptions }, report);
    const gateways = gatewaySpecs.map(processOf);
    const workers = workerSpecs.map(processOf);
    processes.push(...gateways, ...workers);
    await Promise.all(processes.map((each) => each.start()));
    await Promise.all(processes.map((each) => untilReady(each, signal)));
    return new LocalCluster(folder, servers, { gateways, workers }, started);
  } catch (error) {
    await stopAll(processes, started);
    throw error;
  }
}

/** Waits until a process's readiness probe says yes. */
export async function untilReady(
  service: ServiceProcess,
  signal?: AbortSignal,
  timeoutMs: number = READY_TIMEOUT_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let answer = 'it does not serve';
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const { facts } = service;
    if (facts !== undefined) {
      const probe = await readiness(facts.health);
      if (probe.isReady) return;
      answer = probe.answer;
    }
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  throw new Error(`${service.name} was not ready after ${timeoutMs / 1000} s: ${answer}`);
}

async function readiness(health: string): Promise<{ isReady: boolean; answer: string }> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const response = await fetch(`${health}/readyz`, { signal });
    return { isReady: response.ok, answer: (await response.text()).trim() };
  } catch (error) {
    return { isReady: false, answer: String(error) };
  }
}

async function specsOfGateways(
  options: LocalClusterOptions,
  folder: ClusterFolder,
  servers: Servers,
): Promise<ServiceSpec[]> {
  const specs: ServiceSpec[] = [];
  for (let i = 0; i < (options.gateways ?? 2); i++) {
    const name = `gateway-${i + 1}`;
    const wish = options.usualPorts === true ? MTLS_PORT + i * PORTS_APART : undefined;
    const mtls = await folder.port(`${name} mtls`, wish);
    const uws = await folder.port(`${name} uws`, wish === undefined ? undefined : wish + 1);
    const settings = {
      ...sharedSettings(i, servers, options),
      MOSAIC_HEALTH_LISTEN: await healthOf(name, folder),
      MOSAIC_SERVER_KEY_FILE: folder.serverKeyFile,
      MOSAIC_MTLS_LISTEN: `127.0.0.1:${mtls}`,
      MOSAIC_UWS_LISTEN: `127.0.0.1:${uws}`,
      ...options.gatewaySettings,
    };
    specs.push({ name, service: 'gateway', settings });
  }
  return specs;
}

/** The same after a restart: what watches a process finds it again, also before it serves. */
async function healthOf(name: string, folder: ClusterFolder): Promise<string> {
  return `127.0.0.1:${await folder.port(`${name} health`)}`;
}

async function specsOfWorkers(
  options: LocalClusterOptions,
  folder: ClusterFolder,
  servers: Servers,
): Promise<ServiceSpec[]> {
  const { s3 } = servers;
  const specs: ServiceSpec[] = [];
  for (const service of ROLES) {
    for (let i = 0; i < (options.workers ?? 2); i++) {
      const name = `${service}-${i + 1}`;
      const settings = {
        ...sharedSettings(i, servers, options),
        MOSAIC_HEALTH_LISTEN: await healthOf(name, folder),
        MOSAIC_S3_ENDPOINT: s3.url,
        MOSAIC_S3_BUCKET: BUCKET,
        MOSAIC_S3_REGION: s3.region,
        MOSAIC_S3_ACCESS_KEY_ID: folder.s3.accessKeyId,
        MOSAIC_S3_SECRET_ACCESS_KEY: folder.s3.secretAccessKey,
        ...options.workerSettings,
        ...(service === 'inbox' ? options.inboxSettings : {}),
      };
      specs.push({ name, service, settings });
    }
  }
  return specs;
}

/** Each process begins at one NATS server; it learns of the others there. */
function sharedSettings(
  place: number,
  { nats, redis }: Servers,
  { natsCertificate }: LocalClusterOptions,
): Record<string, string> {
  return {
    MOSAIC_LOG: 'json',
    MOSAIC_NATS_URLS: nats[place % nats.length]!.url,
    ...(natsCertificate && { MOSAIC_NATS_TLS_CA: natsCertificate.certificate }),
    MOSAIC_REDIS_MODE: 'cluster',
    MOSAIC_REDIS_URLS: redis.urls.join(','),
  };
}

async function stopAll(processes: readonly ServiceProcess[], started: Started): Promise<void> {
  const isGateway = (each: ServiceProcess): boolean => each.spec.service === 'gateway';
  await Promise.all(processes.filter((each) => isGateway(each)).map((each) => each.stop()));
  await Promise.all(processes.filter((each) => !isGateway(each)).map((each) => each.stop()));
  await Promise.all(started.map((stop) => stop()));
}
