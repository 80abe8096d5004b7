/**
 * The frame of a service's process: its settings, its log, its health port from the first moment
 * on, patience with what it depends on, and the line that says that it serves.
 */
import {
  ConfigError,
  type ConfigOf,
  createLogger,
  formatHostPort,
  instanceName,
  type Lifecycle,
  Metrics,
  openTracing,
  Readiness,
  renderSettingsHelp,
  run,
  type SettingsTable,
  SlowLog,
  startHealthServer,
  type Tracer,
} from '@mosaic-cluster/runtime';
import { withPatience } from './patience.ts';
import type { processSettings } from './process-settings.ts';
import { defineServingMetrics } from './serving-metrics.ts';
import { VERSION } from './version.ts';

/** What a service's parts get from its frame. */
export interface Service {
  /** Such as `outbox`. */
  readonly name: string;
  readonly version: string;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** What this process is called beside others of its service. */
  readonly instance: string;
  readonly tracer: Tracer;
  /** Told of operations that take long. */
  readonly slow: SlowLog;
  /**
   * Opens what the process depends on, as often as it takes within the start's time.
   *
   * @param what as an operator calls it: `NATS`
   */
  await<T>(what: string, open: () => Promise<T>): Promise<T>;
}

/** Settings that every service has. */
export type ServiceConfig = ConfigOf<typeof processSettings>;

/** What makes a service that service. */
export interface ServiceSpec<Config extends ServiceConfig> {
  /** Such as `outbox`. */
  readonly name: string;
  /** For `--help`: what it does, a sentence. */
  readonly about: string;
  readonly settings: SettingsTable;
  /** Reads the settings. @throws ConfigError naming every wrong one */
  readonly readConfig: () => Config;
  /**
   * Starts it; resolves when it serves, with what the ready line says besides. Whatever it opens
   * goes to the lifecycle.
   */
  readonly start: (config: Config, service: Service) => Promise<Readonly<Record<string, unknown>>>;
}

const CHECK_TIMEOUT_MS = 2000;

/** Runs a service as the process that it is. Only main files call it. */
export async function runService<Config extends ServiceConfig>(
  spec: ServiceSpec<Config>,
): Promise<void> {
  const [argument] = process.argv.slice(2);
  if (argument === '--help' || argument === '-h') process.stdout.write(helpOf(spec));
  else if (argument === '--version') process.stdout.write(`mosaic-${spec.name} ${VERSION}\n`);
  else await run((lifecycle) => serve(spec, argument, lifecycle));
}

async function serve<Config extends ServiceConfig>(
  spec: ServiceSpec<Config>,
  argument: string | undefined,
  lifecycle: Lifecycle,
): Promise<void> {
  const { name } = spec;
  if (argument !== undefined) {
    throw new ConfigError([
      `mosaic-${name} takes no arguments but --help and --version: settings come from the environment.`,
    ]);
  }
  const config = spec.readConfig();
  lifecycle.log = createLogger({ service: name, level: config.logLevel, format: config.log });
  lifecycle.log.info(`${name} ${VERSION} starts`, { pid: process.pid, node: process.version });
  const { service, health } = await openFrame(name, config, lifecycle);
  const facts = await spec.start(config, service);
  lifecycle.add('readiness', { close: () => service.readiness.setState('draining') });
  service.readiness.setState('serving');
  announce(config, { service: name, version: VERSION, pid: process.pid, health, ...facts });
}

async function openFrame(
  name: string,
  config: ServiceConfig,
  lifecycle: Lifecycle,
): Promise<{ service: Service; health: string }> {
  const { log } = lifecycle;
  const metrics = new Metrics({
    service: name,
    version: VERSION,
    hasExemplars: config.traces !== 'off',
  });
  const readiness = new Readiness({ checkTimeoutMs: CHECK_TIMEOUT_MS, log });
  const listen = config.healthListen;
  const server = await startHealthServer({ listen, readiness, metrics, log });
  lifecycle.add('health server', server);
  defineServingMetrics(metrics, readiness);
  const health = `http://${formatHostPort(server.address)}`;
  log.debug(`health at ${health}/readyz`);
  const instance = instanceName();
  const traced = { service: name, version: VERSION, instance };
  const service: Service = {
    name,
    version: VERSION,
    instance,
    tracer: await openTracing(config, traced, metrics, lifecycle),
    slow: new SlowLog({ log, afterMs: config.slowAfter }),
    lifecycle,
    metrics,
    readiness,
    await: (what, open) =>
      withPatience(what, open, {
        timeoutMs: config.startTimeout,
        signal: lifecycle.signal,
        log,
        waits: (waited, reason) => readiness.startWaits(waited, reason),
      }),
  };
  return { service, health };
}

/** For programs a line of JSON with `event`; for people the log says it. */
function announce(config: ServiceConfig, facts: Readonly<Record<string, unknown>>): void {
  if (process.stdout.isTTY && config.log !== 'json') {
    const shown = Object.entries(facts).filter(([, value]) => typeof value === 'string');
    const width = Math.max(...shown.map(([name]) => name.length));
    for (const [name, value] of shown) {
      process.stdout.write(`  ${name.padEnd(width)}  ${String(value)}\n`);
    }
    return;
  }
  process.stdout.write(`${JSON.stringify({ event: 'ready', ...facts })}\n`);
}

type Described = Pick<ServiceSpec<ServiceConfig>, 'name' | 'about' | 'settings'>;

function helpOf({ name, about, settings }: Described): string {
  return `mosaic-${name}: ${about}

Usage: npm run -s service -- ${name}            serves until Ctrl-C or SIGTERM
       npm run -s service -- ${name} --help     this text
       npm run -s service -- ${name} --version  its version

${renderSettingsHelp(settings)}`;
}
