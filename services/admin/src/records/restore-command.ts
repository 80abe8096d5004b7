/** `mosaic-admin records restore`: takes a removal back. */
import { encodeReference, type Reference } from '@mosaic-cluster/protocol';
import { type Host, parseReference } from '@mosaic-cluster/client/command';
import { REMOVED_REASON_BYTES_MAX } from '@mosaic-cluster/role';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP } from '../change/change-options.ts';
import { lineOf } from '../change/line-of-text.ts';
import { addListOption, listHelp, readList } from '../change/read-list.ts';
import { type ChangeCommandOptions, runChange } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { interruptible } from '../output/interruptible.ts';
import { addFactsOptions, FACTS_HELP } from '../place/open-facts.ts';
import { openHolding } from '../place/place-options.ts';
import { assertIds, findRemoved, recordsRestored } from './restore-records.ts';

interface RestoreOptions extends ChangeCommandOptions {
  readonly file?: string;
  readonly reason?: string;
}

const HELP = `
Takes removals back: the records are found again in every role that had them, as if they had never been
removed, and may be submitted again. That works as long as their bytes are in the segments. Where they lay is
noted with the removal; where that is not so, or segments were rewritten since, all segments of the role are
read, which takes time where there are many. Of a record whose bytes are not here any more, or never were, only
the ban ends ("let in again").

A replaceable record has its address again unless a newer version is there, or was and was removed itself.
${listHelp('ID')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin records restore moref0… --reason "it was another one"
  mosaic-admin audit list --json --limit 1 | jq -r '.entries[].on[]' | mosaic-admin records restore --file -
${EXIT_HELP}`;

/** Adds `restore` to `records`. */
export function registerRestore(records: Command, host: Host): void {
  const command = records
    .command('restore')
    .description('Puts removed records back.')
    .argument('[ids...]', 'IDs of removed records')
    .option('--reason <text>', 'why, for the audit log');
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
  const list = await readList<Reference>(host, {
    named,
    file: options.file,
    what: 'ID',
    parse: parseReference,
    show: encodeReference,
  });
  assertIds(list);
  await runChange(host, options, async ({ facts }, place) => {
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
