/** `mosaic-admin processes`: who serves, by which rules, and whether all go by the same. */
import { EXIT, type Host, jsonLine } from '@mosaic-cluster/client/command';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { EXIT_HELP } from '../exit-code.ts';
import { addFactsOptions, FACTS_HELP } from '../place/open-facts.ts';
import { findPlace, type PlaceOptions } from '../place/place-options.ts';
import { askProcesses } from './ask-processes.ts';
import { differences } from './compare-processes.ts';
import { differencesJson, differencesText, processJson, serviceText } from './processes-report.ts';

const HELP = `
Says which processes serve, with the settings that say what clients may do, as they are in force there. Where
processes that should be alike go by different ones, that is said at the end, and the exit code is 1. Budgets are
compared as a whole; "mosaic-admin limits" shows them.

The server of a data folder is asked on its control socket. The processes of a cluster are asked over NATS, by the
settings that they have for it (MOSAIC_NATS_URLS and what belongs to it): those that answer within a
second or two are listed, so count them.
${FACTS_HELP}

Examples:
  mosaic-admin processes
  mosaic-admin processes --json | jq '.differences'
${EXIT_HELP}`;

/** Adds `processes` to the command. */
export function registerProcesses(program: Command, host: Host): void {
  const command = program
    .command('processes')
    .summary('say who serves, by which rules, and where these differ')
    .description('Says who serves, by which rules, and where these differ.');
  addFactsOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: PlaceOptions) => {
      await tell(host, options);
    });
}

async function tell(host: Host, options: PlaceOptions): Promise<void> {
  const { reports, why } = await askProcesses(await findPlace(options));
  if (reports.length === 0) {
    throw new MosaicError('unavailable', 'nobody-answers', why ?? 'nobody answers');
  }
  const found = differences(reports);
  if (found.length > 0) host.exitCode = EXIT.invalid;
  if (options.json === true) {
    const processes = reports.map(processJson);
    const told = { processes, differences: differencesJson(found), missing: why ?? null };
    host.write(jsonLine({ type: 'processes', ...told }));
    return;
  }
  const nowMs = host.now();
  const services = new Set(reports.map(({ process }) => process.service));
  for (const service of services) {
    const some = reports.filter(({ process }) => process.service === service);
    host.write(`${serviceText(some, nowMs, host.paint)}\n`);
  }
  host.write(differencesText(found, host.paint) || 'all go by the same\n');
  if (why !== undefined) host.warn(`${why}\n`);
}
