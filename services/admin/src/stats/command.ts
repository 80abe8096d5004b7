/** `mosaic-admin stats`: what is held, by role. */
import { type Host, parseWhole, StatusLine } from '@mosaic-cluster/client/command';
import type { Command } from 'commander';
import { EXIT_HELP } from '../exit-code.ts';
import {
  addPlaceOptions,
  openPlace,
  PLACE_HELP,
  type PlaceOptions,
} from '../place/place-options.ts';
import { ProgressReporter } from '../output/progress.ts';
import { statsJson, statsText } from './stats-report.ts';
import { collectStats } from './stats.ts';

interface StatsCommandOptions extends PlaceOptions {
  readonly kinds?: number;
}

const HELP = `
Says of each role how many segments and records there are and since when, how many records the index
finds, and how many of them wait for a moderator. Segments hold replaced records too, the index does not.
With --kinds N all segments are read, and the N most frequent kinds are told.

Nothing is checked ("mosaic-admin verify" does that) and nothing is changed; it works while the server
runs.
${PLACE_HELP}

Examples:
  mosaic-admin stats --data ./data
  mosaic-admin stats --data ./data --role outbox --kinds 10
  mosaic-admin stats --json | jq '.roles | map_values(.records)'
${EXIT_HELP}`;

const KINDS: (text: string) => number = parseWhole(1, 1000);

/** Adds `stats` to the command. */
export function registerStats(program: Command, host: Host): void {
  const command = program
    .command('stats')
    .summary('say what is held, by role')
    .description('Says what is held, by role.')
    .option('--kinds <n>', 'also the N most frequent kinds: reads all segments', KINDS);
  addPlaceOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: StatsCommandOptions) => {
      await runStats(host, options);
    });
}

async function runStats(host: Host, options: StatsCommandOptions): Promise<void> {
  const holding = await openPlace(options);
  const status = new StatusLine(host, options.quiet === true);
  const progress = new ProgressReporter(host, status);
  const stopped = new AbortController();
  const off = host.onInterrupt(() => stopped.abort());
  try {
    const stats = await collectStats({
      holding,
      kinds: options.kinds ?? 0,
      signal: stopped.signal,
      onProgress: (now) => progress.report(now),
    });
    progress.clear();
    host.write(options.json === true ? statsJson(holding, stats) : statsText(holding, stats));
  } finally {
    progress.clear();
    off();
    await holding.close();
  }
}
