/** `mosaic-admin records restore`: takes a removal back. */
import { type Host, parseMoment, parseReference, usageError } from '@mosaic-cluster/client/command';
import { encodeReference, type Reference, timestampToMillis } from '@mosaic-cluster/protocol';
import { REMOVED_REASON_BYTES_MAX } from '@mosaic-cluster/role';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP } from '../change/change-options.ts';
import { lineOf } from '../change/line-of-text.ts';
import { addListOption, type Listed, listHelp, readList } from '../change/read-list.ts';
import { type ChangeCommandOptions, runChange } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { interruptible } from '../output/interruptible.ts';
import { addFactsOptions, FACTS_HELP } from '../place/open-facts.ts';
import { openHolding } from '../place/place-options.ts';
import {
  assertIds,
  findRemoved,
  recordsRestored,
  type RemovalFilter,
  removedSince,
} from './restore-records.ts';

interface RestoreOptions extends ChangeCommandOptions {
  readonly file?: string;
  readonly since?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly yes?: true;
}

const HELP = `
Takes removals back: the records are found again in every role that had them, as if they had never been
removed, and may be submitted again. That works as long as their bytes are in the segments. Where they lay is
noted with the removal; where that is not so, or segments were rewritten since, all segments of the role are
read, which takes time where there are many. Of a record whose bytes are not here any more, or never were, only
the ban ends ("let in again").

--since puts back all that was removed from a moment on, of one operator with --by. How many that are is said first;
--yes goes ahead. A MOMENT is a date (2026-11-22) or a time with zone (2026-11-22T18:30:00Z).

A replaceable record has its address again unless a newer version is there, or was and was removed itself.
${listHelp('ID')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin records restore moref0… --reason "it was another one"
  mosaic-admin records restore --since 2026-11-30T03:00:00Z --by carol --dry-run
${EXIT_HELP}`;

/** Adds `restore` to `records`. */
export function registerRestore(records: Command, host: Host): void {
  const command = records
    .command('restore')
    .description('Puts removed records back.')
    .argument('[ids...]', 'IDs of removed records')
    .option('--since <moment>', 'all that was removed then or later')
    .option('--by <name>', 'with --since: only what this one removed')
    .option('--reason <text>', 'why, for the audit log')
    .option('--yes', 'all records of --since are meant');
  addChangeOptions(addListOption(addFactsOptions(command)))
    .addHelpText('after', HELP)
    .action(async (named: string[], options: RestoreOptions) => {
      await restore(host, named, options);
    });
}

async function restore(
  host: Host,
  named: readonly string[],
  options: RestoreOptions,
): Promise<void> {
  const reason = lineOf('--reason', options.reason ?? '', REMOVED_REASON_BYTES_MAX);
  const filter = filterOf(host, options);
  if (filter !== undefined && (named.length > 0 || options.file !== undefined)) {
    throw usageError('--since', 'there are IDs too', 'Give the one or the other.');
  }
  const references = filter === undefined ? await readIds(host, named, options) : [];
  await runChange(host, options, async ({ facts, isDry }, place) => {
    const isMeant = isDry || options.yes === true;
    const list = filter === undefined ? references : await removedSince(facts, filter, isMeant);
    const holding = await openHolding(place, undefined);
    try {
      const found = await interruptible(host, options.json === true, (watched) =>
        findRemoved(facts, holding, list, watched),
      );
      return { list, change: recordsRestored(found, reason) };
    } finally {
      await holding.close();
    }
  });
}

async function readIds(
  host: Host,
  named: readonly string[],
  { file }: RestoreOptions,
): Promise<Listed<Reference>[]> {
  const [parse, show] = [parseReference, encodeReference] as const;
  const list = await readList<Reference>(host, { named, file, what: 'ID', parse, show });
  assertIds(list);
  return list;
}

function filterOf(host: Host, { since, by }: RestoreOptions): RemovalFilter | undefined {
  if (since !== undefined) {
    return { sinceMs: timestampToMillis(parseMoment('--since', since, host.now())), by };
  }
  if (by === undefined) return undefined;
  throw usageError('--by', 'says nothing without --since', 'Add --since MOMENT.');
}
