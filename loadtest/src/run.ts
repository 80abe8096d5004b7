/** The command as a whole: from its arguments to its exit code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { compareAll } from './compare/compare.ts';
import { measureScaling } from './compare/scaling.ts';
import { renderScaling } from './compare/scaling-report.ts';
import { comparisonJson, renderComparison } from './compare/comparison-report.ts';
import { LoadError, UsageError } from './load-error.ts';
import { measureAll, type ScenarioResult } from './measure.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { profileCluster } from './profile/cluster-profile.ts';
import { profileScenario } from './profile/profile-scenario.ts';
import { compareLimits, renderLimits } from './compare/limits.ts';
import { describeMachine, isInMemory, type Machine } from './report/machine.ts';
import { formatNumber, renderTable } from './report/table.ts';
import { judge } from './report/yardsticks.ts';
import type { Output } from './run-output.ts';
import { renderSoak, soakJson } from './soak/soak-report.ts';
import { runSoak } from './soak/soak.ts';
import { SCENARIOS } from './scenarios/index.ts';

/** 0: measured. 1: a scenario failed. 2: the command line is wrong. Aims do not count. */
export type ExitCode = 0 | 1 | 2;

/** Runs the command. */
export async function run(args: readonly string[], output: Output): Promise<ExitCode> {
  try {
    return await act(parseOptions(args, process.cwd()), output);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    output.say(`error: ${error.message}`);
    if (!(error instanceof UsageError)) return 1;
    output.say('npm run loadtest -- --help tells what can be written.');
    return 2;
  }
}

async function act(options: Options, output: Output): Promise<ExitCode> {
  if (options.action === 'help') {
    output.write(HELP);
    return 0;
  }
  if (options.action === 'list') {
    for (const { name, title } of SCENARIOS) output.write(`${name.padEnd(18)}${title}`);
    return 0;
  }
  mkdirSync(options.dataFolder, { recursive: true });
  if (options.action === 'profile') {
    await profileScenario(options, output);
    return 0;
  }
  if (options.action === 'cluster-profile') {
    await profileCluster(options, output);
    return 0;
  }
  if (options.action === 'soak') return soak(options, output);
  const machine = await describeMachine();
  if (options.action === 'scaling') {
    const cases = await measureScaling(options, output);
    for (const line of [machineLine(machine), '', ...renderScaling(cases)]) output.write(line);
    if (options.jsonFile !== undefined) {
      const json = { date: new Date().toISOString(), machine, scale: options.scale, cases };
      writeFileSync(options.jsonFile, `${JSON.stringify(json, null, 2)}\n`);
    }
    return 0;
  }
  if (options.action === 'limits') {
    const comparisons = await compareLimits(options, output);
    for (const line of [...headOf(options, machine), ...renderLimits(comparisons)]) {
      output.write(line);
    }
    return 0;
  }
  if (options.action === 'cluster') {
    await compareWithCluster(options, machine, output);
    return 0;
  }
  for (const line of headOf(options, machine)) output.write(line);
  const results = await measureAll(options, output);
  for (const line of renderTable(results, machine.signatureCheckMicros)) output.write(line);
  if (options.jsonFile !== undefined) {
    const json = JSON.stringify(reportOf(options, machine, results), null, 2);
    writeFileSync(options.jsonFile, `${json}\n`);
  }
  const failed = results.filter(({ error }) => error !== undefined);
  for (const { scenario, error } of failed) output.say(`${scenario.name} failed: ${error}`);
  return failed.length === 0 ? 0 : 1;
}

async function compareWithCluster(
  options: Options,
  machine: Machine,
  output: Output,
): Promise<void> {
  for (const line of headOf(options, machine)) output.write(line);
  const result = await compareAll(options, output);
  for (const line of renderComparison(result)) output.write(line);
  if (options.jsonFile === undefined) return;
  const { scale, storeRecords, runs } = options;
  const head = { date: new Date().toISOString(), machine, scale, storeRecords, runs };
  const json = JSON.stringify({ ...head, ...comparisonJson(result) }, null, 2);
  writeFileSync(options.jsonFile, `${json}\n`);
}

async function soak(options: Options, output: Output): Promise<ExitCode> {
  const result = await runSoak(options, output);
  for (const line of renderSoak(result)) output.write(line);
  if (options.jsonFile !== undefined) {
    writeFileSync(options.jsonFile, `${JSON.stringify(soakJson(result), null, 2)}\n`);
  }
  return result.memory.every(({ verdict }) => verdict !== 'grows') ? 0 : 1;
}

function machineLine({ cpu, cores, node, signatureCheckMicros }: Machine): string {
  return (
    `${cpu}, ${cores} cores; Node ${node}; a signature check takes ` +
    `${formatNumber(signatureCheckMicros)} µs of processor time.`
  );
}

function headOf(options: Options, machine: Machine): string[] {
  const { target, tls, listener, runs, storeRecords } = options;
  const server =
    options.action === 'cluster'
      ? `the embedded one and a cluster in turns, uws listener, ${tls ? 'TLS' : 'no TLS'}`
      : target === undefined
        ? `the embedded server, ${listener} listener, ${tls ? 'TLS' : 'no TLS'}`
        : target.url;
  const lines = [
    machineLine(machine),
    `Server: ${server}; store of ${storeRecords} records; ` +
      (runs === 1 ? 'one run.' : `medians of ${runs} runs.`),
  ];
  if (target === undefined && isInMemory(options.dataFolder)) {
    lines.push('The data folder is in memory: ingest is not durable here. Use --data-dir.');
  }
  if (target !== undefined && target.pids.length === 0) {
    lines.push('Without --pid the processor time and memory of the server are not known.');
  }
  return [...lines, ''];
}

function reportOf(
  options: Options,
  machine: Machine,
  results: readonly ScenarioResult[],
): Readonly<Record<string, unknown>> {
  const { target, listener, tls, scale, seed, storeRecords } = options;
  return {
    date: new Date().toISOString(),
    machine,
    server: target ?? { embedded: true, listener, tls },
    scale,
    seed,
    storeRecords,
    scenarios: results.map(({ scenario, figures, runs, error }) => ({
      name: scenario.name,
      title: scenario.title,
      unit: scenario.unit,
      figures,
      runs,
      aims: judge(scenario.name, figures, machine.signatureCheckMicros),
      error,
    })),
  };
}
