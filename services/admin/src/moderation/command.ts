/** `mosaic-admin moderation`: what the inbox holds, and deciding on it. */
import {
  EXIT,
  type Host,
  jsonLine,
  parsePublicKey,
  parseReference,
  parseWhole,
  usageError,
} from '@mosaic-cluster/client/command';
import { encodeReference, type Reference } from '@mosaic-cluster/protocol';
import type { Decision } from '@mosaic-cluster/role';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP } from '../change/change-options.ts';
import { addListOption, inPieces, type Listed, listHelp, readList } from '../change/read-list.ts';
import { type ChangeCommandOptions, runChange } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { tellPage } from '../output/tell-page.ts';
import { addFactsOptions, FACTS_HELP, openFactsAt } from '../place/open-facts.ts';
import { findPlace, type PlaceOptions } from '../place/place-options.ts';
import { decided } from './decide.ts';
import { allHeld, firstHeld, type HeldFilter } from './held-records.ts';
import { heldJson, heldText, shownJson, shownText } from './moderation-report.ts';
import { type Desk, openDesk } from './open-desk.ts';

interface FilterOptions {
  readonly author?: string;
  readonly recipient?: string;
}
interface ListOptions extends PlaceOptions, FilterOptions {
  readonly after?: string;
  readonly limit: number;
}
interface ListOption {
  readonly file?: string;
}
interface DecideOptions extends ChangeCommandOptions, FilterOptions, ListOption {
  readonly yes?: true;
}

const HELP = `
With MOSAIC_MODERATION=hold-strangers the inbox holds what authors who are not registered send to its users:
only the recipients see it. Approved, everybody sees it; rejected, nobody does any more. A decision may be
changed, and survives whatever happens to the index. An ID is moref0… or 96 hex digits.

"mosaic-admin moderation COMMAND --help" tells more about one command.`;

const LIST_HELP = `
Lists what waits, newest first. Where there is more, the last line says how to go on; in JSON that is
"next", or null.
${FACTS_HELP}

Examples:
  mosaic-admin moderation list --recipient mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo
  mosaic-admin moderation list --json | jq -r '.records | group_by(.author)[] | "\\(length) \\(.[0].author)"'
${EXIT_HELP}`;

const SHOW_HELP = `
Shows records of the inbox whole, as "mosaic inspect" does, and what was decided on them. With --json
there is an object for each, on a line of its own.
${listHelp('ID')}
${FACTS_HELP}

Examples:
  mosaic-admin moderation show moref0…
  mosaic-admin moderation show --json moref0… | jq .record.fields.payload
${EXIT_HELP}`;

function decideHelp(verb: string, effect: string): string {
  return `
${effect} Records are named by their IDs, or by
--author and --recipient: then all that wait and match are meant. How many that are is said first; --yes
goes ahead.
${listHelp('ID')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin moderation ${verb} moref0… --as alice
  mosaic-admin moderation ${verb} --author mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo --dry-run
  mosaic-admin moderation ${verb} --author mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo --yes
${EXIT_HELP}`;
}

/** Adds `moderation` to the command. */
export function registerModeration(program: Command, host: Host): void {
  const moderation = program
    .command('moderation')
    .helpCommand(false)
    .summary('list and show what the inbox holds, approve and reject it')
    .description('Lists and shows what the inbox holds for a moderator, approves and rejects it.')
    .addHelpText('after', HELP);
  registerList(moderation, host);
  registerShow(moderation, host);
  registerDecide(moderation, host, 'approve', 'Lets everybody read records that are held.');
  registerDecide(moderation, host, 'reject', 'Makes held records be gone for everybody.');
}

function addFilterOptions(command: Command): Command {
  return command
    .option('--author <key>', 'only records of this author')
    .option('--recipient <key>', 'only records to this one: in a Notify tag, or replied to');
}

function filterOf({ author, recipient }: FilterOptions): HeldFilter {
  return {
    author: author === undefined ? undefined : parsePublicKey('--author', author),
    recipient: recipient === undefined ? undefined : parsePublicKey('--recipient', recipient),
  };
}

function readIds(
  host: Host,
  named: readonly string[],
  { file }: ListOption,
): Promise<Listed<Reference>[]> {
  return readList(host, { named, file, what: 'ID', parse: parseReference, show: encodeReference });
}

