/** What can be written on the command line, and what it means. */
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UsageError } from './load-error.ts';
import { parseServerAddress } from './generator/server-address.ts';
import { SCENARIOS } from './scenarios/index.ts';
import type { Scenario } from './scenario.ts';
import type { ListenerName } from './server/embedded-server.ts';
import type { ProcessGroup } from './server/server-watch.ts';

/** What to do. */
export type Action =
  | 'help'
  | 'list'
  | 'measure'
  | 'cluster'
  | 'scaling'
  | 'cluster-profile'
  | 'limits'
  | 'profile'
  | 'soak';

/** A server that runs already. */
export interface ServerTarget {
  readonly url: string;
  /** Of a cluster, where its gateways take client certificates. */
  readonly mtlsUrls?: readonly string[];
  /** Its processes; none: processor time and memory stay unknown. */
  readonly pids: readonly number[];
  /** Whether processes that these started count as well. */
  readonly withChildren: boolean;
  /** Those whose cost is wanted apart. */
  readonly groups?: readonly ProcessGroup[];
}

/** A checked command line. */
export interface Options {
  readonly action: Action;
  readonly scenarios: readonly Scenario[];
  /** Absent: the embedded server is started. */
  readonly target: ServerTarget | undefined;
  readonly listener: ListenerName;
  readonly tls: boolean;
  /** What the scenarios' numbers are multiplied with. */
  readonly scale: number;
  readonly runs: number;
  /** How long a soak goes on. */
  readonly minutes: number;
  /** Workers of each role, for each cluster to compare. */
  readonly workers: readonly number[];
  /** A file with the ready line of a cluster that runs; absent: clusters are started. */
  readonly readyFile: string | undefined;
  readonly seed: number;
  readonly storeRecords: number;
  readonly cacheFolder: string;
  readonly dataFolder: string;
  readonly jsonFile: string | undefined;
}

/** What is compared unless scenarios are named; and what cannot be. */
const COMPARED: readonly string[] = ['query-author', 'query-ids-10', 'ingest', 'fan-out'];
const COMPARED_BY_LIMITS: readonly string[] = ['ingest', 'ingest-one', 'query-author'];
const NOT_COMPARED: ReadonlySet<string> = new Set(['selective', 'idle']);
/** What starts clusters of a size of its own. */
const SIZED: ReadonlySet<Action> = new Set(['scaling', 'cluster-profile']);
const PROFILES: ReadonlySet<Action> = new Set(['profile', 'cluster-profile']);
const ON_CLUSTERS: ReadonlySet<Action> = new Set(['cluster', 'scaling', 'cluster-profile']);
const WORKERS_MAX = 16;
const RUNS = 3;
const MINUTES = 60;
const MINUTES_MAX = 100_000;
const SCALE_QUICK = 0.2;
const RUNS_MAX = 100;
const STORE_RECORDS = 50_000;
const STORE_RECORDS_QUICK = 10_000;
const STORE_RECORDS_MIN = 1_000;
const STORE_RECORDS_MAX = 5_000_000;
const SEED_MAX = 2 ** 31 - 1;
const CACHE_FOLDER = fileURLToPath(new URL('../../.cache/loadtest', import.meta.url));

/** The text of --help. */
export const HELP: string = `Loads a Mosaic server and says what each operation takes.

  npm run loadtest -- all                  every scenario, on servers started for it
  npm run loadtest -- SCENARIO…            some of them
  npm run loadtest -- SCENARIO… --url URL --pid PID     on a server that runs
  npm run loadtest -- cluster [SCENARIO…]  a cluster beside the embedded server, by process
  npm run loadtest -- cluster profile SCENARIO   where the time that a cluster takes more goes
  npm run loadtest -- cluster scaling      two workers on two cores beside one on one
  npm run loadtest -- profile SCENARIO     where the embedded server spends its time
  npm run loadtest -- limits [SCENARIO…]   what limits cost those who keep within them
  npm run loadtest -- soak                 an hour of everything at once: does memory stay flat?
  npm run loadtest -- list                 the scenarios

  --url URL        ws://, wss:// or mosaicwss://HOST:PORT of a server; its limits should be off
  --pid PID,…      the server's processes, for processor time and memory
  --children       processes that those started count as well
  --runs N         runs of each scenario, of which the median is shown (default ${RUNS}; quick: 1)
  --minutes N      how long a soak goes on (default ${MINUTES})
  --quick          smaller numbers: for a look, not for a decision
  --json FILE      writes every run's figures as JSON
  --seed N         other records and other keys, for a server that has those of seed 1 (default 1)
  --store N        records in the store for the scenarios that want one (default ${STORE_RECORDS})
  --cache DIR      where signed records are kept (default .cache/loadtest)

For a cluster:
  --workers N,…    workers of each role; a cluster for each number (default 1)
  --ready FILE     takes the cluster that runs instead: what "npm run cluster -- --json" writes

Without --url:
  --tls            the same over TLS
  --listener NAME  uws (default) or mtls, which always speaks TLS
  --data-dir DIR   where servers get their data folders: the disk to measure (default: in the cache)

What the columns mean: loadtest/README.md
`;

