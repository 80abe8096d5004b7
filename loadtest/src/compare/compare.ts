/**
 * Runs scenarios on several servers in turns, so that what else the machine does meets them all, and
 * takes the median of each figure, also of what each kind of process used.
 */
import { setTimeout } from 'node:timers/promises';
import { median, medianOf } from '../measure.ts';
import type { Options } from '../options.ts';
import type { Output } from '../run-output.ts';
import type { Figures, Scenario } from '../scenario.ts';
import type { Session } from '../session.ts';
import { closeSystems, openSystems, type System } from './system.ts';

/** What one server took for one scenario. */
export interface SystemFigures {
  readonly system: string;
  /** The median of each figure. */
  readonly figures: Figures;
  /** Processor time per operation, by kind of process; empty for the embedded server. */
  readonly cpuMicrosBy: Readonly<Record<string, number>>;
  readonly runs: readonly SystemRun[];
}

/** One run. */
export interface SystemRun {
  readonly figures: Figures;
  readonly cpuMicrosBy: Readonly<Record<string, number>>;
}

/** A scenario on all servers. */
export interface Comparison {
  readonly scenario: Scenario;
  /** The embedded server first. */
  readonly systems: readonly SystemFigures[];
}

/** What a server uses while nobody asks it anything. */
export interface Idling {
  readonly system: string;
  readonly cpuMicrosPerSecond: number;
}

/** Everything that was measured. */
export interface ComparisonResult {
  readonly comparisons: readonly Comparison[];
  readonly idling: readonly Idling[];
}

const IDLE_MS = 3_000;

/** Runs the comparison. @throws LoadError where a server does not start or fails a scenario */
export async function compareAll(options: Options, output: Output): Promise<ComparisonResult> {
  const systems = await openSystems(options, (line) => output.say(line));
  try {
    const comparisons: Comparison[] = [];
    for (const scenario of options.scenarios) {
      comparisons.push(await compareScenario(scenario, systems, options.runs, output));
    }
    const idling: Idling[] = [];
    for (const system of systems) idling.push(await idle(system));
    return { comparisons, idling };
  } finally {
    await closeSystems(systems);
  }
}

/** Runs one scenario on several servers in turns. @throws LoadError where one fails */
export async function compareScenario(
  scenario: Scenario,
  systems: readonly System[],
  runs: number,
  output: Output,
): Promise<Comparison> {
  const found = new Map<System, SystemRun[]>(systems.map((system) => [system, []]));
  for (let run = 1; run <= runs; run++) {
    // Who goes first pays for a cold cache, or profits from a warm one.
    for (const system of run % 2 === 1 ? systems : systems.toReversed()) {
      output.say(`${scenario.name}, run ${run} of ${runs}: ${system.name}`);
      found.get(system)!.push(await runOnce(scenario, system));
    }
  }
  return {
    scenario,
    systems: systems.map((system) => {
      const all = found.get(system)!;
      const names = Object.keys(all[0]!.cpuMicrosBy);
      const medians = names.map((name) => [
        name,
        median(all.map((each) => each.cpuMicrosBy[name]!)),
      ]);
      return {
        system: system.name,
        figures: medianOf(all.map(({ figures }) => figures)),
        cpuMicrosBy: Object.fromEntries(medians) as Record<string, number>,
        runs: all,
      };
    }),
  };
}

async function runOnce(scenario: Scenario, { session }: System): Promise<SystemRun> {
  const figures = await session.run(scenario);
  const by = [...(session.phases.at(-1)?.groupMicros ?? [])];
  const each = by.map(([name, micros]) => [name, micros / figures.operations]);
  return { figures, cpuMicrosBy: Object.fromEntries(each) as Record<string, number> };
}

async function idle({ name, session }: System): Promise<Idling> {
  return { system: name, cpuMicrosPerSecond: await idleMicrosPerSecond(session) };
}

/** Processor time that a server uses in a second in which nobody asks it anything. */
export function idleMicrosPerSecond(session: Session): Promise<number> {
  return session.run({
    server: 'new',
    run: async ({ watch }) => {
      await watch.quiet();
      const before = performance.now();
      const { cost } = await watch.measure(() => setTimeout(IDLE_MS));
      return ((cost.cpuMicros ?? 0) * 1_000) / (performance.now() - before);
    },
  });
}