/** Runs something at the desk of the place that the options name. */
async function atDesk<Result>(
  options: PlaceOptions,
  use: (desk: Desk, name: string) => Promise<Result>,
): Promise<Result> {
  const place = await findPlace(options);
  const facts = await openFactsAt(place, false);
  try {
    const desk = await openDesk(place, facts.registry);
    try {
      return await use(desk, facts.name);
    } finally {
      await desk.close();
    }
  } finally {
    await facts.close();
  }
}

function registerList(moderation: Command, host: Host): void {
  const command = moderation
    .command('list')
    .description('Lists what waits for a moderator, newest first.')
    .option('--after <id>', 'only what follows this record in the list')
    .option('--limit <n>', 'at most so many', parseWhole(1, 1000), 50);
  addFilterOptions(addFactsOptions(command))
    .addHelpText('after', LIST_HELP)
    .action(async (options: ListOptions) => {
      await list(host, options);
    });
}

async function list(host: Host, options: ListOptions): Promise<void> {
  const filter = filterOf(options);
  const after = options.after === undefined ? undefined : parseReference('--after', options.after);
  await atDesk(options, async ({ moderator }, of) => {
    const { records, hasMore } = await firstHeld(moderator, filter, options.limit, after);
    tellPage(
      host,
      options.json === true,
      of,
      { items: records, hasMore },
      {
        type: 'held',
        items: 'records',
        json: heldJson,
        text: (record) => heldText(record, host.paint),
        name: ({ record }) => encodeReference(record.id),
        nothing: 'nothing waits',
      },
    );
  });
}

function registerShow(moderation: Command, host: Host): void {
  const command = moderation
    .command('show')
    .description('Shows records of the inbox, and what was decided on them.')
    .argument('[ids...]', 'their IDs');
  addListOption(addFactsOptions(command))
    .addHelpText('after', SHOW_HELP)
    .action(async (named: string[], options: PlaceOptions & ListOption) => {
      await show(host, await readIds(host, named, options), options);
    });
}

/** Records read and shown at once: each may have a mebibyte. */
const SHOWN_AT_ONCE = 32;

async function show(
  host: Host,
  ids: readonly Listed<Reference>[],
  options: PlaceOptions,
): Promise<void> {
  await atDesk(options, async ({ moderator }) => {
    for (const some of inPieces(ids, SHOWN_AT_ONCE)) {
      const found = await moderator.show(some.map(({ value }) => value));
      for (const [i, each] of found.entries()) {
        if (each === undefined) {
          host.exitCode = EXIT.usage;
          host.warn(`${some[i]!.shown} is not in the inbox\n`);
        } else if (options.json === true)
          host.write(jsonLine({ type: 'held-record', ...shownJson(each) }));
        else host.write(`${shownText(each, host.paint)}\n`);
      }
    }
  });
}

function registerDecide(
  moderation: Command,
  host: Host,
  verb: 'approve' | 'reject',
  effect: string,
): void {
  const command = moderation
    .command(verb)
    .description(effect)
    .argument('[ids...]', 'their IDs')
    .option('--yes', 'all that match are meant');
  addChangeOptions(addListOption(addFilterOptions(addFactsOptions(command))))
    .addHelpText('after', decideHelp(verb, effect))
    .action(async (named: string[], options: DecideOptions) => {
      await decide(host, verb === 'approve' ? 'approved' : 'rejected', named, options);
    });
}

async function decide(
  host: Host,
  decision: Decision,
  named: readonly string[],
  options: DecideOptions,
): Promise<void> {
  const filter = filterOf(options);
  const isFilter = filter.author !== undefined || filter.recipient !== undefined;
  const isList = named.length > 0 || options.file !== undefined;
  if (isFilter && isList) {
    throw usageError('--author, --recipient', 'there are IDs too', 'Give the one or the other.');
  }
  const ids = isFilter ? [] : await readIds(host, named, options);
  await runChange(host, options, async ({ facts, by, isDry }, place) => {
    const desk = await openDesk(place, facts.registry);
    try {
      const isMeant = isDry || options.yes === true;
      const list = isFilter ? await allHeld(desk.moderator, filter, isMeant) : ids;
      return { list, change: decided(desk, decision, by), close: () => desk.close() };
    } catch (error) {
      await desk.close();
      throw error;
    }
  });
}
