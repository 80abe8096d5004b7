/** `profile SCENARIO`: a scenario under Node's profiler, and where the server's time went. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNumber } from '../report/table.ts';
import type { Options } from '../options.ts';
import type { Output } from '../run-output.ts';
import { Session } from '../session.ts';
import {
  byModule,
  type FunctionTime,
  parseProfile,
  selfTimes,
  type Window,
} from './cpu-profile.ts';

/** Between two samples; finer ones cost more than they show. */
const INTERVAL_MICROS = 400;
const FUNCTIONS_SHOWN = 30;
const MODULES_SHOWN = 14;
/** Threads that used less than this share of the time are left out. */
const SHARE_SHOWN = 0.005;

/** Runs the scenario once on a server under the profiler and writes what it shows. */
export async function profileScenario(options: Options, output: Output): Promise<void> {
  const [scenario] = options.scenarios;
  mkdirSync(options.cacheFolder, { recursive: true });
  const folder = mkdtempSync(join(options.cacheFolder, 'profile-'));
  const nodeOptions = profilerOptions(folder);
  const session = await Session.open({ options, nodeOptions, say: (line) => output.say(line) });
  try {
    output.say(`${scenario!.name}, under the profiler`);
    const figures = await session.run(scenario!);
    const perSecond = formatNumber(figures.perSecond);
    const cpu = formatNumber(figures.cpuMicrosEach);
    output.write(`${scenario!.title}: ${perSecond}/s, ${cpu} µs each, profiler included`);
    writeThreads(session, output);
  } finally {
    // The profiler writes when the server ends.
    await session.close();
  }
  const windows = session.phases;
  for (const file of readdirSync(folder).sort()) {
    const times = selfTimes(parseProfile(readFileSync(join(folder, file), 'utf8')), windows);
    writeTimes(file, times, windows, output);
  }
  output.write(`\nThe profiles, for a viewer such as Chrome's: ${folder}`);
}

/** Options that have Node write a profile of each of its threads to a folder when it ends. */
export function profilerOptions(folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_MICROS}`];
}

function writeThreads({ phases, pid }: Session, output: Output): void {
  const sums = new Map<number, number>();
  for (const { threadMicros } of phases) {
    for (const [id, micros] of threadMicros) sums.set(id, (sums.get(id) ?? 0) + micros);
  }
  const total = [...sums.values()].reduce((sum, micros) => sum + micros, 0);
  output.write(`\nProcessor time by thread, ${formatNumber(total / 1e6)} s in all`);
  for (const [id, micros] of [...sums].sort(([, a], [, b]) => b - a)) {
    if (micros < total * SHARE_SHOWN) continue;
    // Linux gives a process's first thread the number of the process.
    output.write(`${percent(micros, total)}  ${id === pid ? 'main thread' : `thread ${id}`}`);
  }
}

function writeTimes(
  file: string,
  times: readonly FunctionTime[],
  windows: readonly Window[],
  output: Output,
): void {
  const measured = windows.reduce((sum, each) => sum + each.endMicros - each.startMicros, 0);
  const busy = times.filter(({ name }) => name !== '(idle)');
  const total = busy.reduce((sum, { selfMicros }) => sum + selfMicros, 0);
  // CPU.<date>.<time>.<pid>.<thread>.<number>.cpuprofile; thread 0 is the main one.
  const thread = file.split('.').at(-3);
  output.write(`\nThread ${thread}: busy ${percent(total, measured).trim()} of the time measured`);
  if (total < measured * SHARE_SHOWN) return;
  for (const [module, micros] of byModule(busy).slice(0, MODULES_SHOWN)) {
    output.write(`${percent(micros, total)}  ${module}`);
  }
  output.write('  of which, by function:');
  for (const { name, place, selfMicros } of busy.slice(0, FUNCTIONS_SHOWN)) {
    output.write(`${percent(selfMicros, total)}  ${name}  ${place}`.trimEnd());
  }
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(whole, 1)).toFixed(1)} %`.padStart(9);
}
