/** The command as a whole: from its arguments to its exit code. */
import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { LoadError, UsageError } from '../load-error.ts';
import { describeMachine } from '../report/machine.ts';
import type { Output } from '../run-output.ts';
import type { Attack } from './attack.ts';
import { goFirst } from './go-first.ts';
import { type AbuseOptions, HELP, parseAbuseOptions } from './options.ts';
import { renderTable, renderTrial, trialJson } from './report.ts';
import { type Trial, type TrialOptions, tryAttack } from './trial.ts';
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
  const { attacks, isCluster, listener, seconds, isJson, dataFolder: parentFolder } = options;
  mkdirSync(parentFolder, { recursive: true });
  const priority = goFirst();
  const tools = await nativeSigningTools();
  const say = (line: string): void => output.say(line);
  const trials: Trial[] = [];
  const failed: string[] = [];
  if (!isJson) {
    const { cpu, cores, node } = await describeMachine();
    const server = isCluster
      ? 'a cluster with two gateways'
      : `the embedded server, listener ${listener}`;
    const [load] = loadavg();
    output.write(`${cpu}, ${cores} cores; Node ${node}; ${server}; ${seconds} s each.`);
    const place = priority === undefined ? 'Beside' : 'Server and honest clients go before';
    output.write(`${place} what else the machine does: load ${load!.toFixed(1)} at the start.`);
    output.write('');
  }
  try {
    for (const attack of attacks) {
      const trial = await tryOne(attack, {
        isCluster,
        listener,
        seconds,
        parentFolder,
        tools,
        say,
      });
      if (trial === undefined) {
        failed.push(attack.name);
        continue;
      }
      trials.push(trial);
      const lines = isJson ? [JSON.stringify(trialJson(trial))] : renderTrial(trial);
      for (const line of lines) output.write(line);
    }
  } finally {
    priority?.restore();
  }
  if (!isJson && trials.length > 0) {
    for (const line of ['', ...LEGEND, '', ...renderTable(trials)]) output.write(line);
  }
  const isHeld = trials.every((trial) => judge(trial).every((each) => each.isHeld));
  return isHeld && failed.length === 0 ? 0 : 1;
}

/** Undefined: it could not be tried, which was said. */
async function tryOne(attack: Attack, options: TrialOptions): Promise<Trial | undefined> {
  try {
    return await tryAttack(attack, options);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    options.say(`${attack.name} could not be tried: ${error.message}`);
    return undefined;
  }
}

const LEGEND = [
  'Times are p50/p99, the worse of two quiet phases → under attack. CPU: 100 % is a core, quiet →',
  'under attack. Memory: of the server alone, quiet → at most under attack → after it.',
];
