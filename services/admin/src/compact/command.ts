/** `mosaic-admin compact`: joins small segments of a cluster, and takes out what nobody wants any more. */
import { EXIT, type Host, parseWhole, usageError } from '@mosaic-cluster/client/command';
import { COMPACTION_GRACE_MS } from '@mosaic-cluster/role';
import { formatDurationMs, parseDurationMs } from '@mosaic-cluster/runtime';
import { COMPACTION_DEFAULTS } from '@mosaic-cluster/store';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT_HELP } from '../exit-code.ts';
import { interruptible } from '../output/interruptible.ts';
import { openCluster } from '../place/open-cluster.ts';
import {
  addPlaceOptions,
  findPlace,
  PLACE_HELP,
  type PlaceOptions,
} from '../place/place-options.ts';
import { compactCluster, type CompactedRoles } from './compact-cluster.ts';
import { compactedJson, compactedText } from './compact-report.ts';

interface CompactCommandOptions extends PlaceOptions {
  readonly dryRun?: true;
  readonly age: number;
  readonly grace: number;
  readonly keep: number;
  readonly sweep: 'due' | 'always' | 'never';
  readonly rate: number;
  readonly for?: number;
}

const HELP = `
Every commit of a cluster's worker is an object of its own, so where records come in one by one there
are as many objects as records. This joins neighbours into segments of some 32 MiB, leaves out records
that were removed or replaced long enough ago, and deletes the small ones a day later. The records that
are found, their order and the time at which they were received stay as they are. Workers go on serving;
nobody notices but by what it costs.

Of what is not small only a sweep takes removed records out: it reads all segments. By default a run
sweeps where something was removed that is to go by now, and the last sweep was a week ago.

Run it as often as it fits, every night for example. Ctrl-C and a crash at any moment lose nothing, and
the next run goes on. It does nothing while an index is being made anew, or another one runs, and no
index can be made anew meanwhile: --for says how long it may take, which matters where there are years
to join.

The embedded server's segments are large; with MOSAIC_COMPACT=on it takes out by itself what is to go.
${PLACE_HELP}

Examples:
  mosaic-admin compact --dry-run
  mosaic-admin compact --json | jq '.roles | map_values(.deleted)'
  mosaic-admin compact --for 4h
  mosaic-admin compact --role outbox --grace 1d --sweep always
${EXIT_HELP}`;

/** Adds `compact` to the command. */
export function registerCompact(program: Command, host: Host): void {
  const { ageMs, keepMs, readsPerSecond } = COMPACTION_DEFAULTS;
  const command = program
    .command('compact')
    .summary('join small segments of a cluster')
    .description('Joins small segments of a cluster, and takes out what nobody wants any more.')
    .option('--dry-run', 'only say what would be joined, and what it would cost')
    .addOption(time('--age <duration>', 'join segments that are older than this', ageMs))
    .addOption(
      time(
        '--grace <duration>',
        'leave out what was removed or replaced longer ago',
        COMPACTION_GRACE_MS,
      ),
    )
    .addOption(time('--keep <duration>', 'delete segments so long after they were joined', keepMs))
    .addOption(
      new Option('--sweep <when>', 'take removed records out of large segments')
        .choices(['due', 'always', 'never'])
        .default('due'),
    )
    .option('--rate <n>', 'segments read in a second', parseWhole(1, 100_000), readsPerSecond)
    .addOption(time('--for <duration>', 'begin to join nothing more after this time'));
  addPlaceOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: CompactCommandOptions) => {
      await runCompact(host, options);
    });
}

async function runCompact(host: Host, options: CompactCommandOptions): Promise<void> {
  const place = await findPlace(options);
  if (place.of === 'embedded') {
    const remedy =
      'With MOSAIC_COMPACT=on the server takes out what is to go; clusters are named by the settings of their workers.';
    throw usageError('compact', "the embedded server's segments are large already", remedy);
  }
  const { dryRun: isDryRun = false, json, quiet, grace: graceMs, sweep } = options;
  const bounds = { ageMs: options.age, keepMs: options.keep, readsPerSecond: options.rate };
  const holding = await openCluster(place.config, options.role);
  try {
    const done = await interruptible(
      host,
      quiet === true,
      async ({ signal, progress, status }): Promise<CompactedRoles> =>
        compactCluster({
          holding,
          isDryRun,
          graceMs,
          sweep,
          bounds,
          endsAtMs: options.for === undefined ? undefined : Date.now() + options.for,
          signal,
          onProgress: (role, now) => {
            progress.report({
              what: `${role}: joining segments`,
              done: now.joinedBytes,
              total: now.bytes,
              records: now.relocated,
            });
          },
          onSkipped: (why) => status.warn(why),
        }),
    );
    const report = { name: holding.name, isDryRun, ...done };
    host.write(json === true ? compactedJson(report) : compactedText(report));
    const isDamaged = Object.values(done.roles).some(({ damages }) => damages > 0);
    host.exitCode = isDamaged ? EXIT.invalid : done.skipped > 0 ? EXIT.usage : EXIT.ok;
  } finally {
    await holding.close();
  }
}

const TIME_MS_MAX = 3650 * 86_400_000;

function time(flags: string, what: string, ms?: number): Option {
  const option = new Option(flags, what).argParser((text: string) => {
    const given = parseDurationMs(text);
    if (given !== undefined && given <= TIME_MS_MAX) return given;
    throw new InvalidArgumentError('Give a duration like 30m, 12h or 7d.');
  });
  return ms === undefined ? option : option.default(ms, formatDurationMs(ms));
}
