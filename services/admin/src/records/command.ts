/** `mosaic-admin records`: shows records, removes them for everybody, and puts them back. */
import {
  EXIT,
  type Host,
  jsonLine,
  parseKind,
  parsePublicKey,
  parseReference,
  parseWhole,
  usageError,
} from '@mosaic-cluster/client/command';
import { encodeReference, type Reference } from '@mosaic-cluster/protocol';
import { type Removal, REMOVED_REASON_BYTES_MAX, RemovedRecords } from '@mosaic-cluster/role';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP } from '../change/change-options.ts';
import { lineOf } from '../change/line-of-text.ts';
import { addListOption, type Listed, listHelp, readList } from '../change/read-list.ts';
import { type ChangeCommandOptions, runChange } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { type ListForm, tellPage } from '../output/tell-page.ts';
import { addFactsOptions, FACTS_HELP, openFacts, openFactsAt } from '../place/open-facts.ts';
import { findPlace, openHolding, type PlaceOptions } from '../place/place-options.ts';
import { type AuthorFilter, findByReference, searched } from './find-records.ts';
import { foundJson, foundText, removalJson, removalLine } from './records-report.ts';
import { allOfAuthor, namedRecords, recordsRemoved } from './remove-records.ts';
import { registerRestore } from './restore-command.ts';

interface ListOption {
  readonly file?: string;
}
interface RemoveOptions extends ChangeCommandOptions, ListOption {
  readonly author?: string;
  readonly kind?: string;
  readonly reason?: string;
  readonly yes?: true;
}
interface RemovedOptions extends PlaceOptions {
  readonly after?: string;
  readonly limit: number;
}

const HELP = `
A REFERENCE is moref0… or 96 hex digits: a record's ID, or the address of a replaceable record.

"mosaic-admin records COMMAND --help" tells more about one command.`;

const SHOW_HELP = `
Shows where records are and what is in them, whatever the role, also those that were removed where an index
still has them. What is in a private record is not shown. With --json there is an object for each role that
has it, on a line of its own.
${listHelp('reference')}
${FACTS_HELP}

Examples:
  mosaic-admin records show moref0…
  mosaic-admin records show --json moref0… | jq '{role, receivedAt, place}'
${EXIT_HELP}`;

const REMOVE_HELP = `
Removes records for everybody, in every role: they are not found, not sent, and refused when somebody
submits them again; making the index anew does not bring them back. An ID of a record that is not here is
kept out should it come. An address stands for the record that has it now.

The bytes stay in the segments for a while, where they are served to nobody: until then "records restore"
takes a removal back. Whoever must not even have them on disk has more to do.

What a replaceable record had replaced stays replaced, also when the index is made anew; its author may
publish a newer version.

--author removes all that an author has here, of one kind with --kind. How many that are is said first;
--yes goes ahead. Replaced versions are not found and not named: nobody is served them anyway.
${listHelp('reference')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin records remove moref0… --reason "court order 12/26" --as alice
  mosaic-admin records remove --author mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo --dry-run
  mosaic-admin records remove --author mopub0… --kind microblog-root --yes
${EXIT_HELP}`;

const REMOVED_HELP = `
Lists removals in the order of the records' IDs. Where there are more, the last line says how to go on; in
JSON that is "next", or null.
${FACTS_HELP}

Examples:
  mosaic-admin records removed --limit 100
${EXIT_HELP}`;

/** Adds `records` to the command. */
export function registerRecords(program: Command, host: Host): void {
  const records = program
    .command('records')
    .helpCommand(false)
    .summary('show records, remove them for everybody, put them back')
    .description('Shows records, removes them for everybody, and puts them back.')
    .addHelpText('after', HELP);
  registerShow(records, host);
  registerRemove(records, host);
  registerRestore(records, host);
  registerRemoved(records, host);
}

function readReferences(
  host: Host,
  named: readonly string[],
  { file }: ListOption,
): Promise<Listed<Reference>[]> {
  const [what, parse, show] = ['REFERENCE', parseReference, encodeReference] as const;
  return readList(host, { named, file, what, parse, show });
}

