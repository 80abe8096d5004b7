/** Runs scenarios several times and takes the median of each figure. */
import type { Options } from './options.ts';
import type { Figures, Scenario } from './scenario.ts';
import { Session } from './session.ts';

/** What became of a scenario. */
export interface ScenarioResult {
  readonly scenario: Scenario;
  /** The median of each figure. */
  readonly figures: Figures | undefined;
  readonly runs: readonly Figures[];
  /** Why there are no figures, or not of all runs. */
  readonly error?: string;
}

/** Told what happens meanwhile. */
export interface Progress {
  say(line: string): void;
}

/**
 * Runs every scenario `options.runs` times. Scenarios that want a filled server share one; those
 * that want a new one get one for each run. A server that is wrong fails its scenario only.
 */
export async function measureAll(options: Options, progress: Progress): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  let shared: Session | undefined;
  const open = (): Promise<Session> => Session.open({ options, say: (line) => progress.say(line) });
  try {
    for (const scenario of options.scenarios) {
      const wantsOwn = scenario.server === 'new' && options.target === undefined;
      const runs: Figures[] = [];
      let error: string | undefined;
      for (let run = 1; run <= options.runs && error === undefined; run++) {
        progress.say(`${scenario.name}, run ${run} of ${options.runs}`);
        let session = wantsOwn ? undefined : shared;
        try {
          session ??= await open();
          if (!wantsOwn) shared = session;
          runs.push(await session.run(scenario));
        } catch (cause) {
          error = cause instanceof Error ? cause.message : String(cause);
          // Connections may be left in the middle of something; the next scenario starts anew.
          if (!wantsOwn) shared = undefined;
          await session?.close();
          session = undefined;
        }
        if (wantsOwn) await session?.close();
      }
      const figures = runs.length === 0 ? undefined : medianOf(runs);
      results.push({ scenario, figures, runs, ...(error !== undefined && { error }) });
    }
  } finally {
    await shared?.close();
  }
  return results;
}

/** The median of each figure; figures that a run lacks are left out. */
export function medianOf(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0]!) as (keyof Figures)[];
  const medians = names.map((name): [string, number] => {
    const values = runs.map((run) => run[name]).filter((value) => value !== undefined);
    return [name, median(values)];
  });
  return Object.fromEntries(medians) as unknown as Figures;
}

/** The middle one, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
