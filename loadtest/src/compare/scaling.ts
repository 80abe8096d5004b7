/**
 * `cluster scaling`: what a second worker and a second processor bring. A whole cluster is kept to one
 * processor with one worker of each role, and then to two with two, the load generator with it each
 * time, so that nobody has a processor that the other case lacks.
 */
import { idleMicrosPerSecond } from './compare.ts';
import { median } from '../measure.ts';
import { LoadError } from '../load-error.ts';
import type { Options } from '../options.ts';
import type { Output } from '../run-output.ts';
import type { Figures, Scenario } from '../scenario.ts';
import { SCENARIOS } from '../scenarios/index.ts';
import { ClusterServer } from '../server/cluster-server.ts';
import { allowedCores } from '../server/cores.ts';
import type { Phase } from '../server/server-watch.ts';
import { Session } from '../session.ts';

/** Workers of each role, and processors for all of it. */
export const SCALING_SIZES = [1, 2] as const;

/** One run of ingest on a cluster kept to some processors. */
export interface ScalingRun {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Processor time for each record, by kind of process, what was put off included. */
  readonly microsBy: Readonly<Record<string, number>>;
  readonly generatorMicros: number;
  /** Processor time that the cluster uses in a second with nothing to do. */
  readonly idleMicrosPerSecond: number;
  /** Of the processors, how many were in use while records came in: by whom, or not at all. */
  readonly coresBy: Readonly<Record<CoreUser, number>>;
}

/** Who may use a processor. */
export type CoreUser = 'cluster' | 'generator' | 'others' | 'idle';

/** The runs of one size. */
export interface ScalingCase {
  readonly size: number;
  readonly runs: readonly ScalingRun[];
  /** The median of each figure. */
  readonly figures: ScalingRun;
}

/** Runs all sizes in turns. @throws LoadError where a cluster does not start or fails */
export async function measureScaling(options: Options, output: Output): Promise<ScalingCase[]> {
  const cores = allowedCores();
  const most = Math.max(...SCALING_SIZES);
  if (cores.length < most) {
    throw new LoadError(`scaling needs ${most} processors, and there is ${cores.length}`);
  }
  const scenario = SCENARIOS.find(({ name }) => name === 'ingest')!;
  const runs = new Map<number, ScalingRun[]>(SCALING_SIZES.map((size) => [size, []]));
  for (let run = 1; run <= options.runs; run++) {
    // What the machine does besides changes with time: each size comes first in turns.
    for (const size of run % 2 === 1 ? SCALING_SIZES : SCALING_SIZES.toReversed()) {
      output.say(
        `run ${run} of ${options.runs}: ${size} of each role, on ${size} of the processors`,
      );
      runs.get(size)!.push(await runOnce(options, scenario, size, cores.slice(0, size), output));
    }
  }
  return [...runs].map(([size, each]) => ({ size, runs: each, figures: medianRun(each) }));
}

async function runOnce(
  options: Options,
  scenario: Scenario,
  workers: number,
  cores: readonly number[],
  output: Output,
): Promise<ScalingRun> {
  const { tls, dataFolder: parentFolder } = options;
  const server = await ClusterServer.start({ parentFolder, tls, workers, cores });
  try {
    const session = await Session.open({
      options: { ...options, target: server.target },
      cores,
      say: (line) => output.say(line),
    });
    try {
      // On an empty store: filling it on one processor takes longer than measuring.
      const figures = await session.run({ server: 'new', run: (context) => scenario.run(context) });
      const run = scalingRun(figures, session.phases.at(-1)!, cores);
      return { ...run, idleMicrosPerSecond: await idleMicrosPerSecond(session) };
    } finally {
      await session.close();
    }
  } finally {
    await server.close();
  }
}

/** What a run on some processors says. */
export function scalingRun(
  figures: Figures,
  phase: Phase,
  cores: readonly number[],
): Omit<ScalingRun, 'idleMicrosPerSecond'> {
  const { operations, perSecond = 0, p50Ms = 0, generatorCpuMicrosEach = 0 } = figures;
  const { startMicros, endMicros, threadMicros, groupMicros } = phase;
  const elapsed = endMicros - startMicros;
  const sum = (values: Iterable<number>): number =>
    [...values].reduce((all, each) => all + each, 0);
  const busy = sum(cores.map((core) => phase.cores.get(core)?.busyMicros ?? 0)) / elapsed;
  const cluster = sum(threadMicros.values()) / elapsed;
  const generator = (generatorCpuMicrosEach * operations) / elapsed;
  const idle = sum(cores.map((core) => phase.cores.get(core)?.idleMicros ?? 0)) / elapsed;
  const microsBy = [...groupMicros].map(([name, micros]) => [name, micros / operations]);
  return {
    perSecond,
    p50Ms,
    microsBy: Object.fromEntries(microsBy) as Record<string, number>,
    generatorMicros: generatorCpuMicrosEach,
    coresBy: { cluster, generator, others: Math.max(0, busy - cluster - generator), idle },
  };
}

function medianRun(runs: readonly ScalingRun[]): ScalingRun {
  const middle = (of: (run: ScalingRun) => number): number => median(runs.map(of));
  const names = Object.keys(runs[0]!.microsBy);
  return {
    perSecond: middle(({ perSecond }) => perSecond),
    p50Ms: middle(({ p50Ms }) => p50Ms),
    microsBy: Object.fromEntries(
      names.map((name) => [name, middle(({ microsBy }) => microsBy[name]!)]),
    ),
    generatorMicros: middle(({ generatorMicros }) => generatorMicros),
    idleMicrosPerSecond: middle((run) => run.idleMicrosPerSecond),
    coresBy: {
      cluster: middle(({ coresBy }) => coresBy.cluster),
      generator: middle(({ coresBy }) => coresBy.generator),
      others: middle(({ coresBy }) => coresBy.others),
      idle: middle(({ coresBy }) => coresBy.idle),
    },
  };
}
