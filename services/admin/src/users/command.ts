/** `mosaic-admin users`: who is registered, and what is held for them. */
import {
  type Host,
  jsonLine,
  parsePublicKey,
  parseWhole,
  usageError,
} from '@mosaic-cluster/client/command';
import { encodeUserKey, type PublicKey } from '@mosaic-cluster/protocol';
import { type RegisteredUser, RegisteredUsers, USER_NOTE_BYTES_MAX } from '@mosaic-cluster/role';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP } from '../change/change-options.ts';
import { lineOf } from '../change/line-of-text.ts';
import { addListOption, type Listed, listHelp, readList } from '../change/read-list.ts';
import { type ChangeCommandOptions, runChange } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { type ListForm, tellPage } from '../output/tell-page.ts';
import { addFactsOptions, FACTS_HELP, openFacts, openFactsAt } from '../place/open-facts.ts';
import { findPlace, openHolding, type PlaceOptions } from '../place/place-options.ts';
import { rulesInForce } from '../processes/rules-in-force.ts';
import { SHOWN_USERS_MAX, showUsers } from './show-users.ts';
import { usersAdded, usersRemoved } from './user-changes.ts';
import { rulesHereText, shownJson, shownText, userJson, userLine } from './users-report.ts';

interface ListOption {
  readonly file?: string;
}
interface AddOptions extends ChangeCommandOptions, ListOption {
  readonly note?: string;
}
interface ListOptions extends PlaceOptions {
  readonly after?: string;
  readonly limit: number;
}

const HELP = `
Registered users are those whom a server with MOSAIC_ADMISSION=registered serves, and whose records a
moderated inbox does not hold. Who is named by the setting MOSAIC_USERS is registered besides; these
commands do not show them. A KEY is a user's master key: mopub0…, mosrv0… or 64 hex digits.

"mosaic-admin users COMMAND --help" tells more about one command.`;

const ADD_HELP = `
Registers users. Who is registered already stays so, with the new note where there is one. In a file, what
stands behind a key on its line is the note on that user.
${listHelp('key')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin users add mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo --note "Alice, staff"
  mosaic-admin users add --file members.txt --dry-run
  other-program | mosaic-admin users add --file - --as import --data /var/lib/mosaic
${EXIT_HELP}`;

const REMOVE_HELP = `
Takes users out of the registry. What they published stays; "mosaic-admin records remove" takes that away.
${listHelp('key')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin users remove mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo
  mosaic-admin users remove --file left.txt --dry-run --json
${EXIT_HELP}`;

const LIST_HELP = `
Lists registered users in the order of their keys. Where there are more, the last line says how to go on;
in JSON that is "next", or null.
${FACTS_HELP}

Examples:
  mosaic-admin users list --limit 1000
  mosaic-admin users list --json | jq -r '.users[].key'
${EXIT_HELP}`;

const SHOW_HELP = `
Says of each user whether they are registered, and per role how many records are held of which they are
the author, and how many that notify them. Replaced records are not counted; on a path that has more,
counting ends at 100,000. Where MOSAIC_ACCEPT is set as the roles have it, the part of the quota that is
used is told.
${FACTS_HELP}

Examples:
  mosaic-admin users show mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo
  mosaic-admin users show --json --data ./data 8a2f…
${EXIT_HELP}`;

/** Adds `users` to the command. */
export function registerUsers(program: Command, host: Host): void {
  const users = program
    .command('users')
    .helpCommand(false)
    .summary('register users, take them out, show what is held for them')
    .description('Registers users, takes them out, lists them, shows what is held for them.')
    .addHelpText('after', HELP);
  registerAdd(users, host);
  registerRemove(users, host);
  registerList(users, host);
  registerShow(users, host);
}

function readKeys(
  host: Host,
  named: readonly string[],
  { file }: ListOption,
): Promise<Listed<PublicKey>[]> {
  return readList(host, { named, file, what: 'KEY', parse: parsePublicKey, show: encodeUserKey });
}