function registerShow(records: Command, host: Host): void {
  const command = records
    .command('show')
    .description('Shows where records are and what is in them.')
    .argument('[references...]', 'IDs or addresses');
  addListOption(addFactsOptions(command))
    .addHelpText('after', SHOW_HELP)
    .action(async (named: string[], options: PlaceOptions & ListOption) => {
      await show(host, await readReferences(host, named, options), options);
    });
}

async function show(
  host: Host,
  references: readonly Listed<Reference>[],
  options: PlaceOptions,
): Promise<void> {
  const place = await findPlace(options);
  const facts = await openFactsAt(place, false);
  try {
    const holding = await openHolding(place, undefined);
    try {
      const removed = new RemovedRecords(facts.registry);
      const roles = searched(holding);
      for (const { value, shown } of references) {
        const found = await findByReference(roles, value);
        for (const each of found) {
          const [removal] = await removed.find([each.record.id]);
          if (options.json !== true) host.write(foundText(each, removal, host.paint));
          else host.write(jsonLine({ type: 'record', ...foundJson(each, removal) }));
        }
        if (found.length > 0) continue;
        host.exitCode = EXIT.usage;
        host.warn(`${shown} is not here\n`);
      }
    } finally {
      await holding.close();
    }
  } finally {
    await facts.close();
  }
}

function registerRemove(records: Command, host: Host): void {
  const command = records
    .command('remove')
    .description('Removes records for everybody.')
    .argument('[references...]', 'IDs or addresses')
    .option('--author <key>', 'all records of this author')
    .option('--kind <kind>', 'with --author: only of this kind')
    .option('--reason <text>', 'why, for operators')
    .option('--yes', 'all records of the author are meant');
  addChangeOptions(addListOption(addFactsOptions(command)))
    .addHelpText('after', REMOVE_HELP)
    .action(async (named: string[], options: RemoveOptions) => {
      await remove(host, named, options);
    });
}

async function remove(host: Host, named: readonly string[], options: RemoveOptions): Promise<void> {
  const reason = lineOf('--reason', options.reason ?? '', REMOVED_REASON_BYTES_MAX);
  const filter = filterOf(options);
  if (filter !== undefined && (named.length > 0 || options.file !== undefined)) {
    throw usageError('--author', 'there are references too', 'Give the one or the other.');
  }
  const references = filter === undefined ? await readReferences(host, named, options) : [];
  await runChange(host, options, async ({ facts, by, isDry }, place) => {
    const holding = await openHolding(place, undefined);
    try {
      const roles = searched(holding);
      const isMeant = isDry || options.yes === true;
      const removed = new RemovedRecords(facts.registry);
      const { list, here } =
        filter === undefined
          ? await namedRecords(roles, references)
          : await allOfAuthor(roles, filter, removed, isMeant);
      return { list, change: recordsRemoved(facts, by, reason, here) };
    } finally {
      await holding.close();
    }
  });
}

function filterOf({ author, kind }: RemoveOptions): AuthorFilter | undefined {
  if (author === undefined) {
    if (kind === undefined) return undefined;
    throw usageError('--kind', 'says nothing without --author', 'Add --author KEY.');
  }
  return {
    author: parsePublicKey('--author', author),
    kind: kind === undefined ? undefined : parseKind('--kind', kind),
  };
}

function registerRemoved(records: Command, host: Host): void {
  const command = records
    .command('removed')
    .description('Lists what was removed.')
    .option('--after <id>', 'only those behind this one')
    .option('--limit <n>', 'at most so many', parseWhole(1, 1000), 1000);
  addFactsOptions(command)
    .addHelpText('after', REMOVED_HELP)
    .action(async (options: RemovedOptions) => {
      await listRemoved(host, options);
    });
}

const REMOVALS: ListForm<Removal> = {
  type: 'removed',
  items: 'removals',
  json: removalJson,
  text: removalLine,
  name: ({ id }) => encodeReference(id),
  nothing: 'nothing was removed',
};

async function listRemoved(host: Host, options: RemovedOptions): Promise<void> {
  const after = options.after === undefined ? undefined : parseReference('--after', options.after);
  const facts = await openFacts(options, false);
  try {
    const page = await new RemovedRecords(facts.registry).list(after, options.limit);
    const part = { items: page.removals, hasMore: page.hasMore };
    tellPage(host, options.json === true, facts.name, part, REMOVALS);
  } finally {
    await facts.close();
  }
}