const GRAMMAR = {
  url: { type: 'string' },
  pid: { type: 'string', multiple: true },
  children: { type: 'boolean', default: false },
  runs: { type: 'string' },
  minutes: { type: 'string' },
  workers: { type: 'string' },
  ready: { type: 'string' },
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
  seed: { type: 'string', default: '1' },
  store: { type: 'string' },
  cache: { type: 'string' },
  tls: { type: 'boolean', default: false },
  listener: { type: 'string', default: 'uws' },
  'data-dir': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/**
 * Reads a command line.
 *
 * @param folder what relative paths are relative to
 * @throws UsageError naming what is wrong with it
 */
export function parseOptions(args: readonly string[], folder: string): Options {
  const { values, positionals } = parse(args);
  const action = actionOf(positionals, values.help);
  const isQuick = values.quick;
  const tls = values.tls || values.listener === 'mtls';
  const cacheFolder = inFolder(folder, values.cache) ?? CACHE_FOLDER;
  const storeDefault = isQuick ? STORE_RECORDS_QUICK : STORE_RECORDS;
  const scenarios = scenariosFor(action, positionals);
  const target = targetOf(values);
  refuseMisplaced(action, values, scenarios);
  return {
    action,
    scenarios,
    target,
    listener: listenerOf(values.listener),
    tls,
    scale: isQuick ? SCALE_QUICK : 1,
    runs: PROFILES.has(action)
      ? 1
      : numberOf('--runs', values.runs, 1, RUNS_MAX, isQuick ? 1 : RUNS),
    minutes: numberOf('--minutes', values.minutes, 1, MINUTES_MAX, MINUTES),
    workers: workersOf(values.workers),
    readyFile: inFolder(folder, values.ready),
    seed: numberOf('--seed', values.seed, 0, SEED_MAX, 1),
    storeRecords: numberOf(
      '--store',
      values.store,
      STORE_RECORDS_MIN,
      STORE_RECORDS_MAX,
      storeDefault,
    ),
    cacheFolder,
    dataFolder: inFolder(folder, values['data-dir']) ?? cacheFolder,
    jsonFile: inFolder(folder, values.json),
  };
}

/** @throws UsageError for what does not go together */
function refuseMisplaced(
  action: Action,
  { url, minutes, workers, ready, listener }: CommandLine['values'],
  scenarios: readonly Scenario[],
): void {
  if (action === 'profile' && url !== undefined) {
    throw new UsageError('a profile is taken of a server started for it: leave --url out');
  }
  if (action === 'limits' && url !== undefined) {
    throw new UsageError('limits are compared on servers started for it: leave --url out');
  }
  if (PROFILES.has(action) && scenarios.length !== 1) {
    throw new UsageError('write which scenario to profile: profile SCENARIO');
  }
  if (action !== 'soak' && minutes !== undefined) {
    throw new UsageError('--minutes is for a soak; a scenario ends when its operations are done');
  }
  if (action !== 'cluster' && (workers !== undefined || ready !== undefined)) {
    throw new UsageError(
      SIZED.has(action)
        ? 'the cluster is one of its own and of a given size: leave --workers and --ready out'
        : '--workers and --ready are for a cluster: write cluster first',
    );
  }
  if (!ON_CLUSTERS.has(action)) return;
  if (url !== undefined) {
    throw new UsageError('a cluster is started here, or named by --ready FILE: leave --url out');
  }
  if (listener !== 'uws') {
    throw new UsageError('a cluster is compared by its uWS listener: leave --listener out');
  }
  if (workers !== undefined && ready !== undefined) {
    throw new UsageError('--workers is for clusters started here: leave it out with --ready');
  }
  const single = scenarios.find(({ name }) => NOT_COMPARED.has(name));
  if (single !== undefined) {
    throw new UsageError(
      `${single.name} is not compared with a cluster: it has no cost per operation`,
    );
  }
}

function workersOf(text = '1'): number[] {
  return text.split(',').map((each) => numberOf('--workers', each, 1, WORKERS_MAX, undefined));
}

interface CommandLine {
  readonly values: ReturnType<typeof parseArgs<{ options: typeof GRAMMAR }>>['values'];
  readonly positionals: readonly string[];
}

function parse(args: readonly string[]): CommandLine {
  try {
    return parseArgs({ args: [...args], options: GRAMMAR, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function actionOf([first, second]: readonly string[], isHelp: boolean): Action {
  if (isHelp || first === undefined || first === 'help') return 'help';
  if (first === 'cluster' && second === 'scaling') return 'scaling';
  if (first === 'cluster' && second === 'profile') return 'cluster-profile';
  const named = (['list', 'cluster', 'limits', 'profile', 'soak'] as const).find(
    (each) => each === first,
  );
  return named ?? 'measure';
}

function scenariosFor(action: Action, positionals: readonly string[]): Scenario[] {
  if (action === 'measure') return scenariosOf(positionals);
  if (action === 'cluster') {
    const names = positionals.slice(1);
    return scenariosOf(names.length === 0 ? COMPARED : names);
  }
  if (action === 'limits') {
    const names = positionals.slice(1);
    return scenariosOf(names.length === 0 ? COMPARED_BY_LIMITS : names);
  }
  if (action === 'profile') return scenariosOf(positionals.slice(1));
  if (action === 'cluster-profile') return scenariosOf(positionals.slice(2));
  if (action === 'scaling' && positionals.length > 2) {
    throw new UsageError(`scaling is of ingest: leave "${positionals.slice(2).join(' ')}" out`);
  }
  if (action === 'soak' && positionals.length > 1) {
    throw new UsageError(`a soak runs alone: leave "${positionals.slice(1).join(' ')}" out`);
  }
  return [];
}

function scenariosOf(names: readonly string[]): Scenario[] {
  if (names.includes('all')) return [...SCENARIOS];
  for (const name of names) {
    if (SCENARIOS.some((scenario) => scenario.name === name)) continue;
    const known = SCENARIOS.map((scenario) => scenario.name).join(', ');
    throw new UsageError(`there is no scenario "${name}"; there are: all, ${known}`);
  }
  return SCENARIOS.filter(({ name }) => names.includes(name));
}

interface TargetValues {
  readonly url?: string | undefined;
  readonly pid?: readonly string[] | undefined;
  readonly children: boolean;
  readonly tls: boolean;
  readonly listener: string;
}

function targetOf(values: TargetValues): ServerTarget | undefined {
  const { url, pid: given = [] } = values;
  const pids = given
    .flatMap((each) => each.split(','))
    .map((each) => numberOf('--pid', each, 1, 2 ** 22, undefined));
  if (url === undefined) {
    if (pids.length > 0) throw new UsageError('--pid belongs to a server: add its --url');
    return undefined;
  }
  if (values.tls || values.listener !== 'uws') {
    throw new UsageError('--tls and --listener are for servers started here: --url says it all');
  }
  parseServerAddress(url);
  return { url, pids, withChildren: values.children };
}

function listenerOf(name: string): ListenerName {
  if (name === 'uws' || name === 'mtls') return name;
  throw new UsageError(`--listener ${name}: there are uws and mtls`);
}

function numberOf(
  option: string,
  text: string | undefined,
  min: number,
  max: number,
  otherwise: number | undefined,
): number {
  if (text === undefined && otherwise !== undefined) return otherwise;
  const value = Number(text);
  if (text !== undefined && /^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`${option} ${text ?? ''}: write a whole number from ${min} to ${max}`);
}

function inFolder(folder: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  return isAbsolute(path) ? path : resolve(folder, path);
}
