/**
 * `cluster profile SCENARIO`: a scenario on the embedded server and on a cluster, both under Node's
 * profiler, and a table of where the time goes, by kind of process and by part.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeSystems, openSystems, type System } from '../compare/system.ts';
import type { Options } from '../options.ts';
import { alignRows, formatNumber } from '../report/table.ts';
import type { Output } from '../run-output.ts';
import type { ProcessGroup } from '../server/server-watch.ts';
import { type MainThread, partsOf, type Parts } from './components.ts';
import { type FunctionTime, parseProfile, selfTimes } from './cpu-profile.ts';
import { profilerOptions } from './profile-scenario.ts';

/** Parts below this many microseconds an operation everywhere are put together. */
const SHOWN_MICROS = 0.5;
const FUNCTIONS_SHOWN = 12;

/** A kind of process, and what each part of it took for an operation. */
export interface ProfiledGroup {
  readonly name: string;
  readonly parts: Parts;
}

/** Runs the scenario once on both and writes the table. */
export async function profileCluster(options: Options, output: Output): Promise<void> {
  const scenario = options.scenarios[0]!;
  mkdirSync(options.cacheFolder, { recursive: true });
  const folder = mkdtempSync(join(options.cacheFolder, 'profile-'));
  const say = (line: string): void => output.say(line);
  const systems = await openSystems(options, say, profilerOptions(folder));
  const operations = new Map<System, number>();
  try {
    for (const system of systems) {
      say(`${scenario.name}, under the profiler: ${system.name}`);
      const figures = await system.session.run(scenario);
      operations.set(system, figures.operations);
      const perSecond = formatNumber(figures.perSecond);
      const each = formatNumber(figures.cpuMicrosEach);
      output.write(`${system.name}: ${perSecond}/s, ${each} µs each, profiler included`);
    }
  } finally {
    // The profiler writes when a process ends.
    await closeSystems(systems);
  }
  const groups: ProfiledGroup[] = [];
  for (const { session, groups: kinds, ...system } of systems) {
    const phase = session.phases.at(-1)!;
    const count = operations.get(systems.find(({ name }) => name === system.name)!)!;
    const profiles = mainThreads(folder, [phase]);
    for (const kind of kinds) {
      const parts = [...partsOf(kind, phase, profiles)];
      groups.push({
        name: kind.name,
        parts: new Map(parts.map(([part, micros]) => [part, micros / count])),
      });
      writeFunctions(kind, profiles, phase.threadMicros, count, output);
    }
  }
  output.write('');
  output.write(`Processor time, in µs for each ${scenario.unit}:`);
  for (const line of renderParts(groups)) output.write(line);
  output.write(`\nThe profiles, for a viewer such as Chrome's: ${folder}`);
}

/** The table: a line for each part, the embedded server first, what a cluster takes more last. */
export function renderParts([embedded, ...cluster]: readonly ProfiledGroup[]): string[] {
  const groups = [embedded!, ...cluster];
  const names = [...new Set(groups.flatMap(({ parts }) => [...parts.keys()]))];
  const isShown = (name: string): boolean =>
    groups.some(({ parts }) => (parts.get(name) ?? 0) >= SHOWN_MICROS);
  const rowOf = (title: string, some: readonly string[]): { more: number; cells: string[] } => {
    const sums = groups.map(({ parts }) =>
      some.reduce((sum, name) => sum + (parts.get(name) ?? 0), 0),
    );
    const together = sums.slice(1).reduce((sum, each) => sum + each, 0);
    const more = together - sums[0]!;
    const cells = [sums[0]!, together, more, ...sums.slice(1)].map((each) =>
      Math.abs(each) < 0.005 ? '' : formatNumber(each),
    );
    return { more, cells: [title, ...cells] };
  };
  const rows = names.filter(isShown).map((name) => rowOf(name, [name]));
  rows.sort((a, b) => b.more - a.more);
  const rest = names.filter((name) => !isShown(name));
  if (rest.length > 0) rows.push(rowOf('the rest', rest));
  rows.push(rowOf('all', names));
  const head = ['', 'embedded', 'cluster', 'more', ...cluster.map(({ name }) => name)];
  return alignRows([head, ...rows.map(({ cells }) => cells)], [0]);
}

function mainThreads(
  folder: string,
  windows: readonly { readonly startMicros: number; readonly endMicros: number }[],
): MainThread[] {
  return readdirSync(folder)
    .map((file) => ({ file, words: file.split('.') }))
    .filter(({ words }) => words.at(-3) === '0')
    .map(({ file, words }) => ({
      // CPU.<date>.<time>.<pid>.<thread>.<number>.cpuprofile; thread 0 is the main one.
      pid: Number(words.at(-4)),
      times: selfTimes(parseProfile(readFileSync(join(folder, file), 'utf8')), windows),
    }));
}

function writeFunctions(
  { name, pids }: ProcessGroup,
  profiles: readonly MainThread[],
  threadMicros: ReadonlyMap<number, number>,
  operations: number,
  output: Output,
): void {
  for (const { pid, times } of profiles) {
    if (!pids.includes(pid)) continue;
    const busy = times.filter((each: FunctionTime) => each.name !== '(idle)');
    const sampled = busy.reduce((sum, { selfMicros }) => sum + selfMicros, 0);
    const micros = (threadMicros.get(pid) ?? 0) / operations;
    if (micros < SHOWN_MICROS) continue;
    output.write(`\n${name}, main thread: ${formatNumber(micros)} µs each, of which`);
    for (const { name: what, place, selfMicros } of busy.slice(0, FUNCTIONS_SHOWN)) {
      const each = formatNumber((micros * selfMicros) / sampled).padStart(8);
      output.write(`${each}  ${what}  ${place}`.trimEnd());
    }
  }
}