function registerAdd(users: Command, host: Host): void {
  const command = users
    .command('add')
    .description('Registers users.')
    .argument('[keys...]', 'their master keys')
    .option('--note <text>', 'who they are or why they are here, for operators');
  addChangeOptions(addListOption(addFactsOptions(command)))
    .addHelpText('after', ADD_HELP)
    .action(async (named: string[], options: AddOptions) => {
      const { note } = options;
      if (note !== undefined) lineOf('--note', note, USER_NOTE_BYTES_MAX);
      const keys = await readKeys(host, named, options);
      for (const { remark, shown } of keys) {
        if (remark !== undefined) lineOf(`the note on ${shown}`, remark, USER_NOTE_BYTES_MAX);
      }
      await runChange(host, options, ({ facts, by }) => ({
        list: keys,
        change: usersAdded(facts, by, note),
      }));
    });
}

function registerRemove(users: Command, host: Host): void {
  const command = users
    .command('remove')
    .description('Takes users out of the registry.')
    .argument('[keys...]', 'their master keys');
  addChangeOptions(addListOption(addFactsOptions(command)))
    .addHelpText('after', REMOVE_HELP)
    .action(async (named: string[], options: ChangeCommandOptions & ListOption) => {
      const list = await readKeys(host, named, options);
      await runChange(host, options, ({ facts }) => ({ list, change: usersRemoved(facts) }));
    });
}

function registerList(users: Command, host: Host): void {
  const command = users
    .command('list')
    .description('Lists registered users.')
    .option('--after <key>', 'only those behind this one')
    .option('--limit <n>', 'at most so many', parseWhole(1, 1000), 1000);
  addFactsOptions(command)
    .addHelpText('after', LIST_HELP)
    .action(async (options: ListOptions) => {
      await listUsers(host, options);
    });
}

const USERS: ListForm<RegisteredUser> = {
  type: 'users',
  items: 'users',
  json: userJson,
  text: userLine,
  name: ({ key }) => encodeUserKey(key),
  nothing: 'nobody is registered',
};

async function listUsers(host: Host, options: ListOptions): Promise<void> {
  const after = options.after === undefined ? undefined : parsePublicKey('--after', options.after);
  const facts = await openFacts(options, false);
  try {
    const { users, hasMore } = await new RegisteredUsers(facts.registry).list(after, options.limit);
    tellPage(host, options.json === true, facts.name, { items: users, hasMore }, USERS);
  } finally {
    await facts.close();
  }
}

function registerShow(users: Command, host: Host): void {
  const command = users
    .command('show')
    .description('Says whether users are registered, and what is held for them.')
    .argument('[keys...]', 'their master keys');
  addListOption(addFactsOptions(command))
    .addHelpText('after', SHOW_HELP)
    .action(async (named: string[], options: PlaceOptions & ListOption) => {
      const keys = await readKeys(host, named, options);
      if (keys.length > SHOWN_USERS_MAX) {
        const remedy = `At most ${SHOWN_USERS_MAX} are shown at once.`;
        throw usageError('KEY', `there are ${keys.length}`, remedy);
      }
      await show(
        host,
        options,
        keys.map(({ value }) => value),
      );
    });
}

async function show(host: Host, options: PlaceOptions, keys: readonly PublicKey[]): Promise<void> {
  const place = await findPlace(options);
  const facts = await openFactsAt(place, false);
  try {
    const holding = await openHolding(place, undefined);
    try {
      const rules = await rulesInForce(place, keys);
      const users = await showUsers(facts.registry, holding, rules, keys);
      if (options.json === true) {
        const told = { users: users.map(shownJson), rulesFault: rules.why ?? null };
        host.write(jsonLine({ type: 'users', of: facts.name, ...told }));
      } else {
        for (const user of users) host.write(shownText(user, host.paint));
        if (rules.why !== undefined) host.write(`${rulesHereText(rules.why)}\n`);
      }
    } finally {
      await holding.close();
    }
  } finally {
    await facts.close();
  }
}
