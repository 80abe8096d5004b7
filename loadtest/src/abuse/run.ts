/** The command as a whole: from its arguments to its exit code. */
import { mkdirSync } from 'node:fs';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { LoadError, UsageError } from '../load-error.ts';
import { describeMachine } from '../report/machine.ts';
import type { Output } from '../run-output.ts';
import { type AbuseOptions, HELP, parseAbuseOptions } from './options.ts';
import { renderTable, renderTrial, trialJson } from './report.ts';
import { type Trial, tryAttack } from './trial.ts';
import { judge } from './verdict.ts';

/** 0: everything held. 1: something did not, or could not be tried. 2: the command line is wrong. */
export type ExitCode = 0 | 1 | 2;

/** Runs the command. */
export async function runAbuse(args: readonly string[], output: Output): Promise<ExitCode> {
  try {
    const options = parseAbuseOptions(args);
    if (options !== undefined) return await tryAll(options, output);
    output.write(HELP);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.say(`error: ${error.message}`);
    output.say('npm run abuse -- --help tells what can be written.');
    return 2;
  }
}

async function tryAll(options: AbuseOptions, output: Output): Promise<ExitCode> {
  const { attacks, isCluster, seconds, isJson, dataFolder: parentFolder } = options;
  mkdirSync(parentFolder, { recursive: true });
  const tools = await nativeSigningTools();
  const say = (line: string): void => output.say(line);
  const trials: Trial[] = [];
  const failed: string[] = [];
  if (!isJson) {
    const { cpu, cores, node } = await describeMachine();
    const server = isCluster ? 'a cluster with two gateways' : 'the embedded server';
    output.write(`${cpu}, ${cores} cores; Node ${node}; ${server}; ${seconds} s each.`);
    output.write('');
  }
  for (const attack of attacks) {
    try {
      const trial = await tryAttack(attack, { isCluster, seconds, parentFolder, tools, say });
      trials.push(trial);
      const lines = isJson ? [JSON.stringify(trialJson(trial))] : renderTrial(trial);
      for (const line of lines) output.write(line);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      failed.push(attack.name);
      output.say(`${attack.name} could not be tried: ${error.message}`);
    }
  }
  if (!isJson && trials.length > 0) {
    for (const line of ['', ...LEGEND, '', ...renderTable(trials)]) output.write(line);
  }
  const isHeld = trials.every((trial) => judge(trial).every((each) => each.isHeld));
  return isHeld && failed.length === 0 ? 0 : 1;
}

const LEGEND = [
  'Times are p50/p99, the worse of two quiet phases → under attack. CPU: 100 % is a core, quiet →',
  'under attack. Memory: of the server alone, quiet → at most under attack → after it.',
];
